"""Scenes drawn at random: rooms like the original's, and rooms like those that people sit in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.arrays.angles import angular_distance
from core.arrays.geometry import SPEED_OF_SOUND, ArrayGeometry
from core.arrays.scenes.scene import Room, Scene, Source

VOICE_PEAKS = (0.15, 0.4)
MOVES = 8  # positions of a moving voice
MOST_REFLECTIONS = 25  # later ones change a T60 of 0.5 s by a tenth and take ten times as long
SABINE_MARGIN = 1.05
WALL_METRES = 0.3  # what voices and microphones keep from walls
CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))

Range = tuple[float, float]


@dataclass(frozen=True)
class OriginalRooms:
    """The Cone of Silence's rooms: flat, wide, of any absorption; the background is far away in a wider room.

    Args:
        walls, background_walls: from the array, in metres.
        distances, background_distances: of voices and background from the array, in metres.
    """

    walls: Range = (15.0, 20.0)
    absorption: Range = (0.1, 0.99)
    distances: Range = (1.0, 5.0)
    background_walls: Range = (20.0, 40.0)
    background_absorption: Range = (0.5, 0.99)
    background_distances: Range = (10.0, 20.0)
    background_peaks: Range = (0.2, 0.5)
    order: int = 10

    def room(self, rng: np.random.Generator) -> Room:
        """The room of the voices."""
        return self._shoebox(rng, self.walls, self.absorption)

    def position(self, rng: np.random.Generator, room: Room, angle: float) -> tuple[float, float]:
        """Of a voice at an angle."""
        return _at(angle, rng.uniform(*self.distances))

    def angles(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Of the voices."""
        return rng.uniform(0, 2 * np.pi, count)

    def background(self, rng: np.random.Generator, room: Room) -> list[Source]:
        """One far source."""
        far = _at(rng.uniform(0, 2 * np.pi), rng.uniform(*self.background_distances))
        wider = self._shoebox(rng, self.background_walls, self.background_absorption)
        return [Source("bg", wider, (far,), float(rng.uniform(*self.background_peaks)))]

    def _shoebox(self, rng: np.random.Generator, walls: Range, absorption: Range) -> Room:
        left, right, bottom, top = (float(wall) for wall in rng.uniform(*walls, 4))
        return Room((left + right, bottom + top), (left, bottom), float(rng.uniform(*absorption)), self.order)


@dataclass(frozen=True)
class RealisticRooms:
    """Living rooms and offices: the array on a table, voices somewhat above it, a background from every corner.

    Args:
        lengths, widths, heights: of the room, in metres.
        table_heights: of the array over the floor, in metres.
        t60_seconds: reverberation time; where a room is too large for it, the shortest that Sabine's formula allows.
        distances: of voices from the array, on the floor plan, in metres; walls may bring them nearer.
        lifts: of voices over the array, in metres.
        separation: least angle between two voices, in radians, as far as they leave room for it.
    """

    lengths: Range = (3.5, 8.0)
    widths: Range = (3.0, 6.0)
    heights: Range = (2.4, 3.2)
    table_heights: Range = (0.7, 1.1)
    t60_seconds: Range = (0.15, 0.5)
    distances: Range = (0.5, 2.5)
    lifts: Range = (0.0, 0.5)
    background_peaks: Range = (0.02, 0.15)
    separation: float = np.pi / 9

    def room(self, rng: np.random.Generator) -> Room:
        """The array stands in the middle half of the floor."""
        size = tuple(float(rng.uniform(*side)) for side in (self.lengths, self.widths, self.heights))
        table = float(rng.uniform(*self.table_heights))
        centre = (*(side * float(rng.uniform(0.25, 0.75)) for side in size[:2]), table)
        return shoebox(size, centre, float(rng.uniform(*self.t60_seconds)))

    def position(self, rng: np.random.Generator, room: Room, angle: float) -> tuple[float, float, float]:
        """Of a voice at an angle, inside the room."""
        distance = min(rng.uniform(*self.distances), _room_ahead(room, angle))
        return (*_at(angle, distance), float(rng.uniform(*self.lifts)))

    def angles(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Of the voices, apart from each other."""
        apart = min(self.separation, np.pi / count)
        while True:
            angles = rng.uniform(0, 2 * np.pi, count)
            distances = angular_distance(angles[:, None], angles) + 2 * np.pi * np.eye(count)
            if distances.min() >= apart:
                return angles

    def background(self, rng: np.random.Generator, room: Room) -> list[Source]:
        """Four sources, one near each corner: with their echoes they come from everywhere."""
        x, y, _ = room.size
        corners = [(abs(x * right - WALL_METRES), abs(y * top - WALL_METRES)) for right, top in CORNERS]
        lift, peak = float(rng.uniform(*self.lifts)), float(rng.uniform(*self.background_peaks))
        return [Source("bg", room, ((cx - room.centre[0], cy - room.centre[1], lift),), peak) for cx, cy in corners]


def draw_scene(
    rng: np.random.Generator,
    rooms: OriginalRooms | RealisticRooms,
    array: ArrayGeometry,
    speakers: Sequence[str],
    *,
    frames: int,
    sample_rate: int,
    background: bool = False,
    moving: bool = False,
) -> Scene:
    """A scene of one voice for each speaker; the same generator state gives the same scene.

    Args:
        speakers: whose voices.
        moving: voices walk around the array, 30 to 90 degrees of a circle in either sense.
    """
    room = rooms.room(rng)
    voices = [
        Source(f"voice{k:02d}", room, _path(rng, rooms, room, angle, moving), float(rng.uniform(*VOICE_PEAKS)), speaker)
        for k, (angle, speaker) in enumerate(zip(rooms.angles(rng, len(speakers)), speakers, strict=True))
    ]
    behind = rooms.background(rng, room) if background else []
    return Scene(array, (*voices, *behind), frames, sample_rate)


def shoebox(size: tuple[float, float, float], centre: tuple[float, float, float], t60_seconds: float) -> Room:
    """The room of a reverberation time, by Sabine's formula; the shortest possible one where that is too short."""
    from pyroomacoustics import inverse_sabine

    x, y, z = size
    surface = 2 * (x * y + y * z + z * x)
    shortest = 24 * np.log(10) * x * y * z / (SPEED_OF_SOUND * surface)  # where the walls absorb everything
    absorption, order = inverse_sabine(max(t60_seconds, SABINE_MARGIN * shortest), size, c=SPEED_OF_SOUND)
    return Room(size, centre, float(absorption), min(order, MOST_REFLECTIONS))


def _path(rng: np.random.Generator, rooms, room: Room, angle: float, moving: bool) -> tuple[tuple[float, ...], ...]:
    first = rooms.position(rng, room, angle)
    if not moving:
        return (first,)
    turn = rng.choice([-1, 1]) * np.deg2rad(rng.uniform(30, 90))
    distance = np.hypot(*first[:2])
    angles = angle + turn * np.arange(MOVES) / (MOVES - 1)
    return tuple((*_at(a, min(distance, _room_ahead(room, a))), *first[2:]) for a in angles)


def _room_ahead(room: Room, angle: float) -> float:
    """Metres from the array to where a voice may stand last before the wall."""
    ahead = [
        ((side - WALL_METRES if towards > 0 else WALL_METRES) - at) / towards
        for side, at, towards in zip(room.size, room.centre, (np.cos(angle), np.sin(angle)), strict=False)
        if abs(towards) > 1e-9
    ]
    return float(min(ahead))


def _at(angle: float, distance: float) -> tuple[float, float]:
    return float(distance * np.cos(angle)), float(distance * np.sin(angle))
