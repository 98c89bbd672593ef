"""Other fits of the two-sided linear prediction that gaps are measured against: how much hangs on the fit.

The page's baseline fits by Burg's method, the strongest of the three over long gaps. Least squares (the covariance
method) may be unstable and run away; the autocorrelation method is stable but dull.
"""

import numpy as np
from scipy.linalg import lstsq, solve_toeplitz

from core.signal.linear_prediction import Fit


def autocorrelation(context: np.ndarray, order: int) -> np.ndarray:
    """Prediction error filter [1, a_1, ..., a_order]."""
    lags = np.correlate(context, context, "full")[len(context) - 1 :][: order + 1]
    lags[0] *= 1 + 1e-9
    return np.append(1, -solve_toeplitz(lags[:-1], lags[1:]))


def least_squares(context: np.ndarray, order: int) -> np.ndarray:
    """Prediction error filter [1, a_1, ..., a_order]."""
    pasts = np.lib.stride_tricks.sliding_window_view(context, order)[:-1, ::-1]
    return np.append(1, -lstsq(pasts, context[order:])[0])


FITS: dict[str, Fit] = {"autocorrelation": autocorrelation, "least squares": least_squares}
