"""Oracles: masks and filters computed from the true images of the sources, as upper bounds of separation.

After Vincent, Gribonval & Plumbley 2007. Each function takes the images
[sources, mics, frames] and returns estimates of them at the first microphone, float32 [sources, frames].
"""

import numpy as np

from core.arrays.beamforming import REFERENCE, covariances, loaded
from core.arrays.spectra import istft, stft

TINY = 1e-12  # keeps silence finite, relative to the loudest bin
LOADING = 1e-6


def ideal_binary_mask(images: np.ndarray) -> np.ndarray:
    """Assigns every bin of the mixture to its loudest source."""
    sources = stft(images[:, REFERENCE])
    loudest = np.abs(sources).argmax(axis=0)
    masks = loudest == np.arange(len(images))[:, None, None]
    return istft(masks * sources.sum(axis=0), images.shape[-1])


def ideal_ratio_mask(images: np.ndarray) -> np.ndarray:
    """Shares every bin of the mixture by power: |S_i|^2 / sum_j |S_j|^2."""
    sources = stft(images[:, REFERENCE])
    powers = np.abs(sources) ** 2
    masks = powers / np.maximum(powers.sum(axis=0), TINY * powers.max(initial=TINY))
    return istft(masks * sources.sum(axis=0), images.shape[-1])


def multichannel_wiener_filter(images: np.ndarray) -> np.ndarray:
    """The local Gaussian model's filter (Duong, Vincent & Gribonval 2010): y_i = v_i R_i (sum_j v_j R_j)^-1 x.

    v_i [bins, times] is the true power of source i, R_i [bins, mics, mics] its true spatial covariance.
    """
    sources = stft(images)  # [sources, mics, bins, times]
    powers = (np.abs(sources) ** 2).mean(axis=1)
    powers += TINY * powers.max(initial=TINY)
    spatial = np.stack([covariances(source) for source in sources])
    spatial /= powers.mean(axis=-1)[..., None, None]
    filtered = [
        _wiener_in_bin(sources[:, :, k].sum(axis=0), powers[:, k], spatial[:, k]) for k in range(sources.shape[2])
    ]
    return istft(np.stack(filtered, axis=1), images.shape[-1])


def _wiener_in_bin(mixture: np.ndarray, powers: np.ndarray, spatial: np.ndarray) -> np.ndarray:
    """Mixture [mics, times], powers [sources, times] and covariances [sources, mics, mics] to [sources, times]."""
    scaled = powers[:, :, None, None] * spatial[:, None]  # [sources, times, mics, mics]
    whitened = np.linalg.solve(loaded(scaled.sum(axis=0), LOADING), mixture.T[..., None])[..., 0]  # [times, mics]
    return np.einsum("stm,tm->st", scaled[:, :, REFERENCE], whitened)
