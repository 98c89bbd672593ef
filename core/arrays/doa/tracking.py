"""Tracks: the detections of one voice in the chunks of a recording, linked by their directions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.arrays.doa.matching import match_angles

GATE = math.pi / 12  # largest distance of a detection to a track's mean angle, in radians
MOVING_GATE = math.pi / 4  # largest movement from one chunk to the next, in radians
SMOOTHED = 2  # chunks to either side that say where a voice that walks is
SILENCE = 1e-12  # energy that weighs next to nothing


@dataclass(frozen=True)
class Detection:
    """A voice that was detected in one direction.

    Args:
        angle: in radians, counter-clockwise from +x.
        energy: level, as `mean_rms` gives it.
        signal: its image, `[mics, frames]`.
        confidence: how likely it is a voice, 0 to 1; 1 where nothing doubts it.
    """

    angle: float
    energy: float
    signal: np.ndarray
    confidence: float = 1.0


@dataclass
class VoiceTrack:
    """detections: of one voice, by the number of the chunk; chunks in which it is silent have none."""

    detections: dict[int, Detection] = field(default_factory=dict)

    @property
    def angle(self) -> float:
        """Mean direction in [0, 2 pi), weighted by energy."""
        directions = self._mean(np.exp(1j * np.array([found.angle for found in self.detections.values()])))
        return float(np.angle(directions) % (2 * math.pi))

    @property
    def confidence(self) -> float:
        """How likely it is a voice, 0 to 1: the mean over its detections, weighted by energy."""
        return float(self._mean(np.array([found.confidence for found in self.detections.values()])))

    @property
    def last_angle(self) -> float:
        """Of the last detection."""
        return self.detections[max(self.detections)].angle

    @property
    def energy(self) -> float:
        """Sum over chunks."""
        return sum(found.energy for found in self.detections.values())

    def _mean(self, values: np.ndarray):
        """Of the values of all detections, weighted by energy."""
        energies = np.array([found.energy for found in self.detections.values()])
        return np.average(values, weights=energies if energies.any() else None)


def link(found: Sequence[Sequence[Detection]], moving: bool = False) -> list[VoiceTrack]:
    """Links the detections of all chunks to tracks, as many and as close as possible, within a gate.

    Distances are to a track's mean direction, or to its last one if voices move.

    Args:
        found: the detections of every chunk, in order of time.

    Returns:
        From loud to quiet.
    """
    tracks: list[VoiceTrack] = []
    for chunk, detections in enumerate(found):
        places = [track.last_angle if moving else track.angle for track in tracks]
        pairs = match_angles(places, [detected.angle for detected in detections], MOVING_GATE if moving else GATE).pairs
        known = {j: tracks[i] for i, j in pairs}
        for j, detected in enumerate(detections):
            if j not in known:
                known[j] = VoiceTrack()
                tracks.append(known[j])
            known[j].detections[chunk] = detected
    return sorted(tracks, key=lambda track: -track.energy)


def smoothed(track: VoiceTrack) -> VoiceTrack:
    """A track with smoother directions: people walk on, and of where they are a loud chunk knows most.

    Each direction is that of a line, fitted by least squares weighted by energy, to the detections at most `SMOOTHED`
    chunks away; where they are fewer than three it stays.
    """
    numbers = np.array(sorted(track.detections))
    found = [track.detections[number] for number in numbers]
    angles = np.unwrap([own.angle for own in found])
    weights = np.sqrt([max(own.energy, SILENCE) for own in found])  # of residuals
    lines = {}
    for number, own, angle in zip(numbers, found, angles, strict=True):
        near = np.abs(numbers - number) <= SMOOTHED
        if near.sum() >= 3:
            design = np.stack([np.ones(near.sum()), numbers[near] - number], axis=1) * weights[near, None]
            angle = np.linalg.lstsq(design, angles[near] * weights[near])[0][0]
        lines[int(number)] = replace(own, angle=float(angle))
    return VoiceTrack(lines)
