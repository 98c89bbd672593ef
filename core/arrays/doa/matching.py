"""Matching of found directions to true ones: the counts behind precision and recall of localization."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from core.arrays.angles import angular_distance

TOLERANCE = math.pi / 18  # radians: 10 degrees


@dataclass(frozen=True)
class Matching:
    """pairs: (index of a true direction, index of the found one). misses, false_alarms: counts of the others."""

    pairs: tuple[tuple[int, int], ...]
    misses: int
    false_alarms: int

    @property
    def precision(self) -> float:
        """Share of the found directions that are true; NaN without any."""
        return _share(len(self.pairs), self.false_alarms)

    @property
    def recall(self) -> float:
        """Share of the true directions that were found; NaN without any."""
        return _share(len(self.pairs), self.misses)


def match_angles(truth, found, tolerance: float = TOLERANCE) -> Matching:
    """Pairs directions less than `tolerance` apart: as many as possible, and of these the closest, see
    `match_distances`.

    The Cone of Silence's evaluation takes the first of all permutations with the most pairs, which gives the same
    counts.

    Args:
        truth, found: in radians.
    """
    truth, found = np.asarray(truth, dtype=np.float64), np.asarray(found, dtype=np.float64)
    return match_distances(angular_distance(truth[:, None], found), tolerance)


def match_distances(distances: np.ndarray, tolerance: float = math.inf) -> Matching:
    """As `match_angles`, from the distances of true ones to found ones, [truth, found], in radians.

    The closest are those of the least sum of squares: neighbours that all moved the same way do not change places.
    """
    close = distances < tolerance
    farther_than_any_pairing = math.pi**2 * (1 + min(distances.shape))
    rows, columns = linear_sum_assignment(np.where(close, distances**2, farther_than_any_pairing))
    pairs = tuple((int(i), int(j)) for i, j in zip(rows, columns, strict=True) if close[i, j])
    return Matching(pairs, distances.shape[0] - len(pairs), distances.shape[1] - len(pairs))


def _share(pairs: int, others: int) -> float:
    return pairs / (pairs + others) if pairs + others else math.nan
