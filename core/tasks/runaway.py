"""What a chain made, held against its start: it must be finite, and no louder than its surroundings bear."""

import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter1d

AROUND_SECONDS = 0.5  # on each side: what counts as surroundings
QUIETEST = 0.1  # of the loudest: a moment after silence may be as loud as one of so loud surroundings
MARGIN_SECONDS, FADE_SECONDS = 0.02, 0.01  # what is given up beside runaway samples, then what is cross-faded


def keep_to_start(made: np.ndarray, start: np.ndarray, sample_rate: int, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Takes the start where a chain ran away.

    Args:
        made: [..., channels, frames]; axes before the channels are sources, which are given up together.
        start: the same of what the chain started from; its sources add up to what is heard.
        reach: how many times as loud as the loudest around it a sample may be.

    Returns:
        What was made with the start put in, and where that is, bool [frames]. The rest is kept bit for bit.
    """
    heard = np.abs(start).astype(np.float64).sum(axis=tuple(range(start.ndim - 2)))
    around = maximum_filter1d(heard, 2 * int(AROUND_SECONDS * sample_rate) + 1, axis=-1, mode="nearest")
    limit = reach * np.maximum(around, QUIETEST * around.max())
    with np.errstate(invalid="ignore"):
        in_keeping = np.isfinite(made) & (np.abs(made) <= limit)
    astray = ~in_keeping.all(axis=tuple(range(made.ndim - 1)))
    if not astray.any():
        return made, astray
    margin, fade = MARGIN_SECONDS * sample_rate, FADE_SECONDS * sample_rate
    share = np.clip((margin + fade - distance_transform_edt(~astray)) / fade, 0, 1).astype(made.dtype)
    finite = np.where(np.isfinite(made), made, start)
    return np.where(share == 1, start, finite + share * (start - finite)), share > 0
