"""Beamformers: estimates of the sound from one direction at the first microphone.

All work on short-time spectra x [bins, mics, times] with one filter per bin: y = w^H x.
"""

from collections.abc import Sequence

import numpy as np

from core.arrays.geometry import ArrayGeometry
from core.arrays.spectra import bin_frequencies, istft, steering_vectors, stft

LOADING = 1e-2
MASKED_LOADING = 1e-3
SILENCE = 1e-20  # power of a bin
REFERENCE = 0


def delay_and_sum(signals: np.ndarray, geometry: ArrayGeometry, angle: float, sample_rate: int) -> np.ndarray:
    """The mean over microphones aligned to a plane wave from the angle: w = a / mics.

    Args:
        signals: [mics, frames].
        angle: in radians.

    Returns:
        float32 [frames].
    """
    spectra = stft(signals)
    return istft(_filtered(spectra, _steering(geometry, angle, sample_rate) / geometry.count), signals.shape[-1])


def mvdr(
    signals: np.ndarray,
    geometry: ArrayGeometry,
    angle: float,
    sample_rate: int,
    *,
    interference: np.ndarray | None = None,
    loading: float = LOADING,
) -> np.ndarray:
    """Minimum variance, distortionless response (Capon 1969): w = R^-1 a / (a^H R^-1 a).

    Args:
        signals: [mics, frames].
        angle: in radians.
        interference: the signals that R is estimated from, [mics, frames]; None for the mixture (minimum power), where
            errors of the angle and reverberation cancel part of the target.
        loading: added to R's diagonal, relative to its mean.

    Returns:
        float32 [frames].
    """
    spectra = stft(signals)
    covariance = covariances(spectra if interference is None else stft(interference))
    weights = _mvdr_weights(covariance, _steering(geometry, angle, sample_rate), loading)
    return istft(_filtered(spectra, weights), signals.shape[-1])


def directional_mvdr(
    signals: np.ndarray,
    geometry: ArrayGeometry,
    angles: Sequence[float],
    sample_rate: int,
    *,
    loading: float = MASKED_LOADING,
) -> np.ndarray:
    """An MVDR beamformer for every direction, with target and interference from `direction_masks`.

    w = R_n^-1 R_s e / trace(R_n^-1 R_s) (Souden, Benesty & Affes 2010), R_s and R_n the covariances inside and outside
    the direction's mask: R_s includes the target's early echoes, unlike the plane wave.

    Args:
        signals: [mics, frames].
        angles: of at least two voices, in radians.

    Returns:
        float32 [angles, frames].
    """
    spectra = stft(signals)
    masks = direction_masks(spectra, geometry, angles, sample_rate)
    weights = [_masked_weights(covariances(spectra * mask), covariances(spectra * ~mask), loading) for mask in masks]
    return istft(np.stack([_filtered(spectra, w) for w in weights]), signals.shape[-1])


def directional_images(
    signals: np.ndarray, geometry: ArrayGeometry, angles: Sequence[float], sample_rate: int
) -> np.ndarray:
    """The recording shared out by `direction_masks`: what all microphones hear from each angle, roughly.

    Args:
        signals: [mics, frames].
        angles: in radians.

    Returns:
        float32 [angles, mics, frames]; they add up to the recording.
    """
    spectra = stft(signals)
    masks = direction_masks(spectra, geometry, angles, sample_rate)
    return np.stack([istft(spectra * mask, signals.shape[-1]) for mask in masks])


def direction_masks(
    spectra: np.ndarray, geometry: ArrayGeometry, angles: Sequence[float], sample_rate: int
) -> np.ndarray:
    """Assigns every bin to the direction with the most power by delay and sum.

    Args:
        spectra: [mics, bins, times].

    Returns:
        bool [angles, bins, times].
    """
    vectors = steering_vectors(geometry, np.asarray(angles), bin_frequencies(sample_rate))
    responses = np.abs(np.einsum("abm,mbt->abt", vectors.conj(), spectra))
    return responses.argmax(axis=0) == np.arange(len(angles))[:, None, None]


def covariances(spectra: np.ndarray) -> np.ndarray:
    """Spectra [mics, bins, times] to the mean of x x^H in every bin, [bins, mics, mics]."""
    x = spectra.transpose(1, 0, 2)
    return x @ x.conj().transpose(0, 2, 1) / max(spectra.shape[-1], 1)


def loaded(covariance: np.ndarray, loading: float) -> np.ndarray:
    """Covariances [..., mics, mics] with their diagonal loaded, relative to its mean; silence becomes invertible."""
    mics = covariance.shape[-1]
    level = np.trace(covariance, axis1=-2, axis2=-1).real / mics
    return covariance + (loading * level + SILENCE)[..., None, None] * np.eye(mics)


def _steering(geometry: ArrayGeometry, angle: float, sample_rate: int) -> np.ndarray:
    """[bins, mics], phase zero at the reference microphone."""
    return steering_vectors(geometry, np.array([angle]), bin_frequencies(sample_rate), REFERENCE)[0]


def _mvdr_weights(covariance: np.ndarray, vectors: np.ndarray, loading: float) -> np.ndarray:
    """Covariances [bins, mics, mics] and steering vectors [bins, mics] to weights [bins, mics]."""
    whitened = np.linalg.solve(loaded(covariance, loading), vectors[..., None])[..., 0]
    return whitened / np.sum(vectors.conj() * whitened, axis=-1, keepdims=True)


def _masked_weights(target: np.ndarray, interference: np.ndarray, loading: float) -> np.ndarray:
    """Covariances [bins, mics, mics] of target and interference to weights [bins, mics]."""
    whitened = np.linalg.solve(loaded(interference, loading), loaded(target, 0.0))
    return whitened[..., REFERENCE] / np.trace(whitened, axis1=1, axis2=2)[:, None]


def _filtered(spectra: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Spectra [mics, bins, times] through weights [bins, mics]: [bins, times]."""
    return np.einsum("bm,mbt->bt", weights.conj(), spectra)
