"""Spatial spectra: the power of every direction of the plane (SRP-PHAT, MUSIC), and its peaks.

Angles are in radians, counter-clockwise from +x. A map of powers has one value for each of equally spaced angles
from 0 on, all around.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from threadpoolctl import ThreadpoolController

from core.arrays.angles import angular_distance, fold
from core.arrays.geometry import ArrayGeometry
from core.arrays.spectra import N_FFT, bin_frequencies, steering_vectors

STEP_DEGREES = 1.0
BAND_HZ = (300.0, 4500.0)  # below, small arrays cannot resolve directions; above, they alias
WIDE_BAND_HZ = (300.0, 7900.0)  # of whole recordings: peaks half as wide tell voices apart that are near each other
SEPARATION, APART = np.pi / 9, np.deg2rad(5)  # radians between two peaks; the same in a map of the wide band
SILENCE = 1e-12
TURN, CLARITY = 2, 8  # times of a block, and the exponent of its powers


class SteeredResponse:
    """Steered response power with phase transform, SRP-PHAT (DiBiase, Silverman & Brandstein 2001).

    P(angle) = mean over bins, times and pairs i < j of Re[X_i X_j* / |X_i X_j*| a_i* a_j], a the steering vector: 1
    for a single plane wave from there. What depends on the array alone is computed once; powers are means over times,
    so those of blocks may be averaged further.

    Args:
        sample_rate: of the signals, in Hz.
        n_fft: of their spectra.
        step_degrees: between two angles.
        band_hz: lowest and highest frequency used.

    Attributes:
        angles: of the map, in radians.
        axis: of the array, see `ArrayGeometry`.
    """

    def __init__(
        self,
        geometry: ArrayGeometry,
        sample_rate: int,
        *,
        n_fft: int = N_FFT,
        step_degrees: float = STEP_DEGREES,
        band_hz: tuple[float, float] = BAND_HZ,
    ):
        frequencies = bin_frequencies(sample_rate, n_fft)
        self.angles, self.axis = grid(step_degrees), geometry.axis
        self._band = (frequencies >= band_hz[0]) & (frequencies <= band_hz[1])
        self._first, self._second = np.triu_indices(geometry.count, 1)
        self._expected = self._table(geometry, frequencies[self._band])
        self._blas = ThreadpoolController()

    @cached_property
    def diffuse(self) -> float:
        """The power of diffuse noise in every direction; the nearer the microphones, the higher."""
        return float((self._expected @ self._expected.mean(axis=0)).max() / (self._expected.shape[1] // 2))

    def _table(self, geometry: ArrayGeometry, frequencies: np.ndarray) -> np.ndarray:
        """Phases of every pair, angle by angle: doubles of all angles would take four times the table's memory.

        Returns:
            float32 [angles, 2 bins pairs], real parts first: Re(x y*) is then a product of real numbers, half the work
            of a complex one.
        """
        size = len(frequencies) * len(self._first)
        table = np.empty((len(self.angles), 2 * size), np.float32)
        for row, angle in zip(table, self.angles, strict=True):
            vectors = steering_vectors(geometry, np.array([angle]), frequencies)[0]  # [bins, mics]
            expected = vectors[:, self._first] * vectors[:, self._second].conj()
            row[:size], row[size:] = expected.real.ravel(), expected.imag.ravel()
        return table

    def power(self, spectra: np.ndarray) -> np.ndarray:
        """The map of a block: spectra [mics, bins, times] to powers [angles] in [-1, 1]."""
        spectra = spectra[:, self._band]
        phases = spectra / np.maximum(np.abs(spectra), SILENCE)
        cross = np.einsum("pbt,pbt->bp", phases[self._first], phases[self._second].conj()).ravel()
        measured = np.concatenate([cross.real, cross.imag]).astype(np.float32)
        with self._blas.limit(limits=1, user_api="blas"):  # with more threads, forty times slower
            return self._expected @ measured / (cross.size * max(spectra.shape[-1], 1))

    def power_of_turns(self, spectra: np.ndarray) -> np.ndarray:
        """The map of several voices: the sum of `turns`, scaled to a maximum of 1.

        Resolves two voices where the mean over all times has one peak for both.

        Args:
            spectra: [mics, bins, times].
        """
        total = sum(self.turns(spectra), np.zeros(len(self.angles)))
        return total / max(total.max(), SILENCE)

    def turns(self, spectra: np.ndarray, least: float = 0.0, clarity: int = CLARITY) -> Iterator[np.ndarray]:
        """Yields a map for every short block, sqrt(level) P^clarity where P > least, else 0; they may be added up.

        Voices take turns from syllable to syllable, so most blocks hold a single one; the exponent favours those.

        Args:
            spectra: [mics, bins, times]; a block has `TURN` of them.
        """
        for start in range(0, spectra.shape[-1], TURN):
            block = spectra[..., start : start + TURN]
            level = np.sqrt(np.mean(np.abs(block[:, self._band]) ** 2))
            power = self.power(block)
            yield np.sqrt(level) * np.where(power > least, power, 0) ** clarity


def music(
    spectra: np.ndarray,
    geometry: ArrayGeometry,
    sample_rate: int,
    *,
    count: int = 1,
    normalised: bool = False,
    step_degrees: float = STEP_DEGREES,
    band_hz: tuple[float, float] = BAND_HZ,
) -> np.ndarray:
    """Multiple signal classification (Schmidt 1986) by pyroomacoustics: 1 / |a^H E_n E_n^H a|, mean over bins.

    Args:
        spectra: [mics, bins, times]; many more times than microphones.
        count: sources; at most mics - 1 of them span the signal's subspace.
        normalised: every bin's map is divided by its maximum, NormMUSIC (Salvati, Drioli & Foresti 2014).

    Returns:
        The map, [angles].
    """
    from pyroomacoustics.doa import MUSIC, NormMUSIC

    method = (NormMUSIC if normalised else MUSIC)(
        geometry.xy.T,
        sample_rate,
        nfft=2 * (spectra.shape[1] - 1),
        num_src=min(count, geometry.count - 1),
        azimuth=grid(step_degrees),
    )
    method.locate_sources(spectra, freq_range=list(band_hz))
    return method.grid.values


def find_peaks(
    power: np.ndarray,
    count: int,
    separation: float = SEPARATION,
    floor: float = 0.0,
    axis: float | None = None,
) -> np.ndarray:
    """The highest local maxima of a map that lie apart, each refined by the parabola through its neighbours.

    Args:
        power: [angles], all around.
        count: most peaks.
        separation: least angle between two of them, in radians.
        floor: least height of a peak, as a share of the map's range.
        axis: of an array that cannot tell mirror images apart, see `ArrayGeometry`: both are one peak, on one side.

    Returns:
        At most `count` angles in [0, 2 pi), highest peak first.
    """
    before, after = np.roll(power, 1), np.roll(power, -1)
    high = power >= power.min() + floor * np.ptp(power)
    candidates = np.flatnonzero((power > before) & (power >= after) & high)
    step, chosen = 2 * np.pi / len(power), []
    for peak in candidates[np.argsort(-power[candidates], kind="stable")]:
        curvature = before[peak] - 2 * power[peak] + after[peak]
        angle = fold((peak + 0.5 * (before[peak] - after[peak]) / curvature) * step % (2 * np.pi), axis)
        if all(angular_distance(angle, other) >= separation for other in chosen):
            chosen.append(angle)
    return np.array(chosen[:count])


def height_at(power: np.ndarray, angle: float) -> float:
    """The value of a map [angles], at the angle of it that is nearest to one in radians."""
    return float(power[round(angle * len(power) / (2 * np.pi)) % len(power)])


def grid(step_degrees: float) -> np.ndarray:
    """Equally spaced angles from 0 on, in radians; the step is rounded to a whole part of the circle."""
    count = round(360 / step_degrees)
    return 2 * np.pi * np.arange(count) / count
