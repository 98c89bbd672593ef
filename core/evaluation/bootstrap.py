"""Bootstrap intervals: how far figures over few examples may lie from those over many (Efron 1979), by percentiles."""

from collections.abc import Callable

import numpy as np

SHARE = 0.95  # of the figures that resampled examples give, the middle ones
ROUNDS = 1000
VALUES_AT_ONCE = 2**20  # bounds the memory of many examples


def bootstrap_interval(
    statistic: Callable[[np.ndarray], np.ndarray], examples: np.ndarray, seed: int = 0
) -> tuple[float, float] | None:
    """Where the figure lies for `SHARE` of the sets that are drawn from the examples with replacement.

    Whole examples are drawn, as the values of one (the voices of a scene) depend on each other. Of few examples the
    interval is too narrow rather than too wide.

    Args:
        statistic: the figure of [..., examples, values] over the last two axes; NaN where there is none.
        examples: [examples, values].

    Returns:
        Its ends; None of fewer than two examples, and where no set has the figure.
    """
    count, generator = len(examples), np.random.default_rng(seed)
    if count < 2:
        return None
    at_once = max(1, VALUES_AT_ONCE // examples.size)
    rounds = [min(at_once, ROUNDS - done) for done in range(0, ROUNDS, at_once)]
    figures = np.concatenate([statistic(examples[generator.integers(count, size=(n, count))]) for n in rounds])
    if np.isnan(figures).all():
        return None
    low, high = np.nanquantile(figures, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return float(low), float(high)
