"""Waveforms from mel spectrograms by consistent phases (Griffin & Lim 1984)."""

import numpy as np

from core.signal.spectrogram_files import MelSpectrogram


def griffin_lim(spectrogram: MelSpectrogram) -> np.ndarray:
    """The waveform by librosa's inverse of the mel filters and its Griffin-Lim, float32 `[frames]`."""
    import librosa

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
