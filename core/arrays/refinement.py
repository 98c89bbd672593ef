"""Refinement of separated voices by a spatial model of the mixture that is fitted to the recording itself.

Local Gaussian model (Duong, Vincent & Gribonval 2010): in every bin, source j is a zero-mean complex normal vector with
covariance v_j R_j. Its power v_j [bins, times] is free, its spatial covariance R_j [bins, mics, mics], of full rank,
is constant for sources that do not move, and includes the room's echoes. Both are initialised from rough estimates of
the sources; majorisation and minimisation raises the likelihood (Sawada et al. 2013, eq. 41 to 47, with free powers).
A multichannel Wiener filter then estimates the sources, which add up to the mixture. Which maximum is reached depends
on the estimates, so of several sets of them the one that leads to the highest likelihood is taken; of two sources, the
first set only if it is clearly ahead.

Hermitian matrices of many bins and times are kept as mics^2 real planes: the diagonal, then root two times the real and
the imaginary parts above it. The trace of a product of two is the inner product of their planes, so that all sums over
matrices, bins and times are products of real matrices.
"""

import itertools
import math
from collections.abc import Generator, Sequence

import numpy as np

from core.arrays.energy import rms
from core.arrays.spectra import istft, stft
from core.generators import finished

WINDOW_SECONDS = 0.256  # about the length of early echoes
CROWD, CROWD_SECONDS = 3, 0.128  # from so many sources on: there are more unknowns in a bin, so it needs more times
FEWEST_WINDOWS = 4  # side by side in a signal; short signals get shorter windows
ITERATIONS, TRIAL = 20, 6  # rounds, and those after which starts are compared
LEAD = 0.12  # mean log likelihood of a bin by which a first start of two sources must be ahead, of 4 to 6 microphones
LOADING = 1e-3  # of covariances, relative to their mean
ROOT = np.float32(math.sqrt(2))  # of planes off the diagonal, which count twice in a trace
SMALLEST = np.float32(1e-37)  # pivot whose logarithm is taken
FAINTEST = 1e-7  # power of a source in a bin, relative to the mixture's mean


def refine(
    signals: np.ndarray,
    images: np.ndarray,
    sample_rate: int,
    iterations: int = ITERATIONS,
    others: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """Refined images of the sources; as `refining`."""
    return finished(refining(signals, images, sample_rate, iterations, others))


def refining(
    signals: np.ndarray,
    images: np.ndarray,
    sample_rate: int,
    iterations: int = ITERATIONS,
    others: Sequence[np.ndarray] = (),
) -> Generator[float, None, np.ndarray]:
    """Refines images of the sources, round by round.

    Args:
        signals: the mixture, [mics, frames].
        images: an estimate of every source's, [sources, mics, frames].
        sample_rate: in Hz.
        others: further estimates of the same sources, the safer ones; the likeliest after `TRIAL` rounds are refined.
            Long windows have few times, which a wrong model explains as well, so of two sources `images` must be ahead
            by `LEAD`.

    Yields:
        The share of the rounds that are done, after each.

    Returns:
        float32 [sources, mics, frames]; `images` unchanged where there is one source or silence.
    """
    if len(images) < 2 or not np.any(signals):
        return images.astype(np.float32)
    longest, lead = (CROWD_SECONDS, 0.0) if len(images) >= CROWD else (WINDOW_SECONDS, LEAD)
    seconds = min(longest, signals.shape[-1] / sample_rate / FEWEST_WINDOWS)
    n_fft = 2 ** round(np.log2(seconds * sample_rate))
    scale = rms(signals)
    mixture = _spectra(signals / scale, n_fft)
    models = [_Model(mixture, [_spectra(image / scale, n_fft) for image in start]) for start in (images, *others)]
    trial = min(TRIAL, iterations) if others else 0
    done, rounds = 0, (len(models) - 1) * trial + iterations
    for model in models:
        for _ in range(trial):
            model.improve()
            yield (done := done + 1) / rounds
    model = _likeliest(models, lead)
    for _ in range(iterations - trial):
        model.improve()
        yield (done := done + 1) / rounds
    return istft(model.sources() * scale, signals.shape[-1], n_fft)


class _Model:
    """Powers `[bins, sources, times]` and spatial covariances `[sources, bins, mics, mics]` of sources.

    Args:
        mixture: [bins, mics, times], complex64.
        guesses: an estimate of each source, the same shape.
    """

    def __init__(self, mixture: np.ndarray, guesses: list[np.ndarray]):
        self.mixture, self.floor = mixture, FAINTEST * float(np.mean(np.abs(mixture) ** 2))
        self.powers = np.stack([np.mean(np.abs(guess) ** 2, axis=1) for guess in guesses], axis=1) + 1e4 * self.floor
        self.covariances = np.stack([_of_mean_one(guess @ np.swapaxes(guess.conj(), 1, 2))[0] for guess in guesses])

    def improve(self) -> None:
        """One round of updates; none lowers the likelihood."""
        inverse, _, whitened = self._whitened()
        outer = _outer(whitened)
        planes = _planes(self.covariances).swapaxes(0, 1)  # [bins, sources, mics^2]
        explained, expected = planes @ outer, planes @ inverse
        times = np.swapaxes(self.powers, 1, 2)
        moments, weights = (_matrices(np.moveaxis(field @ times, 2, 0)) for field in (outer, inverse))
        updated = [
            _of_mean_one(_riccati(weight, covariance @ moment @ covariance))
            for covariance, moment, weight in zip(self.covariances, moments, weights, strict=True)
        ]
        self.covariances, levels = (np.stack(parts) for parts in zip(*updated, strict=True))
        gain = np.sqrt(np.maximum(explained, 0) / np.maximum(expected, 1e-30))
        self.powers = np.maximum(self.powers * gain * levels.T[..., None], self.floor)

    def log_likelihood(self) -> float:
        """Of the mixture, mean over bins and times, but for a constant."""
        _, log_determinant, whitened = self._whitened()
        explained = np.sum((self.mixture.conj() * whitened).real, axis=1)  # [bins, times]
        return -float(np.mean(explained + log_determinant, dtype=np.float64))

    def sources(self) -> np.ndarray:
        """Images of the sources by the multichannel Wiener filter, [sources, mics, bins, times]."""
        _, _, whitened = self._whitened()
        images = (self.covariances @ whitened) * self.powers.swapaxes(0, 1)[:, :, None]
        return images.swapaxes(1, 2)

    def _whitened(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the mixture's covariance the inverse, planes [bins, mics^2, times], and the logarithm of the determinant,
        [bins, times]; and the inverse's product with the mixture.
        """
        planes = np.moveaxis(_planes(self.covariances), 0, 2)  # [bins, mics^2, sources]
        inverse, log_determinant = _inverse(planes @ self.powers)
        return inverse, log_determinant, _times(inverse, self.mixture)


def _likeliest(models: Sequence[_Model], lead: float) -> _Model:
    """The model of the highest likelihood; that of the first one counts less by `lead`."""
    if len(models) == 1:
        return models[0]
    likelihoods = [model.log_likelihood() for model in models]
    likelihoods[0] -= lead
    return models[int(np.argmax(likelihoods))]


def _spectra(signals: np.ndarray, n_fft: int) -> np.ndarray:
    """[mics, frames] to [bins, mics, times]."""
    return np.ascontiguousarray(stft(signals, n_fft).swapaxes(0, 1).astype(np.complex64))


def _of_mean_one(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariances made Hermitian, scaled to a mean diagonal of 1 and loaded; and their former mean diagonal, [bins]."""
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


def _planes(matrices: np.ndarray) -> np.ndarray:
    """Hermitian matrices [..., mics, mics] as planes [..., mics^2]."""
    above = np.triu_indices(matrices.shape[-1], 1)
    diagonal = np.diagonal(matrices, axis1=-2, axis2=-1).real
    entries = ROOT * matrices[..., above[0], above[1]]
    return np.concatenate([diagonal, entries.real, entries.imag], axis=-1)


def _matrices(planes: np.ndarray) -> np.ndarray:
    """The inverse of `_planes`."""
    mics = math.isqrt(planes.shape[-1])
    rows, columns = np.triu_indices(mics, 1)
    diagonal, real, imaginary = np.split(planes, [mics, mics + len(rows)], axis=-1)
    matrices = np.zeros((*planes.shape[:-1], mics, mics), dtype=np.complex64)
    matrices[..., rows, columns] = (real + 1j * imaginary) / ROOT
    matrices += np.swapaxes(matrices.conj(), -1, -2)
    matrices[..., range(mics), range(mics)] = diagonal
    return matrices


def _outer(vectors: np.ndarray) -> np.ndarray:
    """x x^H of vectors [bins, mics, times], as planes [bins, mics^2, times]."""
    rows, columns = np.triu_indices(vectors.shape[1], 1)
    entries = ROOT * vectors[:, rows] * vectors[:, columns].conj()
    return np.concatenate([np.abs(vectors) ** 2, entries.real, entries.imag], axis=1)


def _times(planes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Products of matrices, as planes [bins, mics^2, times], with vectors [bins, mics, times]."""
    diagonal, above = _entries(planes)
    product = np.stack(diagonal, axis=1) * vectors
    for (i, j), entry in above.items():
        product[:, i] += entry * vectors[:, j]
        product[:, j] += entry.conj() * vectors[:, i]
    return product


def _inverse(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverses of positive matrices, as planes [bins, mics^2, times], and the logarithms of their determinants,
    [bins, times], by the sweep operator (Goodnight 1979).

    Ten times faster than inverting them one by one; intermediate matrices are Hermitian, so half of each is enough.
    """
    diagonal, above = _entries(planes)
    mics, log_determinant = len(diagonal), 0.0
    for k in range(mics):
        log_determinant = log_determinant + np.log(np.maximum(diagonal[k], SMALLEST))
        pivot = 1 / diagonal[k]
        column = [above[i, k] if i < k else above[k, i].conj() if i > k else None for i in range(mics)]
        scaled = [None if entry is None else entry * pivot for entry in column]
        others = [i for i in range(mics) if i != k]
        for i in others:
            diagonal[i] = diagonal[i] - (scaled[i] * column[i].conj()).real
        for i, j in itertools.combinations(others, 2):
            above[i, j] = above[i, j] - scaled[i] * column[j].conj()
        for i in others:
            above[min(i, k), max(i, k)] = scaled[i] if i < k else scaled[i].conj()
        diagonal[k] = -pivot
    entries = -ROOT * np.stack(list(above.values()), axis=1)
    return np.concatenate([-np.stack(diagonal, axis=1), entries.real, entries.imag], axis=1), log_determinant


def _entries(planes: np.ndarray) -> tuple[list[np.ndarray], dict[tuple[int, int], np.ndarray]]:
    """The diagonal, and the entries above it by row and column, of planes [bins, mics^2, times]: [bins, times] each."""
    mics = math.isqrt(planes.shape[1])
    above = list(itertools.combinations(range(mics), 2))  # in the order of `np.triu_indices`
    real, imaginary = planes[:, mics : mics + len(above)], planes[:, mics + len(above) :]
    entries = {place: (real[:, k] + 1j * imaginary[:, k]) / ROOT for k, place in enumerate(above)}
    return [planes[:, k] for k in range(mics)], entries
