"""Other fits of the two-sided linear prediction that gaps are measured against: how much hangs on the fit.

The page's baseline fits by Burg's method, the strongest of the three over long gaps. Least squares (the covariance
method) may be unstable and run away; the autocorrelation method is stable but dull.
"""

from collections.abc import Callable

import numpy as np
from scipy.linalg import lstsq, solve_toeplitz
from scipy.signal import lfilter

from core.signal.linear_prediction import CONTEXT, ORDER


def autocorrelation(context: np.ndarray) -> np.ndarray:
    """Coefficients a_1 .. a_ORDER of x_t = sum_n a_n x_(t-n)."""
    lags = np.correlate(context, context, "full")[len(context) - 1 :][: ORDER + 1]
    lags[0] *= 1 + 1e-9
    return solve_toeplitz(lags[:-1], lags[1:])


def least_squares(context: np.ndarray) -> np.ndarray:
    """Coefficients a_1 .. a_ORDER of x_t = sum_n a_n x_(t-n)."""
    pasts = np.lib.stride_tricks.sliding_window_view(context, ORDER)[:-1, ::-1]
    return lstsq(pasts, context[ORDER:])[0]


FITS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "autocorrelation": autocorrelation,
    "least squares": least_squares,
}


def cross_faded(samples: np.ndarray, start: int, stop: int, fit: Callable) -> np.ndarray:
    """samples[start:stop] predicted from both sides and cross-faded, never over full scale."""
    count = stop - start
    sides = samples[max(0, start - CONTEXT) : start], samples[stop : stop + CONTEXT][::-1]
    forward, backward = (_go_on(side.astype(np.float64), count, fit) for side in sides)
    fade = 0.5 + 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / count)
    return np.clip(fade * forward + (1 - fade) * backward[::-1], -1, 1)


def _go_on(context: np.ndarray, count: int, fit: Callable) -> np.ndarray:
    coefficients = fit(context)
    recent = context[::-1][:ORDER]
    state = np.array([np.dot(coefficients[n:], recent[: ORDER - n]) for n in range(ORDER)])
    return lfilter([1.0], np.concatenate([[1.0], -coefficients]), np.zeros(count), zi=state)[0]
