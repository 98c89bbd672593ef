"""Separation refined by what the microphones themselves say: sources differ in the ways that they reach an array.

Local Gaussian model (Duong, Vincent & Gribonval 2010): in every bin, source j is a zero-mean complex normal vector with
covariance v_j R_j. Its power v_j [bins, times] is free, its spatial covariance R_j [bins, mics, mics], of full rank, is
the same as long as nobody moves: it holds the room's echoes. Rough guesses of the sources say which is which; from
there the likelihood is raised by majorisation and minimisation (Sawada et al. 2013, eq. 41 to 47, with free powers),
and the sources are what a multichannel Wiener filter leaves of the mixture. They add up to it.
"""

import numpy as np

from core.arrays.spectra import istft, stft

WINDOW_SECONDS = 0.256  # as long as the loud part of a room's echo
FEWEST_WINDOWS = 4  # that a signal holds, side by side: shorter ones get shorter windows
ITERATIONS = 20
LOADING = 1e-3  # of covariances, relative to their mean
FAINTEST = 1e-7  # power of a source in a bin, relative to the mixture's mean


def refine(signals: np.ndarray, images: np.ndarray, sample_rate: int, iterations: int = ITERATIONS) -> np.ndarray:
    """Sources as every microphone hears them.

    Args:
        signals: [mics, frames].
        images: a guess of every source, [sources, mics, frames].
        sample_rate: in Hz.

    Returns:
        float32 [sources, mics, frames]; of a single source, or of silence, the guess.
    """
    if len(images) < 2 or not np.any(signals):
        return images.astype(np.float32)
    seconds = min(WINDOW_SECONDS, signals.shape[-1] / sample_rate / FEWEST_WINDOWS)
    n_fft = 2 ** round(np.log2(seconds * sample_rate))
    scale = np.sqrt(np.mean(np.square(signals, dtype=np.float64)))
    mixture, *guesses = (_spectra(sound / scale, n_fft) for sound in (signals, *images))
    model = _Model(mixture, guesses)
    for _ in range(iterations):
        model.improve()
    spectra = np.stack([source.transpose(2, 0, 1) for source in model.sources()])
    return istft(spectra * scale, signals.shape[-1], n_fft)


class _Model:
    """Powers and spatial covariances of sources.

    Args:
        mixture: [bins, times, mics], complex64.
        guesses: one of each source, the same shape.
    """

    def __init__(self, mixture: np.ndarray, guesses: list[np.ndarray]):
        self.mixture, self.floor = mixture, FAINTEST * float(np.mean(np.abs(mixture) ** 2))
        self.powers = [np.mean(np.abs(guess) ** 2, axis=-1) + 1e4 * self.floor for guess in guesses]
        self.covariances = [
            _of_mean_one(_moment(guess, 1 / power.sum(axis=1, keepdims=True)))[0]
            for guess, power in zip(guesses, self.powers, strict=True)
        ]

    def improve(self) -> None:
        """One round of updates, of which none lowers the likelihood."""
        inverse, whitened = self._whitened()
        for j, (power, covariance) in enumerate(zip(self.powers, self.covariances, strict=True)):
            explained = np.einsum("ftm,fmn,ftn->ft", whitened.conj(), covariance, whitened, optimize=True).real
            expected = np.einsum("fmn,ftnm->ft", covariance, inverse).real
            observed = covariance @ _moment(whitened, power) @ covariance
            covariance, level = _of_mean_one(_riccati(np.einsum("ft,ftmn->fmn", power, inverse), observed))
            power = power * np.sqrt(np.maximum(explained, 0) / np.maximum(expected, 1e-30)) * level[:, None]
            self.powers[j] = np.maximum(power, self.floor).astype(np.float32)
            self.covariances[j] = covariance

    def sources(self) -> list[np.ndarray]:
        """What the filter leaves of the mixture for each, [bins, times, mics]."""
        _, whitened = self._whitened()
        return [
            power[..., None] * np.einsum("fmn,ftn->ftm", covariance, whitened)
            for power, covariance in zip(self.powers, self.covariances, strict=True)
        ]

    def _whitened(self) -> tuple[np.ndarray, np.ndarray]:
        """The inverse of the mixture's covariance, [bins, times, mics, mics], and its product with the mixture."""
        total = sum(
            power[..., None, None] * covariance[:, None]
            for power, covariance in zip(self.powers, self.covariances, strict=True)
        )
        inverse = _inverse(total)
        return inverse, np.einsum("ftmn,ftn->ftm", inverse, self.mixture)


def _spectra(signals: np.ndarray, n_fft: int) -> np.ndarray:
    """[mics, frames] to [bins, times, mics]."""
    return np.ascontiguousarray(stft(signals, n_fft).transpose(1, 2, 0).astype(np.complex64))


def _moment(vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over times of weight * x x^H: vectors [bins, times, mics], weights [bins, times] -> [bins, mics, mics]."""
    return np.swapaxes(weights[..., None] * vectors, 1, 2) @ vectors.conj()


def _of_mean_one(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hermitian covariances with diagonals of mean 1, loaded, and what that mean was, [bins]."""
    mics = covariance.shape[-1]
    level = np.maximum(np.trace(covariance, axis1=1, axis2=2).real / mics, 1e-30).astype(np.float32)
    covariance = (covariance + np.swapaxes(covariance.conj(), 1, 2)) / (2 * level[:, None, None])
    return (covariance + LOADING * np.eye(mics)).astype(np.complex64), level


def _riccati(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The positive R of R a R = b: the geometric mean of a^-1 and b, [bins, mics, mics]."""
    root, inverse_root = _roots(a)
    middle, _ = _roots(root @ b @ root)
    return inverse_root @ middle @ inverse_root


def _roots(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The square root of positive matrices [bins, mics, mics], and its inverse."""
    values, vectors = np.linalg.eigh(a)
    values = np.sqrt(np.maximum(values, 1e-12 * values[:, -1:] + 1e-30))[:, None]
    adjoint = np.swapaxes(vectors.conj(), 1, 2)
    return (vectors * values) @ adjoint, (vectors / values) @ adjoint


def _inverse(matrices: np.ndarray) -> np.ndarray:
    """Of positive matrices [..., mics, mics], by sweeps over all of them at once: ten times faster than one by one."""
    inverse = matrices.copy()
    for k in range(matrices.shape[-1]):
        pivot = 1 / inverse[..., k, k]
        column, row = inverse[..., :, k].copy(), inverse[..., k, :] * pivot[..., None]
        inverse -= column[..., :, None] * row[..., None, :]
        inverse[..., k, :], inverse[..., :, k] = row, -column * pivot[..., None]
        inverse[..., k, k] = pivot
    return inverse
