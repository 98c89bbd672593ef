"""Directions that may hold voices, and what two maps of a recording say of each.

SRP-PHAT by turns finds voices also in small rooms with long echoes, the map of single plane waves tells apart those
that are near each other. Peaks of both are proposed: not every one is a voice, so each comes with evidence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.arrays.angles import angular_distance, fold
from core.arrays.doa.plane_wave_map import STEP_DEGREES, PlaneWaveMap
from core.arrays.doa.spatial_spectra import APART, WIDE_BAND_HZ, SteeredResponse, find_peaks, grid, height_at
from core.arrays.geometry import ArrayGeometry
from core.arrays.spectra import stft

MOST_PEAKS = 18  # of each map
NEIGHBOURS = np.deg2rad(1.5)  # between two voices that are told apart
NEAR = np.deg2rad(10)  # a direction so near to a peak is the peak's
LOWEST_TURNS, LOWEST_WAVES, LOWEST_PROMINENCE, LOWEST_CLARITY = 1e-5, 1e-4, 1e-3, 1e-4  # floors
REACH = np.deg2rad(2)  # around a direction in which its height by turns is looked for
SHARP_REACH = np.deg2rad(1)  # the same in the map of plane waves
AIM = NEIGHBOURS / 2  # by which a direction is moved to where both maps agree
SHADOW, SUMMIT = np.deg2rad(10), np.deg2rad(8)  # over which the shadow of a higher peak fades, and its nearness
SILENCE = 1e-30


@dataclass(frozen=True)
class Proposal:
    """A direction that may be a voice's, and the evidence for it.

    Args:
        angle: in radians.
        evidence: by name; heights are logarithms to base ten. `turns`: height in the map by turns, relative to its
            highest peak. `waves`: the same in the map of plane waves. `prominence`: height there, relative to the map's
            mean. `shadow`: how much higher another peak is there, the nearer the more; 0 where none is. `extra`: 1
            where it is no peak of the map of plane waves, else 0. `overtopped`: how near another direction is that is
            higher in the map by turns, 1 to 0. `clarity`: of the recording, how much of it single plane waves explain;
            the less, the longer are its echoes (two or three microphones always find such waves). `clear_turns`,
            `clear_shadow`, `clear_overtopped`: the products of clarity with these.
    """

    angle: float
    evidence: Mapping[str, float]


class DirectionMaps:
    """Both maps of an array.

    Args:
        sample_rate: of the signals, in Hz.

    Attributes:
        response: of the wide band.
    """

    def __init__(self, geometry: ArrayGeometry, sample_rate: int):
        self.response = SteeredResponse(geometry, sample_rate, band_hz=WIDE_BAND_HZ)
        self._waves = PlaneWaveMap(geometry, sample_rate)

    def propose(self, signals: np.ndarray, others: Sequence[float] = ()) -> list[Proposal]:
        """The peaks of both maps, and other directions that are near none.

        Args:
            signals: [mics, frames].
            others: in radians.
        """
        axis, waves = self.response.axis, self._waves.power(signals)
        turns = self.response.power_of_turns(stft(signals))
        peaks = find_peaks(waves, MOST_PEAKS, NEIGHBOURS, axis=axis).tolist()
        extra = find_peaks(turns, MOST_PEAKS, APART, axis=axis).tolist()
        extra = [a for a in extra if height_at(turns, a) >= LOWEST_TURNS and not is_near(a, peaks, APART)]
        extra += [a for a in fold(np.array(others), axis) if not is_near(a, [*peaks, *extra], NEAR)]
        angles = np.array([*peaks, *extra])
        evidence = _evidence(turns, waves, angles) | {"extra": np.arange(len(angles)) >= len(peaks)}
        both = waves * np.interp(grid(STEP_DEGREES), self.response.angles, turns, period=2 * np.pi)
        aimed = _moved(angles, find_peaks(both, len(waves), 0.0, axis=axis))
        return [
            Proposal(angle, {name: float(own[k]) for name, own in evidence.items()}) for k, angle in enumerate(aimed)
        ]


def _evidence(turns: np.ndarray, waves: np.ndarray, angles: np.ndarray) -> dict[str, np.ndarray]:
    """What both maps say of each angle, see `Proposal`."""
    by_turns = np.log10(_heights(turns, angles, REACH) / max(turns.max(), SILENCE) + LOWEST_TURNS)
    sharp = _heights(waves, angles, SHARP_REACH)
    heights = np.log10(sharp / max(waves.max(), SILENCE) + LOWEST_WAVES)
    clarity = np.log10(waves.sum() + LOWEST_CLARITY)
    beside = {"turns": by_turns, "shadow": _shadows(angles, heights), "overtopped": _overtopped(angles, by_turns)}
    return {
        **beside,
        "waves": heights,
        "prominence": np.log10(sharp / max(waves.mean(), SILENCE) + LOWEST_PROMINENCE),
        "clarity": np.full(len(angles), clarity),
        **{f"clear_{name}": clarity * own for name, own in beside.items()},
    }


def is_near(angle: float, others: Sequence[float], radius: float) -> bool:
    """Whether any of the others is nearer than the radius; all in radians."""
    return any(angular_distance(angle, other) < radius for other in others)


def _moved(angles: np.ndarray, peaks: np.ndarray) -> list[float]:
    """Each angle, or the peak that is nearest to it within `AIM`."""
    nearest = [min(peaks, key=lambda peak, a=a: angular_distance(peak, a), default=a) for a in angles]
    return [float(p if angular_distance(p, a) < AIM else a) for p, a in zip(nearest, angles, strict=True)]


def _heights(power: np.ndarray, angles: np.ndarray, reach: float) -> np.ndarray:
    """The highest values of a map within a reach of each angle, in radians."""
    step = 2 * np.pi / len(power)
    width = round(reach / step)
    near = np.rint(angles / step).astype(int)[:, None] + np.arange(-width, width + 1)
    return power[near % len(power)].max(axis=1)


def _shadows(angles: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """By how much another peak is higher, less the farther away it is; heights are logarithms."""
    higher = np.maximum(heights - heights[:, None], 0)
    return (higher * np.exp(-angular_distance(angles[:, None], angles) / SHADOW)).max(axis=1, initial=0)


def _overtopped(angles: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """How near another angle is that is higher, 1 to 0: echoes and side lobes stand beside their voice."""
    nearness = np.exp(-angular_distance(angles[:, None], angles) / SUMMIT)
    return np.where(heights > heights[:, None], nearness, 0).max(axis=1, initial=0)
