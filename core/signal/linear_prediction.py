"""Linear prediction of gaps from both sides: a baseline (`fill_gap`), and evidence for priors (`interpolate_gap`)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.ndimage import uniform_filter1d
from scipy.signal import fftconvolve

from core.signal.autoregression import burg, continued, dithered
from core.signal.crowded_gaps import SHORT, crowded, fill_together

ORDER, CONTEXT = 256, 4096  # of the baseline: coefficients, and samples on each side that they are fitted to
MODELS = ((512, 1024), (1024, 2048), (1024, 8192))  # (order, context) of the models of `interpolate_gap`
SIDE_ORDER = 1024  # of its predictions from one side
RUNAWAY = 4  # a prediction this many times louder than its surroundings has diverged
LONGEST_SHARP, SHORTEST_SIDE = 8000, 32  # most samples of a gap for `interpolate_gap`, and fewest on each side
DOUBT, DOUBT_FRAME = 2.2, 256  # ratio of errors to the models' spread, measured on piano; samples it is averaged over
Fit = Callable[[np.ndarray, int], np.ndarray]


def fill_gap(samples: np.ndarray, start: int, stop: int, fit: Fit | None = None) -> np.ndarray:
    """Fills samples[start:stop] by linear prediction from both sides, cross-faded over the gap (Kauppinen & Roth 2002).

    A gap at an end of the samples is predicted from its other side alone; a gap without sides becomes silence.

    Args:
        samples: [frames]; those inside the gap are ignored.
        fit: prediction error filter from (a side, order); Burg's method unless given.

    Returns:
        [stop - start], float64.
    """
    count = stop - start
    before = np.asarray(samples[max(0, start - CONTEXT) : start], dtype=np.float64)
    after = np.asarray(samples[stop : stop + CONTEXT], dtype=np.float64)[::-1]
    fit = fit or _fit_burg
    forward, backward = _extrapolate(before, count, ORDER, fit), _extrapolate(after, count, ORDER, fit)[::-1]
    if len(before) == 0 or len(after) == 0:
        return forward if len(after) == 0 else backward
    fade = 0.5 + 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / count)
    return fade * forward + (1 - fade) * backward


@dataclass(frozen=True)
class GapPrediction:
    """Linear predictions of a gap, float64; `[stop - start]` of one gap, `[frames]` of all gaps of a clip.

    Args:
        mean: of several models of both sides.
        doubt: estimated standard deviation of the mean's error; infinite where unknown.
        joint: of the model of both sides with the longest context.
        forward, backward: from the left and from the right side alone.
    """

    mean: np.ndarray
    doubt: np.ndarray
    joint: np.ndarray
    forward: np.ndarray
    backward: np.ndarray


def interpolate_gap(samples: np.ndarray, start: int, stop: int) -> GapPrediction:
    """Fills samples[start:stop] by minimising the prediction error of a model of both sides (Janssen et al. 1986).

    Several models are fitted, to short contexts (which follow the decay of a note) and long ones (which resolve close
    tones), and averaged; their errors are about DOUBT times their spread. More accurate than `fill_gap`, which is used
    for gaps at an end of the samples and for very long ones.
    """
    farthest, count = max(context for _, context in MODELS), stop - start
    sides = [np.asarray(samples[max(0, start - farthest) : start], dtype=np.float64)]
    sides.append(np.asarray(samples[stop : stop + farthest], dtype=np.float64))
    shorter = min(len(side) for side in sides)
    loudest = max((np.abs(side).max(initial=0.0) for side in sides), default=0.0)
    filled = []
    if shorter >= SHORTEST_SIDE and count <= LONGEST_SHARP and loudest >= 1e-9:
        models = [model for model in MODELS if model[1] <= 2 * shorter] or MODELS[:1]
        filled = [_least_error(*sides, count, *model) for model in models]
        filled = [f for f in filled if np.abs(f).max() < RUNAWAY * loudest]
    if not filled:
        faded = fill_gap(samples, start, stop)
        return GapPrediction(faded, np.full(count, np.inf), faded, faded, faded)
    variance = uniform_filter1d(np.var(filled, axis=0), DOUBT_FRAME, mode="nearest")
    doubt = DOUBT * np.sqrt(variance) if len(filled) > 1 else np.full(count, np.inf)
    forward, backward = (
        _extrapolate(dithered(side), count, SIDE_ORDER, _fit_burg) for side in (sides[0], sides[1][::-1])
    )
    return GapPrediction(np.mean(filled, axis=0), doubt, filled[-1], forward, backward[::-1])


def _least_error(before: np.ndarray, after: np.ndarray, count: int, order: int, context: int) -> np.ndarray:
    """The `count` samples between `before` and `after` of least prediction error under one model of both."""
    before, after = before[-context:], after[:context]
    order = min(order, len(before) // 2, len(after) // 2)
    predictor = burg([dithered(before), dithered(after)], order)
    known = np.concatenate([before[-order:], np.zeros(count), after[:order]])
    error = fftconvolve(known, predictor)[order : 2 * order + count]  # of all predictions that involve the gap
    right = fftconvolve(error, predictor[::-1])[order : order + count]
    # normal equations: symmetric and Toeplitz, made of the predictor's autocorrelation
    lags = np.correlate(predictor, predictor, "full")[order:][:count]
    lags[0] *= 1 + 1e-14
    return -solve_toeplitz(np.pad(lags, (0, count - len(lags))), right)


def fill_gaps(samples: np.ndarray, gaps: Sequence[tuple[int, int]]) -> np.ndarray:
    """`fill_gap` for every (start, stop), from the samples up to the gaps beside it; gaps are sorted and do not touch.

    Returns:
        A float64 copy of the samples, filled.
    """
    filled = np.array(samples, dtype=np.float64)
    for start, stop, left, right in _with_sides(gaps, len(filled)):
        filled[start:stop] = fill_gap(filled[left:right], start - left, stop - left)
    return filled


def refill_crowds(filled: np.ndarray, gaps: Sequence[tuple[int, int]]) -> np.ndarray:
    """What `fill_gaps` made, with gaps near each other filled together; see `core.signal.crowded_gaps`."""
    return fill_together(filled, crowded(gaps))[0]


def interpolate_gaps(samples: np.ndarray, gaps: Sequence[tuple[int, int]]) -> GapPrediction:
    """`interpolate_gap` for every (start, stop), from the samples up to the gaps beside it; gaps are sorted and do not
    touch.

    Gaps near each other are filled together. The short ones of them stay so, without predictions of one side; the
    others are interpolated from surroundings in which those are filled.

    Returns:
        Waveforms [frames] that equal the samples outside the gaps; the doubt is zero there.
    """
    made = {name: np.array(samples, dtype=np.float64) for name in GapPrediction.__dataclass_fields__}
    made["doubt"][:] = 0
    crowd = crowded(gaps)
    alone = set(gaps) - set(crowd)

    def put(start: int, stop: int, prediction: GapPrediction) -> None:
        for name, waveform in made.items():
            waveform[start:stop] = getattr(prediction, name)

    for start, stop, left, right in _with_sides(gaps, len(samples)):
        if (start, stop) in alone:
            put(start, stop, interpolate_gap(samples[left:right], start - left, stop - left))
    together, doubt = fill_together(made["mean"], crowd)
    for start, stop in crowd:
        mean = together[start:stop]
        short = GapPrediction(mean, doubt[start:stop], mean, mean, mean)
        put(start, stop, short if stop - start < SHORT else interpolate_gap(together, start, stop))
    return GapPrediction(**made)


def _with_sides(gaps: Sequence[tuple[int, int]], frames: int) -> Iterator[tuple[int, int, int, int]]:
    """(start, stop, end of the gap before, start of the gap after) for every gap."""
    edges = [0, *(edge for gap in gaps for edge in gap), frames]
    for n, (start, stop) in enumerate(gaps):
        yield start, stop, edges[2 * n], edges[2 * n + 3]


def _fit_burg(context: np.ndarray, order: int) -> np.ndarray:
    return burg([context], order)


def _extrapolate(context: np.ndarray, count: int, order: int, fit: Fit) -> np.ndarray:
    """Continues the context by its linear prediction, [count]."""
    order = min(order, len(context) // 2)
    if order < 1 or not np.any(np.abs(context) > 1e-9):
        return np.zeros(count)
    return continued(context, count, fit(context, order))
