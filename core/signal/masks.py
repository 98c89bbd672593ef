"""Masks: the short-time spectrum of a mixture shared out among its sources, so that the parts are the whole again."""

import numpy as np
from scipy.signal import istft, stft

FRAME = 1024  # samples of a window; the next one begins a quarter of it later
NOTHING = 1e-20  # power of every source under which all have the same share


def spectrum(samples: np.ndarray, frame: int = FRAME) -> np.ndarray:
    """`[..., frames]`, two at least -> complex `[..., bins, windows]`; windows are no longer than the sound."""
    length = min(frame, samples.shape[-1]) // 2 * 2  # even, so that its bins tell it
    return stft(samples, nperseg=length, noverlap=length - max(1, length // 4))[2]


def waveform_of(spectra: np.ndarray, frames: int) -> np.ndarray:
    """The waveforms `[..., frames]` of what `spectrum` gives."""
    length = 2 * (spectra.shape[-2] - 1)
    samples = istft(spectra, nperseg=length, noverlap=length - max(1, length // 4))[1][..., :frames]
    return np.pad(samples, [(0, 0)] * (samples.ndim - 1) + [(0, frames - samples.shape[-1])])


def wiener_masks(powers: np.ndarray) -> np.ndarray:
    """The share of each source in the power of all, `[sources, ...]`; the shares of every bin add up to one."""
    powers = powers + NOTHING
    return powers / powers.sum(axis=0)
