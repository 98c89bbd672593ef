"""Tracks: one voice in chunk after chunk of a recording, known by the direction that it comes from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.arrays.matching import match_angles
from core.arrays.suppression import Source

GATE = math.pi / 12  # radians that a voice may be off its place
MOVING_GATE = math.pi / 4  # radians that it may walk from one chunk to the next


@dataclass
class Track:
    """sources: what was found of one voice, by the number of the chunk; chunks in which it is silent are left out."""

    sources: dict[int, Source] = field(default_factory=dict)

    @property
    def angle(self) -> float:
        """Its mean direction in [0, 2 pi): loud chunks count more."""
        angles, energies = zip(*((source.angle, source.energy) for source in self.sources.values()), strict=True)
        weights = np.array(energies) if any(energies) else np.ones(len(energies))
        return float(np.angle(np.sum(weights * np.exp(1j * np.array(angles)))) % (2 * math.pi))

    @property
    def last_angle(self) -> float:
        """Where it was heard last."""
        return self.sources[max(self.sources)].angle

    @property
    def energy(self) -> float:
        """The sum over chunks."""
        return sum(source.energy for source in self.sources.values())


def link(found: Sequence[Sequence[Source]], moving: bool = False) -> list[Track]:
    """Links what was found in every chunk to tracks, as many and as close as possible, within a gate.

    A voice that pauses goes on where it was: at its mean direction, or where it was heard last if voices move.

    Args:
        found: for every chunk, in order of time.

    Returns:
        From loud to quiet.
    """
    tracks: list[Track] = []
    for chunk, sources in enumerate(found):
        places = [track.last_angle if moving else track.angle for track in tracks]
        pairs = match_angles(places, [source.angle for source in sources], MOVING_GATE if moving else GATE).pairs
        known = {j: tracks[i] for i, j in pairs}
        for j, source in enumerate(sources):
            if j not in known:
                known[j] = Track()
                tracks.append(known[j])
            known[j].sources[chunk] = source
    return sorted(tracks, key=lambda track: -track.energy)
