"""Which of the directions that a search keeps are voices.

A network leaks: it hears a loud voice faintly from elsewhere, too. Refined beside the others (`refinement.py`) what
leaked grows fainter still, and the map of what the array heard has no peak there. So the weakest candidates are given
up, the others are refined anew without them, and so on, until all that are left count as voices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.arrays.angles import angular_distance
from core.arrays.cone.refinement import ITERATIONS, refine
from core.arrays.doa.spatial_spectra import STEP_DEGREES, SteeredResponse, grid
from core.arrays.energy import rms
from core.arrays.spectra import stft

NEAR = np.deg2rad(30)  # how far off a voice may be heard while others disturb
BESIDE = np.deg2rad(12)  # how near two refined voices are one
AROUND = np.deg2rad(8)  # of a direction, where its peak in the map is looked for
PEAK_WEIGHT_DB, LOWEST = 5.0, 0.0025  # how much weaker a peak of a tenth of the height is, and lower ones are alike
WEAKEST_DB = -17.0  # under the strongest, that still is a voice
SHADOW, SHADOWED_DB = np.deg2rad(45), -10.0  # of a stronger one, where what it leaks is loudest: the least there
HOPELESS_DB = -20.0  # under the loudest, that is none even where voices are missing
ROUNDS = 8  # of refinement before candidates are compared
SILENCE = 1e-6  # level of what nobody hears beside the recording

Guess = tuple[float, np.ndarray]  # an angle in radians, and what every microphone hears from there, [mics, frames]


@dataclass(frozen=True)
class Candidate:
    """A direction beside the others.

    Args:
        number: of the direction, as it was given.
        angle: in radians, where it is loudest.
        level_db: of what comes from there, under the recording's.
        peak: height of the map there, as a share of its highest peak.
    """

    number: int
    angle: float
    level_db: float
    peak: float

    @property
    def strength_db(self) -> float:
        """What candidates are compared by."""
        return self.level_db + PEAK_WEIGHT_DB * np.log10(self.peak + LOWEST)


def select(
    signals: np.ndarray,
    found: Sequence[Guess],
    response: SteeredResponse,
    sample_rate: int,
    voices: int | None = None,
) -> list[Guess]:
    """The voices among what a network heard, refined, at the directions that they are loudest from.

    Args:
        signals: what the array heard, [mics, frames].
        response: of the array.
        sample_rate: of the signals, in Hz.
        voices: how many there are; None where nobody knows.

    Returns:
        In the order of `found`; at least one where there is any, and at most `voices`.
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


def keep(candidates: Sequence[Candidate], voices: int | None) -> list[int]:
    """The numbers of those that stay: of two at one place the louder, and but for the weaker half of the weak ones.

    Weak are, where it is known how many voices there are, all that are too many or hopeless; elsewhere those that are
    far weaker than the strongest.
    """
    apart: list[Candidate] = []
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


def _is_weak(candidate: Candidate, stronger: Sequence[Candidate]) -> bool:
    """Whether something is no voice beside stronger ones, of which the strongest is the last."""
    if not stronger:
        return False
    near = [other.strength_db for other in stronger if angular_distance(candidate.angle, other.angle) < SHADOW]
    least = max([stronger[-1].strength_db + WEAKEST_DB, *(strength + SHADOWED_DB for strength in near)])
    return candidate.strength_db < least


def _candidate(
    number: int, angle: float, image: np.ndarray, level: float, peaks: np.ndarray, response: SteeredResponse
) -> Candidate:
    around = grid(STEP_DEGREES)
    if level > SILENCE:
        near = angular_distance(around, angle) < NEAR
        angle = float(around[np.where(near, response.power_of_turns(stft(image)), -np.inf).argmax()])
    peak = float(peaks[angular_distance(around, angle) < AROUND].max())
    return Candidate(number, angle, 20 * np.log10(level + SILENCE), peak)
