"""Angles on the circle, in radians: distances, and the windows that the search narrows down.

Jenrungrot et al. 2020 (Cone of Silence), sec. 3: the whole circle is covered by four windows of 90 degrees, and every
window that holds sound is halved until windows are 5.6 degrees wide, or as narrow as a network knows them.
"""

import math

import numpy as np


def width(level: int) -> float:
    """Of the windows at a level of the search: pi / 2, and half of that at every further level."""
    return math.pi / 2 ** (level + 1)


WINDOWS = tuple(map(width, range(5)))  # the original's; a network may know finer ones


def tiling(window: float) -> np.ndarray:
    """Centres of the windows of one width that cover the circle side by side, in (-pi, pi)."""
    count = round(2 * math.pi / window)
    return np.arange(-count + 1, count, 2) * math.pi / count


def halves(angle: float, window: float) -> tuple[float, float]:
    """Centres of the two halves of a window, counter-clockwise one first."""
    return angle + window / 4, angle - window / 4


def wrap(angle):
    """The same direction in (-pi, pi]; numbers or arrays."""
    return math.pi - (math.pi - angle) % (2 * math.pi)


def angular_distance(a, b):
    """The shorter way around the circle between two directions, 0 to pi; numbers or arrays."""
    return np.abs(wrap(np.subtract(a, b)))
