"""Noise levels for samplers, coarse to fine: one for every update."""

import math
from collections.abc import Sequence

UPDATES_PER_LEVEL = 2  # of annealed Langevin dynamics


def karras(start: float, end: float, steps: int, rho: float = 5.0) -> list[float]:
    """Levels from start to end, evenly spaced in level^(1 / rho) (Karras et al. 2022, eq. 5).

    Args:
        rho: how densely the low end is climbed.
    """
    if steps == 1:
        return [start]
    top, bottom = start ** (1 / rho), end ** (1 / rho)
    return [(top + n / (steps - 1) * (bottom - top)) ** rho for n in range(steps)]


def staircase(levels: Sequence[float], steps: int, start: float = math.inf) -> list[float]:
    """A ladder from its first level not over `start` on, thinned out so that two updates a level spend the steps."""
    ladder = [level for level in levels if level <= start] or list(levels[-1:])
    rungs = max(1, min(len(ladder), steps // UPDATES_PER_LEVEL))
    places = ((step * rungs // steps) * (len(ladder) - 1) / max(rungs - 1, 1) for step in range(steps))
    return [ladder[round(place)] for place in places]


def respaced(levels: Sequence[float], steps: int) -> list[float]:
    """As many levels as steps, evenly placed on a ladder, both its ends among them."""
    if steps == 1:
        return [levels[0]]
    places = (step * (len(levels) - 1) / (steps - 1) for step in range(steps))
    return [_at(levels, place) for place in places]


def _at(levels: Sequence[float], place: float) -> float:
    """The level at a place of a ladder, geometrically between its rungs."""
    rung = min(int(place), len(levels) - 2)
    share = place - rung
    return levels[rung] ** (1 - share) * levels[rung + 1] ** share
