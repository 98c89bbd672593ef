"""Cubic splines through known samples: baselines, and starting points of samplers."""

import numpy as np
from scipy.interpolate import CubicSpline

CUBIC_BLOCK, CUBIC_MARGIN = 65536, 256


def spline(kept: np.ndarray, factor: int, frames: int) -> np.ndarray:
    """Cubic spline through samples 0, factor, 2 factor, ..., constant after the last of them.

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
    """Cubic spline through the known samples, at least as far from zero as the clipped ones: a baseline of declipping.

    Args:
        samples: [frames]; the unknown ones are clipped and bound the spline.
        known: [frames], bool.
    """
    drawn = np.array(samples, dtype=np.float64)
    for start in range(0, len(drawn), CUBIC_BLOCK):  # a spline is local: blocks bound its memory
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
