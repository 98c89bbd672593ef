"""Curves through known samples: splines. Baselines, and what chains start from."""

import numpy as np
from scipy.interpolate import CubicSpline

CUBIC_BLOCK, CUBIC_MARGIN = 65536, 256


def spline(kept: np.ndarray, factor: int, frames: int) -> np.ndarray:
    """Cubic spline through samples 0, factor, 2 factor, ...; after the last of them it holds its value.

    Args:
        kept: [ceil(frames / factor)].

    Returns:
        [frames], float64.
    """
    if len(kept) < 2:
        return np.full(frames, kept[0] if len(kept) else 0.0)
    knots = np.arange(len(kept)) * factor
    return CubicSpline(knots, kept)(np.minimum(np.arange(frames), knots[-1]))


def cubic_through(samples: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Cubic spline through the known samples, pulled no nearer to zero than the others are: the simplest declipping.

    Args:
        samples: [frames]; the unknown ones are bounds.
        known: [frames], bool.
    """
    drawn = np.array(samples, dtype=np.float64)
    for start in range(0, len(drawn), CUBIC_BLOCK):  # a spline is local: its memory need not grow with the clip
        part = slice(max(0, start - CUBIC_MARGIN), start + CUBIC_BLOCK + CUBIC_MARGIN)
        position = np.arange(len(drawn[part]))
        if known[part].all() or known[part].sum() < 4:
            continue
        curve = CubicSpline(position[known[part]], samples[part][known[part]])(position)
        inner = slice(start - part.start, start - part.start + CUBIC_BLOCK)
        drawn[start : start + CUBIC_BLOCK] = curve[inner]
    limit = 4 * np.abs(samples).max(initial=0.0)
    beyond = np.where(samples > 0, np.maximum(drawn, samples), np.minimum(drawn, samples))
    return np.where(known, samples, np.clip(beyond, -limit, limit))
