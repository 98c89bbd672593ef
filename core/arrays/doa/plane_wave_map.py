"""A map of single plane waves: bins in which one voice is alone say exactly where it is.

Voices are sparse: in many bins of a spectrum one of them is far louder than all others (W-disjoint orthogonality,
Yilmaz & Rickard 2004). A bin that one plane wave explains tells its direction within few degrees, wherever the others
are, so the peaks of this map are a third as wide as those of `SteeredResponse`. Long echoes leave few such bins: in
small rooms the other map is the better one.
"""

import numpy as np

from core.arrays.doa.spatial_spectra import WIDE_BAND_HZ, grid
from core.arrays.geometry import ArrayGeometry
from core.arrays.spectra import bin_frequencies, steering_vectors, stft

N_FFT = 512
STEP_DEGREES = 0.5  # voices 2 degrees apart have peaks of their own in wide rooms
SQUARINGS = 7  # of the share that a plane wave explains: to the power of 128
LEAST_SHARE = 0.6  # whose power is next to nothing
QUIETEST = 1e-5  # power of a bin, relative to the loudest, under which it says nothing
SILENCE = 1e-30


class PlaneWaveMap:
    """Every loud bin of every time is one vote, shared out by s^128 among the directions that explain it; its weight is
    the highest s^128. s = |a^H x|^2 / (|a|^2 |x|^2) is the share of the power of x, the microphones' spectra, that a
    plane wave with the steering vector a explains.

    Faint voices' votes count as much as loud ones'. What depends on the array alone is computed once.

    Args:
        sample_rate: of the signals, in Hz.
    """

    def __init__(self, geometry: ArrayGeometry, sample_rate: int):
        frequencies = bin_frequencies(sample_rate, N_FFT)
        self._band = (frequencies >= WIDE_BAND_HZ[0]) & (frequencies <= WIDE_BAND_HZ[1])
        vectors = steering_vectors(geometry, grid(STEP_DEGREES), frequencies[self._band]) / np.sqrt(geometry.count)
        self._filters = np.ascontiguousarray(vectors.swapaxes(0, 1).conj().astype(np.complex64))  # [bins, angles, mics]

    def power(self, signals: np.ndarray) -> np.ndarray:
        """The map of signals [mics, frames]: mean of all votes, [angles], `STEP_DEGREES` apart; zeros of silence."""
        spectra = stft(signals, N_FFT)[:, self._band].swapaxes(0, 1).astype(np.complex64)  # [bins, mics, times]
        powers = np.sum(np.abs(spectra) ** 2, axis=1)
        loud = powers > max(QUIETEST * powers.max(initial=0), SILENCE)
        total = np.zeros(self._filters.shape[1])
        for filters, own, power, heard in zip(self._filters, spectra, powers, loud, strict=True):
            share = np.abs(filters @ own[:, heard]) ** 2 / power[heard]  # [angles, times]
            share[share < LEAST_SHARE] = 0
            for _ in range(SQUARINGS):
                share *= share
            total += share @ (share.max(axis=0, initial=0) / np.maximum(share.sum(axis=0), SILENCE))
        return total / max(loud.sum(), 1)
