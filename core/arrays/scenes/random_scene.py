"""Scenes drawn at random, in the Cone of Silence's rooms or in realistic ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.arrays.angles import angular_distance
from core.arrays.geometry import SPEED_OF_SOUND, ArrayGeometry
from core.arrays.scenes.scene import Room, Scene, SoundSource

VOICE_PEAKS = (0.15, 0.4)
MOVES = 8  # positions of a moving voice
MOST_REFLECTIONS = 25  # more change a T60 of 0.5 s by a tenth and take ten times as long
SABINE_MARGIN = 1.05
WALL_METRES = 0.3  # least distance of voices and microphones to walls
CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))

Range = tuple[float, float]


@dataclass(frozen=True)
class ConeOfSilenceRooms:
    """The Cone of Silence's rooms (Jenrungrot et al. 2020): two-dimensional, wide, of any absorption; the background
    is far away in a wider room.

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
        """A room for the voices."""
        return self._shoebox(rng, self.walls, self.absorption)

    def position(self, rng: np.random.Generator, room: Room, angle: float) -> tuple[float, float]:
        """(x, y) of a voice at an angle, in metres from the array."""
        return _at(angle, rng.uniform(*self.distances))

    def angles(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Of the voices, in radians."""
        return rng.uniform(0, 2 * np.pi, count)

    def background(self, rng: np.random.Generator, room: Room) -> list[SoundSource]:
        """One source, far away."""
        far = _at(rng.uniform(0, 2 * np.pi), rng.uniform(*self.background_distances))
        wider = self._shoebox(rng, self.background_walls, self.background_absorption)
        return [SoundSource("bg", wider, (far,), float(rng.uniform(*self.background_peaks)))]

    def _shoebox(self, rng: np.random.Generator, walls: Range, absorption: Range) -> Room:
        left, right, bottom, top = (float(wall) for wall in rng.uniform(*walls, 4))
        return Room((left + right, bottom + top), (left, bottom), float(rng.uniform(*absorption)), self.order)


@dataclass(frozen=True)
class RealisticRooms:
    """Living rooms and offices: the array on a table, voices slightly above it, a background from all four corners.

    Args:
        lengths, widths, heights: of the room, in metres.
        table_heights: of the array over the floor, in metres.
        t60_seconds: reverberation time; at least the shortest that Sabine's formula allows for the room.
        distances: horizontal, of voices from the array, in metres; less where a wall is nearer.
        lifts: of voices over the array, in metres.
        separation: least angle between two voices, in radians; less where there are too many voices.
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
        """A room with the array in the middle half of its floor."""
        size = tuple(float(rng.uniform(*side)) for side in (self.lengths, self.widths, self.heights))
        table = float(rng.uniform(*self.table_heights))
        centre = (*(side * float(rng.uniform(0.25, 0.75)) for side in size[:2]), table)
        return shoebox(size, centre, float(rng.uniform(*self.t60_seconds)))

    def position(self, rng: np.random.Generator, room: Room, angle: float) -> tuple[float, float, float]:
        """(x, y, z) of a voice at an angle, inside the room, in metres from the array."""
        distance = min(rng.uniform(*self.distances), _room_ahead(room, angle))
        return (*_at(angle, distance), float(rng.uniform(*self.lifts)))

    def angles(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Of the voices, at least `separation` apart as far as possible, in radians."""
        apart = min(self.separation, np.pi / count)
        while True:
            angles = rng.uniform(0, 2 * np.pi, count)
            distances = angular_distance(angles[:, None], angles) + 2 * np.pi * np.eye(count)
            if distances.min() >= apart:
                return angles

    def background(self, rng: np.random.Generator, room: Room) -> list[SoundSource]:
        """Four sources, one near each corner: with their echoes an almost diffuse field."""
        x, y, _ = room.size
        corners = [(abs(x * right - WALL_METRES), abs(y * top - WALL_METRES)) for right, top in CORNERS]
        lift, peak = float(rng.uniform(*self.lifts)), float(rng.uniform(*self.background_peaks))
        return [
            SoundSource("bg", room, ((cx - room.centre[0], cy - room.centre[1], lift),), peak) for cx, cy in corners
        ]


def draw_scene(
    rng: np.random.Generator,
    rooms: ConeOfSilenceRooms | RealisticRooms,
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
        speakers: their names.
        moving: voices walk 30 to 90 degrees around the array, in either direction.
    """
    room = rooms.room(rng)
    voices = [
        SoundSource(
            f"voice{k:02d}", room, _path(rng, rooms, room, angle, moving), float(rng.uniform(*VOICE_PEAKS)), speaker
        )
        for k, (angle, speaker) in enumerate(zip(rooms.angles(rng, len(speakers)), speakers, strict=True))
    ]
    behind = rooms.background(rng, room) if background else []
    return Scene(array, (*voices, *behind), frames, sample_rate)


def shoebox(size: tuple[float, float, float], centre: tuple[float, float, float], t60_seconds: float) -> Room:
    """A room of a given reverberation time, by Sabine's formula, or of the shortest possible one if that is longer."""
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
    """Metres from the array in this direction to the last place before a wall that a voice may have."""
    ahead = [
        ((side - WALL_METRES if towards > 0 else WALL_METRES) - at) / towards
        for side, at, towards in zip(room.size, room.centre, (np.cos(angle), np.sin(angle)), strict=False)
        if abs(towards) > 1e-9
    ]
    return float(min(ahead))


def _at(angle: float, distance: float) -> tuple[float, float]:
    return float(distance * np.cos(angle)), float(distance * np.sin(angle))
