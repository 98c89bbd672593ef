"""Selection: which directions of a recording hold voices, and how likely each one does.

A network leaks: a loud voice is also heard faintly in other directions. It does not resolve voices that are near each
other, either, which SRP-PHAT's map of the recording does; but the map has peaks for noises and echoes as well. So both
propose directions, the network says what is heard from each, and level and peak together tell voices from the rest.
Those that are likely are refined together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.arrays.angles import angular_distance, fold
from core.arrays.beamforming import directional_images
from core.arrays.doa.counting import DOUBTFUL, SURE, Calibration
from core.arrays.doa.spatial_spectra import APART, SteeredResponse, find_peaks, height_at
from core.arrays.energy import rms
from core.arrays.geometry import ArrayGeometry
from core.arrays.refinement import ITERATIONS, ROUNDS, refine
from core.arrays.spectra import stft
from core.choices import MOST_VOICES

NEAR = np.deg2rad(10)  # a detection so near to a peak is the peak's
MOST_PEAKS, LEAST_PEAK = 12, 1e-4  # of the map that are listened to; height, relative to the highest
PEAK_WEIGHT_DB, LOWEST = 5.0, 1e-5  # per factor of ten in the height of a peak; a floor of it
CONFIDENCE = Calibration(-20.4, 30.3, 3.4)  # of 430 directions in 112 rooms, noisy ones among them
SILENCE = 1e-6  # level, relative to the loudest

Guess = tuple[float, np.ndarray]  # an angle in radians, and the image of the sound from there, [mics, frames]


@dataclass(frozen=True, eq=False)
class DirectionCandidate:
    """A direction that may be a voice's.

    Args:
        angle: in radians.
        image: of the sound from there, [mics, frames].
        peak: height of the map there, relative to its highest peak.
        confidence: how likely there is a voice, 0 to 1.
    """

    angle: float
    image: np.ndarray
    peak: float
    confidence: float = 1.0


@dataclass(frozen=True, eq=False)
class Heard:
    """What is looked into.

    Args:
        signals: the recording, [mics, frames].
        sample_rate: of the signals, in Hz.
        geometry: of the array.
        listen: angles in radians -> what the network hears from each, images [angles, mics, frames].
    """

    signals: np.ndarray
    sample_rate: int
    geometry: ArrayGeometry
    listen: Callable[[Sequence[float]], np.ndarray]

    def refined(self, angles: Sequence[float], images: np.ndarray, rounds: int = ITERATIONS) -> np.ndarray:
        """Images of voices, [voices, mics, frames], refined from them or from the recording shared out by direction.

        The network's ones are the better start in small rooms with long echoes, the others in wide rooms and in crowds.
        """
        shared = directional_images(self.signals, self.geometry, angles, self.sample_rate)
        return refine(self.signals, np.asarray(images), self.sample_rate, rounds, [shared])


def select(
    heard: Heard, found: Sequence[Guess], response: SteeredResponse, voices: int | None = None
) -> list[DirectionCandidate]:
    """The voices of a recording, refined.

    Args:
        found: the detections of a search.
        response: of the array.
        voices: how many there are; None if that is unknown.

    Returns:
        From likely to unlikely: at most `voices`, or, where their number is unknown, all that may be one; what is
        doubtful is not refined to the end. None where the search found nothing.
    """
    if not found:
        return []
    candidates = rate(propose(heard, found, response), response.diffuse)
    if voices is not None:
        return _refined(heard, candidates[:voices])
    candidates = [candidate for candidate in candidates if candidate.confidence >= DOUBTFUL][:MOST_VOICES]
    sure = [candidate for candidate in candidates if candidate.confidence >= SURE]
    doubtful = candidates[len(sure) :]
    return _refined(heard, sure) + (_refined(heard, candidates, ROUNDS)[len(sure) :] if doubtful else [])


def propose(heard: Heard, found: Sequence[Guess], response: SteeredResponse) -> list[DirectionCandidate]:
    """The peaks of the map, and the detections where it has none; arguments as `select`."""
    power = response.power_of_turns(stft(heard.signals))
    peaks = find_peaks(power, MOST_PEAKS, APART, axis=response.axis)
    peaks = [float(peak) for peak in peaks if height_at(power, peak) >= LEAST_PEAK]
    others = [(fold(angle, response.axis), image) for angle, image in found]
    others = [(angle, image) for angle, image in others if not _is_near(angle, peaks)]
    images = heard.listen(peaks) if peaks else []
    return [
        DirectionCandidate(angle, image, height_at(power, angle))
        for angle, image in (*zip(peaks, images, strict=True), *others)
    ]


def rate(candidates: Sequence[DirectionCandidate], diffuse: float) -> list[DirectionCandidate]:
    """The candidates with their confidence, from likely to unlikely.

    Args:
        diffuse: see `SteeredResponse`.
    """
    levels = [rms(candidate.image) for candidate in candidates]
    loudest = max(levels, default=0.0) or 1.0
    rated = [
        replace(candidate, confidence=CONFIDENCE(_strength_db(level / loudest, candidate.peak), diffuse))
        for candidate, level in zip(candidates, levels, strict=True)
    ]
    return sorted(rated, key=lambda candidate: -candidate.confidence)


def _strength_db(level: float, peak: float) -> float:
    """Level, relative to the loudest, and peak combined: the measure that tells voices from the rest."""
    return 20 * np.log10(level + SILENCE) + PEAK_WEIGHT_DB * np.log10(peak + LOWEST)


def _refined(
    heard: Heard, candidates: Sequence[DirectionCandidate], rounds: int = ITERATIONS
) -> list[DirectionCandidate]:
    if not candidates:
        return []
    images = heard.refined([voice.angle for voice in candidates], [voice.image for voice in candidates], rounds)
    return [replace(candidate, image=image) for candidate, image in zip(candidates, images, strict=True)]


def _is_near(angle: float, others: Sequence[float]) -> bool:
    return any(angular_distance(angle, other) < NEAR for other in others)
