"""Short-time spectra of several microphones, and the steering vectors of plane waves."""

from functools import lru_cache

import numpy as np
from scipy.fft import rfft
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from core.arrays.geometry import SPEED_OF_SOUND, ArrayGeometry

N_FFT = 1024
HOP_LENGTH = N_FFT // 4


def stft(signals: np.ndarray, n_fft: int = N_FFT) -> np.ndarray:
    """Signals [..., frames] to spectra [..., bins, times]: n_fft samples (periodic Hann), each a quarter further on."""
    return _transform(n_fft).stft(np.asarray(signals, dtype=np.float64), axis=-1)


def istft(spectra: np.ndarray, frames: int, n_fft: int = N_FFT) -> np.ndarray:
    """The inverse of `stft`: spectra [..., bins, times] to float32 signals [..., frames]."""
    return _transform(n_fft).istft(spectra, k1=frames, f_axis=-2, t_axis=-1).astype(np.float32)


def stft_inside(signals: np.ndarray) -> np.ndarray:
    """As `stft`, but of whole windows alone, for signals that come in pieces: (frames - N_FFT) // HOP_LENGTH + 1 times.

    Pieces that overlap by N_FFT - HOP_LENGTH samples give the spectra of the signal without gaps.

    Args:
        signals: float32 [..., frames].
    """
    windows = np.lib.stride_tricks.sliding_window_view(signals, N_FFT, axis=-1)[..., ::HOP_LENGTH, :]
    return np.moveaxis(rfft(windows * _window(), axis=-1), -1, -2)


def bin_frequencies(sample_rate: int, n_fft: int = N_FFT) -> np.ndarray:
    """Frequencies of the bins in Hz, [n_fft / 2 + 1]."""
    return np.fft.rfftfreq(n_fft, 1 / sample_rate)


def steering_vectors(
    geometry: ArrayGeometry, angles: np.ndarray, frequencies: np.ndarray, reference: int | None = None
) -> np.ndarray:
    """A plane wave of amplitude 1 at the microphones: exp(i 2 pi f <u, r> / c), u towards the source, r a microphone.

    Args:
        angles: of the source, in radians, [angles].
        frequencies: in Hz, [bins].
        reference: the microphone with phase zero; None for the centre of the array.

    Returns:
        [angles, bins, mics], complex.
    """
    towards = np.stack([np.cos(angles), np.sin(angles)], axis=-1)  # [angles, 2]
    origin = np.zeros(2) if reference is None else geometry.xy[reference]
    lead = towards @ (geometry.xy - origin).T / SPEED_OF_SOUND  # seconds, [angles, mics]
    return np.exp(2j * np.pi * np.asarray(frequencies)[:, None] * lead[:, None, :])


@lru_cache(maxsize=4)
def _transform(n_fft: int) -> ShortTimeFFT:
    return ShortTimeFFT(hann(n_fft, sym=False), n_fft // 4, fs=1.0)


@lru_cache(maxsize=1)
def _window() -> np.ndarray:
    return hann(N_FFT, sym=False).astype(np.float32)
