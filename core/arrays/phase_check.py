"""The phase check: whether the phases of a recording can come from an array.

The mean phase differences of the microphones are those of plane waves from all around, as many and as strong as one
likes: c = E w, w >= 0. Where two channels are swapped hardly any w gives them.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations, permutations

import numpy as np
from scipy.optimize import nnls

from core.arrays.angles import fold
from core.arrays.channel_check import ChannelFault
from core.arrays.doa.spatial_spectra import BAND_HZ, SILENCE, grid
from core.arrays.energy import loudest_moments
from core.arrays.geometry import ArrayGeometry
from core.arrays.spectra import HOP_LENGTH, N_FFT, bin_frequencies, steering_vectors, stft_inside

STEP_DEGREES = 5.0
GROUP_HZ = 250.0  # bins that are averaged: what each voice has of a single one is chance
BANDS = 4  # with a distribution of waves each, as voices differ in their spectra
LOUDEST, FEWEST = 256, 8  # moments of a recording
MOMENT = N_FFT + HOP_LENGTH  # samples
RIDGE = 1e-3  # keeps the fit of small arrays unique
MOST_MICROPHONES = 8  # of which orders are compared
ALL_ORDERS = 6  # microphones up to which every order is tried
CONTRADICTED = 1.25  # times the misfit of another choice of channels
FITTING = 0.3  # largest misfit of a choice that is proposed
ONE_WAVE = 0.9  # power of a single plane wave, rounding noise included


class PhaseCheck:
    """How well plane waves explain the phases of a recording's loudest moments.

    Args:
        recording: [channels, frames].
        sample_rate: in Hz.
        geometry: of the array.
    """

    def __init__(self, recording: np.ndarray, sample_rate: int, geometry: ArrayGeometry):
        frequencies = bin_frequencies(sample_rate)
        band = (frequencies >= BAND_HZ[0]) & (frequencies <= BAND_HZ[1])
        self._group = max(round(GROUP_HZ / frequencies[1]), 1)
        self._pairs = list(combinations(range(geometry.count), 2))
        spectra = stft_inside(loudest_moments(recording, MOMENT, LOUDEST))[
            :, :, band
        ]  # [channels, moments, bins, times]
        phases = spectra / np.maximum(np.abs(spectra), SILENCE)
        self.moments = spectra.shape[1]
        mean = np.einsum("ambt,cmbt->acb", phases, phases.conj()) / max(spectra.shape[1] * spectra.shape[-1], 1)
        self._measured = self._grouped(mean)  # [channels, channels, groups]
        angles = np.unique(np.round(fold(grid(STEP_DEGREES), geometry.axis), 9))
        vectors = steering_vectors(geometry, angles, frequencies[band])
        first, second = np.transpose(self._pairs)
        expected = self._grouped(np.moveaxis(vectors[..., first] * vectors[..., second].conj(), 1, -1))
        self._expected = [_real(part) for part in self._bands(expected)]  # [angles, 2 pairs groups] each
        self._reduced = [np.linalg.qr(part.T) for part in self._expected]

    def misfit(self, channels: Sequence[int]) -> float:
        """Share of the mean phase differences that no plane waves explain, 0 to 1, if these channels are the mics."""
        unexplained = total = 0.0
        for measured, (basis, mixing) in zip(self._of(channels), self._reduced, strict=True):
            seen = basis.T @ measured
            ridge = RIDGE * np.sqrt(len(measured)) * np.eye(mixing.shape[1])
            _, rest = nnls(np.concatenate([mixing, ridge]), np.concatenate([seen, np.zeros(len(ridge))]))
            unexplained += measured @ measured - seen @ seen + rest**2
            total += measured @ measured
        return float(unexplained / max(total, SILENCE))

    def power(self, channels: Sequence[int]) -> float:
        """Power of the best single plane wave, 1 if there is no other sound."""
        measured, expected = np.concatenate(self._of(channels)), np.concatenate(self._expected, axis=1)
        return float((expected @ measured / np.sum(expected**2, axis=1)).max())

    def _of(self, channels: Sequence[int]) -> list[np.ndarray]:
        """The mean phase differences of the microphones' pairs, [2 pairs groups] of each band."""
        differences = np.stack([self._measured[channels[i], channels[k]] for i, k in self._pairs])
        return [_real(part[None])[0] for part in self._bands(differences)]

    def _grouped(self, bins: np.ndarray) -> np.ndarray:
        """Means of neighbouring bins, [..., bins] -> [..., groups]."""
        whole = bins[..., : bins.shape[-1] // self._group * self._group]
        return whole.reshape(*bins.shape[:-1], -1, self._group).mean(axis=-1)

    def _bands(self, groups: np.ndarray) -> list[np.ndarray]:
        return [part for part in np.array_split(groups, BANDS, axis=-1) if part.size]


def is_one_plane_wave(samples: np.ndarray, sample_rate: int, geometry: ArrayGeometry) -> bool:
    """Whether a single plane wave explains all, as in a free field without noise.

    Args:
        samples: of the microphones, [mics, frames].
    """
    return PhaseCheck(samples, sample_rate, geometry).power(range(geometry.count)) > ONE_WAVE


def check_phases(samples: np.ndarray, sample_rate: int, geometry: ArrayGeometry) -> list[ChannelFault]:
    """Finds channels that are in another order than the array's microphones, from any sound.

    Orders that are the array's own turned or mirrored explain the phases as well as it, and are not found.

    Args:
        samples: of the microphones, [mics, frames].
    """
    if geometry.count > MOST_MICROPHONES:
        return []
    check, own = PhaseCheck(samples, sample_rate, geometry), tuple(range(geometry.count))
    best = _fitting_better(check, own, _orders(geometry))
    if best is None:
        return []
    wrong = tuple(k for k in own if best[k] != k)
    sentence = (
        f"The phases contradict the array {geometry.name}: its microphones seem to be in the order {_listed(best)}, or "
        "that turned or mirrored, so directions are wrong. Check the order by taps, and name the channels."
    )
    return [ChannelFault("swapped", wrong, sentence)]


def check_stream(
    stream: np.ndarray, sample_rate: int, geometry: ArrayGeometry, channels: Sequence[int]
) -> list[ChannelFault]:
    """Finds out whether other neighbouring channels of a stream are the microphones.

    Args:
        stream: [channels, frames].
        channels: that are taken for the microphones.
    """
    if len(stream) == geometry.count:
        return []
    check = PhaseCheck(stream, sample_rate, geometry)
    others = (tuple(range(first, first + geometry.count)) for first in range(len(stream) - geometry.count + 1))
    best = _fitting_better(check, tuple(channels), others)
    if best is None:
        return []
    sentence = (
        f"The phases of the channels {_listed(channels)} contradict the array {geometry.name}, and those of "
        f"{_listed(best)} fit it, so directions are wrong. Name the channels that are its microphones."
    )
    return [ChannelFault("misplaced", tuple(range(geometry.count)), sentence)]


def _fitting_better(
    check: PhaseCheck, own: tuple[int, ...], others: Iterable[tuple[int, ...]]
) -> tuple[int, ...] | None:
    """Of other choices of channels the one that fits best, if it contradicts the array's own."""
    misfits = {channels: check.misfit(channels) for channels in others if channels != own}
    if not misfits or check.moments < FEWEST:
        return None
    best = min(misfits, key=misfits.__getitem__)
    most = min(check.misfit(own) / CONTRADICTED, FITTING)
    return best if misfits[best] < most else None


def _orders(geometry: ArrayGeometry) -> list[tuple[int, ...]]:
    """Orders of the microphones: all of few, else two swapped or all moved on; of isometric ones the simplest."""
    count = geometry.count
    own = tuple(range(count))
    if count <= ALL_ORDERS:
        orders = sorted(permutations(own), key=lambda order: sum(order[k] != k for k in own))
    else:
        swaps = (tuple(b if k == a else a if k == b else k for k in own) for a, b in combinations(own, 2))
        orders = [own, *swaps, *(own[k:] + own[:k] for k in range(1, count))]
    distances = np.linalg.norm(geometry.xy[:, None] - geometry.xy, axis=-1).round(6)
    different = {distances[np.ix_(order, order)].tobytes(): order for order in reversed(orders)}
    return list(different.values())


def _real(spectra: np.ndarray) -> np.ndarray:
    """Real and imaginary parts side by side, [rows, ...] -> [rows, numbers]."""
    flat = spectra.reshape(len(spectra), -1)
    return np.concatenate([flat.real, flat.imag], axis=1)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
