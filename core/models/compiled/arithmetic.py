"""Arithmetic of compiled loops, in single precision: products, curves and draws that the compiler makes vectors of.

Weights are stored input-major, `[inputs, outputs]`: an input is multiplied with one contiguous row.
"""

import math

import numba
import numpy as np
from torch import Tensor

FAST = {"fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"}, "cache": True, "nogil": True}
ORDERED = {**FAST, "fastmath": FAST["fastmath"] - {"reassoc"}}  # where the order of sums must stay as it is written
# tanh(x) = x P(x^2) / Q(x^2) in single precision for |x| up to TANH_LIMIT (minimax coefficients, as in Eigen)
TANH_LIMIT = np.float32(7.90531110763549805)
P13, P11, P9 = np.float32(-2.76076847742355e-16), np.float32(2.00018790482477e-13), np.float32(-8.60467152213735e-11)
P7, P5, P3 = np.float32(5.12229709037114e-08), np.float32(1.48572235717979e-05), np.float32(6.37261928875436e-04)
P1 = np.float32(4.89352455891786e-03)
Q6, Q4 = np.float32(1.19825839466702e-06), np.float32(1.18534705686654e-04)
Q2, Q0 = np.float32(2.26843463243900e-03), np.float32(4.89352518554385e-03)
# exp(x) = 2^k (1 + r + r^2 E(r)) with x = k ln 2 + r (Cephes); ln 2 in two parts, of which the first times k is exact
LOG2_E, LN_2_HIGH, LN_2_LOW = np.float32(1.44269504088896341), np.float32(0.693359375), np.float32(-2.12194440e-4)
E5, E4, E3 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
E2, E1, E0 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
LEAST_EXPONENT = np.float32(-87.0)
HALF, ONE = np.float32(0.5), np.float32(1)
ROWS = 4  # that share one pass over the weights


def contiguous(tensor: Tensor) -> np.ndarray:
    """float32, in one piece."""
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())


@numba.njit(inline="always", **FAST)
def tanh(x):
    x = min(max(x, -TANH_LIMIT), TANH_LIMIT)
    s = x * x
    p = ((((((P13 * s + P11) * s + P9) * s + P7) * s + P5) * s + P3) * s + P1) * x
    return p / (((Q6 * s + Q4) * s + Q2) * s + Q0)


@numba.njit(inline="always", **FAST)
def sigmoid(x):
    return HALF + HALF * tanh(HALF * x)


@numba.njit(**ORDERED)
def exponentials(x, out):
    """out = exp(x) for x up to 0."""
    bits = np.empty(len(x), dtype=np.int32)
    powers = bits.view(np.float32)
    for n in range(len(x)):
        a = max(x[n], LEAST_EXPONENT)
        k = np.floor(a * LOG2_E + HALF)
        r = (a - k * LN_2_HIGH) - k * LN_2_LOW
        out[n] = (((((E5 * r + E4) * r + E3) * r + E2) * r + E1) * r + E0) * (r * r) + r + ONE
        bits[n] = (np.int32(k) + np.int32(127)) << np.int32(23)
    for n in range(len(x)):
        out[n] *= powers[n]


@numba.njit(**ORDERED)
def accumulate(total, x, weight):
    """total += x @ weight; four inputs at a time, so that total is read seldom."""
    inputs, n = len(x), 0
    while n + 4 <= inputs:
        a, b, c, d = x[n], x[n + 1], x[n + 2], x[n + 3]
        for m in range(len(total)):
            total[m] += a * weight[n, m] + b * weight[n + 1, m] + c * weight[n + 2, m] + d * weight[n + 3, m]
        n += 4
    for k in range(n, inputs):
        for m in range(len(total)):
            total[m] += x[k] * weight[k, m]


@numba.njit(**ORDERED)
def affine(out, x, weight, bias):
    """out = x @ weight + bias."""
    out[:] = bias
    accumulate(out, x, weight)


@numba.njit(**FAST)
def rectify(x):
    """Negative numbers become 0, in place."""
    for n in range(len(x)):
        x[n] = max(x[n], np.float32(0))


@numba.njit(**ORDERED)
def accumulate_rows(totals, x, weight):
    """totals `[rows, outputs]` += x `[rows, inputs]` @ weight; a row's sums do not depend on how many there are."""
    row = 0
    while row + ROWS <= len(x):
        last = row + ROWS
        _accumulate_four(totals[row], totals[row + 1], totals[row + 2], totals[row + 3], x[row:last], weight)
        row = last
    for rest in range(row, len(x)):
        accumulate(totals[rest], x[rest], weight)


@numba.njit(**ORDERED)
def _accumulate_four(p, q, r, s, x, weight):
    """As `accumulate`, of four rows at once: weights are read once for all of them."""
    inputs, n = x.shape[1], 0
    while n + 4 <= inputs:
        pa, pb, pc, pd = x[0, n], x[0, n + 1], x[0, n + 2], x[0, n + 3]
        qa, qb, qc, qd = x[1, n], x[1, n + 1], x[1, n + 2], x[1, n + 3]
        ra, rb, rc, rd = x[2, n], x[2, n + 1], x[2, n + 2], x[2, n + 3]
        sa, sb, sc, sd = x[3, n], x[3, n + 1], x[3, n + 2], x[3, n + 3]
        for m in range(len(p)):
            a, b, c, d = weight[n, m], weight[n + 1, m], weight[n + 2, m], weight[n + 3, m]
            p[m] += pa * a + pb * b + pc * c + pd * d
            q[m] += qa * a + qb * b + qc * c + qd * d
            r[m] += ra * a + rb * b + rc * c + rd * d
            s[m] += sa * a + sb * b + sc * c + sd * d
        n += 4
    for k in range(n, inputs):
        for m in range(len(p)):
            p[m] += x[0, k] * weight[k, m]
            q[m] += x[1, k] * weight[k, m]
            r[m] += x[2, k] * weight[k, m]
            s[m] += x[3, k] * weight[k, m]


@numba.njit(**FAST)
def pick(logits, uniform, coldness, top_k):
    """The rule of `core.models.categorical.pick`."""
    top, best = logits[0], 0
    for k in range(len(logits)):
        if logits[k] > top:
            top, best = logits[k], k
    distances, shares = logits - top, np.empty(len(logits), dtype=np.float32)
    exponentials(distances, shares)
    normal = 0.0
    for k in range(len(logits)):
        normal += shares[k]
    if coldness < np.inf:
        if coldness != 1:
            exponentials(distances * np.float32(coldness), shares)
        best = _pick_share(logits, shares, uniform, top_k)
    return best, logits[best] - top - math.log(normal)


@numba.njit(**ORDERED)
def _pick_share(logits, shares, uniform, top_k):
    """The class at which the sum of shares passes a part of their total."""
    if top_k < len(logits):
        for k in range(len(logits)):
            likelier = 0
            for other in range(len(logits)):
                likelier += logits[other] > logits[k]
            if likelier >= top_k:
                shares[k] = 0
    total = 0.0
    for k in range(len(shares)):
        total += shares[k]
    rest, last = uniform * total, 0
    for k in range(len(shares)):
        if shares[k] > 0:
            last = k
            rest -= shares[k]
            if rest < 0:
                break
    return last
