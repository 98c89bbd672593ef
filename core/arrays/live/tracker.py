"""Sources that keep their numbers: directions found again and again become tracks with trails."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.arrays.angles import angular_distance, wrap

GATE = np.deg2rad(25)  # how far a source may have gone since it was found last
FOLLOWING = 0.5  # share of the way to where it was found that a track goes
SIGHTINGS = 4  # until a direction counts as a source
HOLD_SECONDS = 1.0  # how long a source is kept that is not found any more
DOUBT_SECONDS = 0.25  # the same of a direction that is no source yet
TRAIL = 20  # updates


@dataclass
class LiveTrack:
    """A source that is being followed.

    Args:
        number: of the source, counted from 1; kept as long as it is followed.
        angle: where it is, in radians, 0 to 2 pi.
        seen: when it was found last, in seconds.
        sightings: how often it was found.
        trail: its last angles, oldest first, in radians.
    """

    number: int
    angle: float
    seen: float
    sightings: int = 1
    trail: deque[float] = field(default_factory=lambda: deque(maxlen=TRAIL))


class Tracker:
    """Follows directions from update to update, the nearest first."""

    def __init__(self):
        self._tracks: list[LiveTrack] = []
        self._numbers = 0

    def update(self, angles: Sequence[float], seconds: float) -> list[LiveTrack]:
        """The sources there are now, oldest first.

        Args:
            angles: the directions found, in radians.
            seconds: when.
        """
        remaining = list(angles)
        pairs = [(angular_distance(track.angle, angle), track, angle) for track in self._tracks for angle in angles]
        followed = []
        for distance, track, angle in sorted(pairs, key=lambda pair: pair[0]):
            if distance <= GATE and angle in remaining and track not in followed:
                self._follow(track, angle, seconds)
                remaining.remove(angle)
                followed.append(track)
        self._tracks = [track for track in self._tracks if seconds - track.seen <= _patience(track)]
        self._tracks += [LiveTrack(0, float(angle) % (2 * np.pi), seconds) for angle in remaining]
        return sorted((track for track in self._tracks if track.number), key=lambda track: track.number)

    def _follow(self, track: LiveTrack, angle: float, seconds: float) -> None:
        track.angle = float(track.angle + FOLLOWING * wrap(angle - track.angle)) % (2 * np.pi)
        track.seen, track.sightings = seconds, track.sightings + 1
        track.trail.append(track.angle)
        if not track.number and track.sightings >= SIGHTINGS:
            self._numbers += 1
            track.number = self._numbers


def _patience(track: LiveTrack) -> float:
    return HOLD_SECONDS if track.number else DOUBT_SECONDS
