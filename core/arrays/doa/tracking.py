"""Tracks: one voice in chunk after chunk of a recording, known by the direction that it comes from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.arrays.doa.matching import match_angles

GATE = math.pi / 12  # radians that a voice may be off its place
MOVING_GATE = math.pi / 4  # radians that it may walk from one chunk to the next


@dataclass(frozen=True)
class Detection:
    """A voice that was found in one direction.

    Args:
        angle: in radians, counter-clockwise from +x.
        energy: level, as `mean_rms` gives it.
        signal: as the microphones hear it, `[mics, frames]`.
    """

    angle: float
    energy: float
    signal: np.ndarray


@dataclass
class VoiceTrack:
    """detections: of one voice, by the number of the chunk; chunks in which it is silent are left out."""

    detections: dict[int, Detection] = field(default_factory=dict)

    @property
    def angle(self) -> float:
        """Its mean direction in [0, 2 pi): loud chunks count more."""
        angles, energies = zip(*((found.angle, found.energy) for found in self.detections.values()), strict=True)
        weights = np.array(energies) if any(energies) else np.ones(len(energies))
        return float(np.angle(np.sum(weights * np.exp(1j * np.array(angles)))) % (2 * math.pi))

    @property
    def last_angle(self) -> float:
        """Where it was heard last."""
        return self.detections[max(self.detections)].angle

    @property
    def energy(self) -> float:
        """The sum over chunks."""
        return sum(found.energy for found in self.detections.values())


def link(found: Sequence[Sequence[Detection]], moving: bool = False) -> list[VoiceTrack]:
    """Links what was found in every chunk to tracks, as many and as close as possible, within a gate.

    A voice that pauses goes on where it was: at its mean direction, or where it was heard last if voices move.

    Args:
        found: for every chunk, in order of time.

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
