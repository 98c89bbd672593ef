"""Waveforms from mel spectrograms by consistent phases (Griffin & Lim 1984)."""

from dataclasses import replace

import numpy as np

from core.signal.mel_conversion import convert
from core.signal.spectrogram_files import MelSpectrogram


def griffin_lim(spectrogram: MelSpectrogram) -> np.ndarray:
    """The waveform by librosa's inverse of the mel filters and its Griffin-Lim, float32 `[frames]`."""
    import librosa

    spectrogram = convert(spectrogram, replace(spectrogram.front_end, centred=True))
    front_end = spectrogram.front_end
    linear = librosa.feature.inverse.mel_to_stft(
        spectrogram.magnitudes.astype(np.float32),
        sr=front_end.sample_rate,
        n_fft=front_end.window_length,
        power=1.0,
        fmin=front_end.lowest_hz,
        fmax=front_end.highest_hz,
    )
    return librosa.griffinlim(
        linear,
        n_fft=front_end.window_length,
        hop_length=front_end.hop_length,
        win_length=front_end.window_length,
        length=spectrogram.samples,
        random_state=0,
    )


def warm_up() -> None:
    """Compiles what librosa compiles when it is first used, some seconds, before somebody waits for it."""
    import librosa

    librosa.feature.inverse.mel_to_stft(np.ones((8, 2), np.float32), sr=16000, n_fft=512, power=1.0)
