"""Angles on the circle, in radians: distances, and the windows of the cone search.

Jenrungrot et al. 2020 (Cone of Silence), sec. 3: four windows of 90 degrees cover the circle; every window that holds
sound is halved, down to 5.6 degrees or the narrowest width of the network.
"""

import math

import numpy as np


def width(level: int) -> float:
    """Width of the windows at a level of the search: pi / 2, halved at every further level."""
    return math.pi / 2 ** (level + 1)


WINDOWS = tuple(map(width, range(5)))  # those of the Cone of Silence; a network may have narrower ones


def tiling(window: float) -> np.ndarray:
    """Centres of the windows of one width that cover the circle side by side, in (-pi, pi)."""
    count = round(2 * math.pi / window)
    return np.arange(-count + 1, count, 2) * math.pi / count


def halves(angle: float, window: float) -> tuple[float, float]:
    """Centres of the two halves of a window, counter-clockwise one first."""
    return angle + window / 4, angle - window / 4


def wrap(angle):
    """Wraps angles, numbers or arrays, to (-pi, pi]."""
    return math.pi - (math.pi - angle) % (2 * math.pi)


def fold(angle, axis: float | None):
    """Brings angles, numbers or arrays, to one side of a line, where a direction and its mirror image are one.

    Args:
        axis: direction of the line in radians; None leaves the angles as they are.

    Returns:
        The angles from axis to axis + pi, in [0, 2 pi).
    """
    return angle if axis is None else (axis + np.abs(wrap(np.subtract(angle, axis)))) % (2 * math.pi)


def angular_distance(a, b):
    """The shorter arc between two directions, numbers or arrays, 0 to pi."""
    return np.abs(wrap(np.subtract(a, b)))
