"""Tracking of directions from update to update: tracks with constant numbers and trails."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.arrays.angles import angular_distance, wrap

GATE = np.deg2rad(25)  # largest step of a source between two detections
FOLLOWING = 0.5  # share of the way from a track's angle to its detection
SIGHTINGS = 4  # detections until a track counts as a source
HOLD_SECONDS = 1.0  # how long a source is kept without a detection
DOUBT_SECONDS = 0.25  # the same for a track that is no source yet
TRAIL = 20  # updates


@dataclass
class LiveTrack:
    """A source that is tracked, or a direction that may become one.

    Args:
        number: of the source, from 1; 0 of a direction that is no source yet.
        angle: in radians, 0 to 2 pi.
        seen: time of its last detection, in seconds.
        sightings: how often it was detected.
        trail: its last angles, oldest first, in radians.
    """

    number: int
    angle: float
    seen: float
    sightings: int = 1
    trail: deque[float] = field(default_factory=lambda: deque(maxlen=TRAIL))


class Tracker:
    """Assigns detected directions to tracks, the nearest pairs first."""

    def __init__(self):
        self._tracks: list[LiveTrack] = []
        self._numbers = 0

    def update(self, angles: Sequence[float], seconds: float) -> list[LiveTrack]:
        """Returns the sources after an update, by number.

        Args:
            angles: of the detections, in radians.
            seconds: time of the update.
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
