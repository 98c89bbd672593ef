"""Where the microphones of an array stand: metres from the array's centre, angles counter-clockwise from +x."""

import math
from dataclasses import dataclass

import numpy as np

from core.errors import InputError


@dataclass(frozen=True)
class ArrayGeometry:
    """A planar array.

    Args:
        name: what it is known by.
        positions: of the microphones, (x, y) in metres from the array's centre.
        sample_rate: that it records at, in Hz.
        raw_channels: the channels of its stream that hold the microphones, in order; empty where all do.
        stream_channels: channels of its stream; 0 for one per microphone.
    """

    name: str
    positions: tuple[tuple[float, float], ...]
    sample_rate: int = 16000
    raw_channels: tuple[int, ...] = ()
    stream_channels: int = 0

    @property
    def count(self) -> int:
        return len(self.positions)

    @property
    def xy(self) -> np.ndarray:
        """Positions in metres, [mics, 2]."""
        return np.array(self.positions, dtype=np.float64).reshape(-1, 2)

    @property
    def radius(self) -> float:
        """Metres from the centre to the outermost microphone."""
        return float(np.linalg.norm(self.xy, axis=1).max())


def circular(name: str, count: int, radius: float, **settings) -> ArrayGeometry:
    """A circle of microphones, number k at k * 360 / count degrees; settings as `ArrayGeometry`."""
    angles = [2 * math.pi * k / count for k in range(count)]
    positions = tuple((radius * math.cos(angle), radius * math.sin(angle)) for angle in angles)
    return ArrayGeometry(name, positions, **settings)


ARRAYS = {
    array.name: array
    for array in (
        circular("respeaker-4", 4, 0.03231, raw_channels=(1, 2, 3, 4), stream_channels=6),
        circular("circle-6", 6, 0.0725),
    )
}


def read_array(name: str) -> ArrayGeometry:
    """An array by its name.

    Raises:
        InputError: no array has this name.
    """
    if name not in ARRAYS:
        raise InputError(f"There is no array {name}; choose one of {', '.join(ARRAYS)}.")
    return ARRAYS[name]
