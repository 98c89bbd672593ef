"""Gaps near each other, as of crackle: each is filled together with those around it.

Between gaps a few milliseconds apart too few samples are left to fit a model to. So models are fitted across the gaps,
to what is known and what has been filled so far, and all gaps of a stretch are solved together, again and again
(Janssen, Veldhuis & Vries 1986).
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from core.signal.autoregression import burg, continued, dithered, least_error

Gaps = Sequence[tuple[int, int]]

NEAR = 1024  # known samples to the next gap that are enough to stand alone
SHORT = 320  # samples of a gap under which nothing but its surroundings is needed
STRETCH = 1024  # samples, from the first gap to the last, that are solved together
FIRST_ORDER, FIRST_CONTEXT, SHORTEST_RUN = 64, 1024, 16  # fitted to runs of known samples alone
REFINEMENT = (256, 1024)  # (order, context) of the model that the gaps are refined by
REFINEMENTS = 2
MODELS = ((256, 1024), (512, 1024), (512, 2048))  # whose mean is the result
DOUBT = 4.0  # ratio of errors to the models' spread, measured on piano and speech
RUNAWAY = 4  # times the loudest known sample around it: a fill that has diverged


def crowded(gaps: Gaps) -> list[tuple[int, int]]:
    """The gaps that have another one near them; gaps are sorted and do not touch."""
    near = [False, *(after[0] - before[1] < NEAR for before, after in pairwise(gaps)), False]
    return [gap for gap, left, right in zip(gaps, near, near[1:], strict=False) if left or right]


def fill_together(samples: np.ndarray, gaps: Gaps) -> tuple[np.ndarray, np.ndarray]:
    """Fills gaps, each in the light of the others.

    Args:
        samples: [frames]; those inside the gaps are ignored.
        gaps: (start, stop), sorted, not touching.

    Returns:
        The samples, filled, and the estimated standard deviation of the error, zero outside the gaps; both float64
        [frames].
    """
    unknown = np.zeros(len(samples), dtype=bool)
    for start, stop in gaps:
        unknown[start:stop] = True
    place = np.arange(len(samples))
    filled, doubt = np.array(samples, dtype=np.float64), np.zeros(len(samples))
    if not gaps or unknown.all():
        return np.where(unknown, 0.0, filled), doubt
    filled[unknown] = np.interp(place[unknown], place[~unknown], filled[~unknown])
    filled = _pass(filled, unknown, gaps, FIRST_ORDER, FIRST_CONTEXT, known_alone=True)
    for _ in range(REFINEMENTS):
        filled = _pass(filled, unknown, gaps, *REFINEMENT)
    made = [_pass(filled, unknown, gaps, *model) for model in MODELS]
    variance = np.var(made, axis=0)
    for start, stop in gaps:
        doubt[start:stop] = DOUBT * np.sqrt(variance[start:stop].mean())
    return np.where(unknown, np.mean(made, axis=0), samples), doubt


def _pass(
    filled: np.ndarray, unknown: np.ndarray, gaps: Gaps, order: int, context: int, known_alone: bool = False
) -> np.ndarray:
    """All gaps once more, stretch by stretch, under models of their surroundings."""
    better = filled.copy()
    for start, stop in _stretches(gaps):
        first, last = max(0, start - context), min(len(filled), stop + context)
        window, known = filled[first:last], ~unknown[first:last]
        runs = [window[a:b] for a, b in _runs(known) if b - a >= SHORTEST_RUN] if known_alone else [window]
        if not runs:
            continue
        predictor = burg([dithered(run) for run in runs], min(order, max(map(len, runs)) // 3))
        inside = np.zeros(last - first, dtype=bool)
        inside[start - first : stop - first] = unknown[start:stop]
        solved = _solved(window, inside, predictor)
        if solved is not None and np.abs(solved).max() <= RUNAWAY * np.abs(window[known]).max(initial=0.0):
            better[first:last][inside] = solved
    return better


def _solved(window: np.ndarray, inside: np.ndarray, predictor: np.ndarray) -> np.ndarray | None:
    """The samples inside gaps; None where the predictor leaves them open. A gap at an end of the clip goes on from its
    one side."""
    order, first, last = len(predictor) - 1, np.argmin(inside), len(inside) - np.argmin(inside[::-1])
    filled, between = window.copy(), inside[first:last]
    if between.any():
        # continued beyond the ends of a clip, which count for nothing then
        before, after = (continued(side, order, predictor) for side in (window[first:last][::-1], window[first:last]))
        longer = np.concatenate([before[::-1], window[first:last], after])
        try:
            filled[first:last][between] = least_error(longer, np.pad(between, order), predictor)
        except np.linalg.LinAlgError:
            return None
    filled[:first] = continued(filled[first:last][::-1], first, predictor)[::-1]
    filled[last:] = continued(filled[first:last], len(filled) - last, predictor)
    return filled[inside]


def _stretches(gaps: Gaps) -> Iterator[tuple[int, int]]:
    """From the first to the last sample of neighbouring gaps that are solved together."""
    first, last = gaps[0]
    for start, stop in gaps[1:]:
        if stop - first > STRETCH:
            yield first, last
            first = start
        last = stop
    yield first, last


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """(start, stop) of every run of True."""
    steps = np.diff(np.pad(flags.astype(np.int8), 1))
    return list(zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True))
