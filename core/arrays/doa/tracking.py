"""Tracks: the detections of one voice in the chunks of a recording, linked by their directions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.arrays.doa.matching import match_angles

GATE = math.pi / 12  # largest distance of a detection to a track's mean angle, in radians
MOVING_GATE = math.pi / 4  # largest movement from one chunk to the next, in radians


@dataclass(frozen=True)
class Detection:
    """A voice that was detected in one direction.

    Args:
        angle: in radians, counter-clockwise from +x.
        energy: level, as `mean_rms` gives it.
        signal: its image, `[mics, frames]`.
    """

    angle: float
    energy: float
    signal: np.ndarray


@dataclass
class VoiceTrack:
    """detections: of one voice, by the number of the chunk; chunks in which it is silent have none."""

    detections: dict[int, Detection] = field(default_factory=dict)

    @property
    def angle(self) -> float:
        """Mean direction in [0, 2 pi), weighted by energy."""
        angles, energies = zip(*((found.angle, found.energy) for found in self.detections.values()), strict=True)
        weights = np.array(energies) if any(energies) else np.ones(len(energies))
        return float(np.angle(np.sum(weights * np.exp(1j * np.array(angles)))) % (2 * math.pi))

    @property
    def last_angle(self) -> float:
        """Of the last detection."""
        return self.detections[max(self.detections)].angle

    @property
    def energy(self) -> float:
        """Sum over chunks."""
        return sum(found.energy for found in self.detections.values())


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
