"""Autoregressive models of waveforms: how they are fitted, continued, and asked for missing samples."""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import solveh_banded
from scipy.signal import fftconvolve, lfilter

DITHER = 1e-4  # relative to the root mean square
PREDICTABLE = 1e-10  # share of the energy at which Burg's recursion stops
RIDGE = 1e-12  # of normal equations, relative


def dithered(samples: np.ndarray) -> np.ndarray:
    """The samples with faint noise, which keeps the fit well conditioned where frequency bands are empty."""
    rms = np.sqrt(np.mean(np.square(samples)))
    return samples + DITHER * rms * np.random.default_rng(0).standard_normal(len(samples))


def burg(segments: Sequence[np.ndarray], order: int) -> np.ndarray:
    """Prediction error filter [1, a_1, ..., a_order] of all segments by Burg's method (1975), which is stable."""
    predictor = np.ones(1)
    errors = [(segment[1:].copy(), segment[:-1].copy()) for segment in segments]  # forward, backward
    least = PREDICTABLE * 2 * sum(np.dot(segment, segment) for segment in segments)
    for _ in range(order):
        energy = sum(np.dot(f, f) + np.dot(b, b) for f, b in errors)
        if energy <= least:  # the rest is rounding error
            break
        reflection = -2 * sum(np.dot(f, b) for f, b in errors) / energy
        padded = np.append(predictor, 0)
        predictor = padded + reflection * padded[::-1]
        errors = [(f[1:] + reflection * b[1:], b[:-1] + reflection * f[:-1]) for f, b in errors]
    return np.pad(predictor, (0, order + 1 - len(predictor)))


def continued(samples: np.ndarray, count: int, predictor: np.ndarray) -> np.ndarray:
    """The next `count` samples as the predictor foretells them."""
    order = len(predictor) - 1
    history = samples[::-1][:order]
    # the filter's state: contributions of the history to the next samples
    state = np.array([-np.dot(predictor[n + 1 :], history[: order - n]) for n in range(order)])
    return lfilter([1.0], predictor, np.zeros(count), zi=state)[0]


def least_error(samples: np.ndarray, unknown: np.ndarray, predictor: np.ndarray) -> np.ndarray:
    """The unknown samples of least prediction error, all of them together (Janssen et al. 1986).

    Args:
        samples: [frames]; what stands at the unknown ones is not looked at.
        unknown: [frames], bool; none nearer to an end than the predictor's order.

    Returns:
        [number of unknown samples].

    Raises:
        numpy.linalg.LinAlgError: the predictor leaves them open.
    """
    places, order = np.flatnonzero(unknown), len(predictor) - 1
    error = fftconvolve(np.where(unknown, 0, samples), predictor)[: len(samples)]
    right = fftconvolve(error, predictor[::-1])[order:][places]
    lags = np.zeros(len(samples))
    lags[: order + 1] = np.correlate(predictor, predictor, "full")[order:][: len(samples)]
    lags[0] *= 1 + RIDGE
    # normal equations: an unknown sample shares prediction errors with those up to `order` after it
    width = min(order + 1, len(places))
    bands = np.zeros((width, len(places)))
    for k in range(width):
        bands[k, : len(places) - k] = lags[places[k:] - places[: len(places) - k]]
    return -solveh_banded(bands, right, lower=True)
