"""The classical way to another voice: pitch shifted as a whole, formants by warping the spectral envelope."""

import numpy as np

SIZE, HOP = 1024, 256
LIFTER = 1.6e-3  # seconds of the cepstrum that count as envelope
FLOOR = 1e-6


def shift_voice(waveform: np.ndarray, sample_rate: int, semitones: float, formants: float) -> np.ndarray:
    """A voice at another pitch and with other formants, as long as before.

    Args:
        waveform: float32 `[frames]`.
        semitones: its pitch is raised by these.
        formants: factor on the frequencies of its spectral envelope.
    """
    import librosa

    shifted = librosa.effects.pitch_shift(waveform, sr=sample_rate, n_steps=semitones, n_fft=SIZE, hop_length=HOP)
    spectrum, own = (librosa.stft(w, n_fft=SIZE, hop_length=HOP) for w in (shifted, waveform))
    wanted = warped(envelope(own, sample_rate), formants)
    gain = wanted[:, : spectrum.shape[1]] - envelope(spectrum, sample_rate)
    made = librosa.istft(spectrum * np.exp(np.clip(gain, -4, 4)), hop_length=HOP, n_fft=SIZE, length=len(waveform))
    loud, before = (max(float(np.sqrt(np.mean(w**2))), FLOOR) for w in (made, waveform))
    return (made * (before / loud)).astype(np.float32)


def envelope(spectrum: np.ndarray, sample_rate: int) -> np.ndarray:
    """Natural logarithm of the smoothed magnitudes, by the cepstrum's beginning; `[bins, frames]`."""
    cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + FLOOR), axis=0)
    kept = round(LIFTER * sample_rate)
    cepstrum[kept + 1 : -kept] = 0
    return np.fft.rfft(cepstrum, axis=0).real


def warped(logarithms: np.ndarray, factor: float) -> np.ndarray:
    """Envelopes `[bins, frames]` whose frequencies are multiplied by a factor."""
    bins = np.arange(len(logarithms))
    origins = np.clip(bins / factor, 0, len(bins) - 1)
    below = np.minimum(origins.astype(int), len(bins) - 2)
    share = (origins - below)[:, None]
    return (1 - share) * logarithms[below] + share * logarithms[below + 1]


def best_warp(source: np.ndarray, target: np.ndarray, factors: np.ndarray) -> float:
    """The factor that brings one mean envelope `[bins]` nearest to another one, but for level and tilt."""
    slope = np.linspace(-1, 1, len(source))

    def misfit(factor: float) -> float:
        left = warped(source[:, None], factor)[:, 0] - target
        left = left - left.mean()
        return float(np.square(left - slope * (left @ slope) / (slope @ slope)).mean())

    return float(min(factors, key=misfit))
