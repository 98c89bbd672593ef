"""Constant offsets (DC) of recordings, which models of sound do not know."""

import numpy as np

LEAST = 0.05  # of the root mean square: what is less is sound that does not quite average out


def offsets(samples: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """The offset of each row; zero where there is none to speak of.

    Args:
        samples: [channels, frames].
        known: the frames that count, bool [frames]; all unless given.

    Returns:
        float64 [channels, 1].
    """
    counted = samples.astype(np.float64) if known is None else samples[:, known].astype(np.float64)
    mean = counted.mean(axis=1, keepdims=True)
    level = np.sqrt(np.square(counted).mean(axis=1, keepdims=True))
    return np.where(np.abs(mean) > LEAST * level, mean, 0.0)
