"""Digits drawn by code with a soft pen, as large as those that the bundled models of images know: examples to restore.

A digit is a few strokes through points in a box of 1 x 1, x to the right and y down.
"""

import math
from collections.abc import Sequence

import numpy as np

SIDE, MARGIN = 28, 5  # pixels
PEN, EDGE = 1.1, 1.0  # half a stroke's width, and how soft its edge is, in pixels
SLANT = 0.18  # to the right, as most people write
Stroke = Sequence[tuple[float, float]]


def _arc(x: float, y: float, across: float, down: float, first: float, last: float) -> Stroke:
    """Of an ellipse around x, y, from an angle to another, in degrees clockwise from the right."""
    turns = np.radians(np.linspace(first, last, 24))
    return [(x + across * math.cos(turn), y + down * math.sin(turn)) for turn in turns]


STROKES: dict[int, Sequence[Stroke]] = {
    3: [_arc(0.42, 0.25, 0.34, 0.25, -150, 90), _arc(0.42, 0.74, 0.4, 0.25, -90, 150)],
    4: [[(0.3, 0.0), (0.08, 0.55), (0.9, 0.55)], [(0.72, 0.05), (0.66, 1.0)]],
    5: [[(0.85, 0.0), (0.28, 0.02), (0.2, 0.42), *_arc(0.42, 0.69, 0.36, 0.29, -85, 145)]],
    8: [_arc(0.5, 0.25, 0.26, 0.25, 0, 360), _arc(0.5, 0.75, 0.33, 0.25, 0, 360)],
}


def digit(number: int) -> np.ndarray:
    """`[SIDE, SIDE]`, 0 (the ground) to 1 (the stroke)."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    distance = np.min([_distance(rows, columns, stroke) for stroke in STROKES[number]], axis=0)
    return np.clip((PEN + EDGE - distance) / EDGE, 0, 1).astype(np.float32)


def _distance(rows: np.ndarray, columns: np.ndarray, stroke: Stroke) -> np.ndarray:
    """Of every pixel to a stroke, in pixels."""
    points = np.array([(x + SLANT * (0.5 - y), y) for x, y in stroke]) * [0.75, 1.0] + [0.125, 0.0]
    points = MARGIN + points * (SIDE - 1 - 2 * MARGIN)
    nearest = np.full(rows.shape, np.inf)
    for (x, y), (next_x, next_y) in zip(points, points[1:], strict=False):
        along, down = next_x - x, next_y - y
        place = ((columns - x) * along + (rows - y) * down) / max(along**2 + down**2, 1e-9)
        place = place.clip(0, 1)
        nearest = np.minimum(nearest, np.hypot(columns - x - place * along, rows - y - place * down))
    return nearest
