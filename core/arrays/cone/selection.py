"""Selection: which of the directions that a search found are voices.

A network leaks: a loud voice is also detected faintly in other directions. Refinement together with the others
(`refinement.py`) attenuates such leakage further, and SRP-PHAT's map of the recording has no peak there. So the weakest
candidates are dropped, the others are refined anew, and so on, until all that remain count as voices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.arrays.angles import angular_distance, fold
from core.arrays.cone.refinement import ITERATIONS, refine
from core.arrays.doa.spatial_spectra import STEP_DEGREES, SteeredResponse, grid
from core.arrays.energy import rms
from core.arrays.spectra import stft

NEAR = np.deg2rad(30)  # largest error of a direction before refinement
BESIDE = np.deg2rad(12)  # nearer than this, two refined voices are one
AROUND = np.deg2rad(8)  # range around a direction in which its peak is looked up in the map
PEAK_WEIGHT_DB, LOWEST = 5.0, 0.0025  # per factor of ten in the height of a peak; a floor of it
WEAKEST_DB = -17.0  # least strength of a voice, relative to the strongest
SHADOW, SHADOWED_DB = np.deg2rad(45), -10.0  # so near a stronger one, which leaks most there: least strength
HOPELESS_DB = -20.0  # relative to the loudest: no voice, even where voices are missing
ROUNDS = 8  # of refinement before candidates are compared
SILENCE = 1e-6  # level, relative to the recording

Guess = tuple[float, np.ndarray]  # an angle in radians, and the image of the sound from there, [mics, frames]


@dataclass(frozen=True)
class DirectionCandidate:
    """A direction that may be a voice's.

    Args:
        number: index of the direction in the search's result.
        angle: refined, in radians.
        level_db: of its image, relative to the recording's.
        peak: height of the map there, relative to its highest peak.
    """

    number: int
    angle: float
    level_db: float
    peak: float

    @property
    def strength_db(self) -> float:
        """Level and peak combined: the measure that candidates are compared by."""
        return self.level_db + PEAK_WEIGHT_DB * np.log10(self.peak + LOWEST)


def select(
    signals: np.ndarray,
    found: Sequence[Guess],
    response: SteeredResponse,
    sample_rate: int,
    voices: int | None = None,
) -> list[Guess]:
    """The voices among the detections of a search, refined, at their refined directions.

    Args:
        signals: the recording, [mics, frames].
        response: of the array.
        sample_rate: of the signals, in Hz.
        voices: how many there are; None if that is unknown.

    Returns:
        In the order of `found`; at least one if `found` has any, and at most `voices`.
    """
    peaks, found = response.power_of_turns(stft(signals)), list(found)
    loudness = max(rms(signals), np.finfo(np.float64).tiny)
    while found:
        images = refine(signals, np.stack([image for _, image in found]), sample_rate, ROUNDS)
        candidates = [
            _candidate(number, angle, image, rms(image) / loudness, peaks, response)
            for number, ((angle, _), image) in enumerate(zip(found, images, strict=True))
        ]
        kept = keep(candidates, voices)
        if len(kept) == len(found):
            images = refine(signals, images, sample_rate, ITERATIONS - ROUNDS)
            return [(candidate.angle, image) for candidate, image in zip(candidates, images, strict=True)]
        found = [found[number] for number in kept]
    return []


def keep(candidates: Sequence[DirectionCandidate], voices: int | None) -> list[int]:
    """The numbers of those that stay: of two at one place the louder, and but for the weaker half of the weak ones.

    Weak are, where it is known how many voices there are, all that are too many or hopeless; elsewhere those that are
    far weaker than the strongest.
    """
    apart: list[DirectionCandidate] = []
    for candidate in sorted(candidates, key=lambda candidate: -candidate.level_db):
        if all(angular_distance(candidate.angle, other.angle) >= BESIDE for other in apart):
            apart.append(candidate)
    ranked = sorted(apart, key=lambda candidate: candidate.strength_db)
    if voices is None:
        weak = [c for n, c in enumerate(ranked) if _is_weak(c, ranked[n + 1 :])]
    else:
        many, loudest = len(ranked) - voices, apart[0].level_db
        weak = [c for rank, c in enumerate(ranked) if rank < many or c.level_db < loudest + HOPELESS_DB]
    given_up = {candidate.number for candidate in weak[: (len(weak) + 1) // 2]}
    return sorted(candidate.number for candidate in apart if candidate.number not in given_up)


def _is_weak(candidate: DirectionCandidate, stronger: Sequence[DirectionCandidate]) -> bool:
    """Whether something is no voice beside stronger ones, of which the strongest is the last."""
    if not stronger:
        return False
    near = [other.strength_db for other in stronger if angular_distance(candidate.angle, other.angle) < SHADOW]
    least = max([stronger[-1].strength_db + WEAKEST_DB, *(strength + SHADOWED_DB for strength in near)])
    return candidate.strength_db < least


def _candidate(
    number: int, angle: float, image: np.ndarray, level: float, peaks: np.ndarray, response: SteeredResponse
) -> DirectionCandidate:
    around = grid(STEP_DEGREES)
    if level > SILENCE:
        near = angular_distance(around, angle) < NEAR
        angle = float(around[np.where(near, response.power_of_turns(stft(image)), -np.inf).argmax()])
        angle = fold(angle, response.axis)
    peak = float(peaks[angular_distance(around, angle) < AROUND].max())
    return DirectionCandidate(number, angle, 20 * np.log10(level + SILENCE), peak)
