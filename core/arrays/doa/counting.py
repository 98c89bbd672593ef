"""How many voices there are, from how likely each is one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

SURE = 0.4  # confidence from which something counts as a voice where it is not known how many there are
MOST_ODDS = 30.0  # logarithm of the odds of what is as good as certain
DOUBTFUL = 0.05  # least confidence of what may be one


@dataclass(frozen=True)
class Calibration:
    """How likely a direction of a map holds a voice, by logistic regression on rooms whose voices are known.

    Args:
        threshold_db: strength that is a voice as likely as not, of an array without side lobes.
        diffuse_db: by how much it is higher for each unit of the array's `SteeredResponse.diffuse`: small arrays have
            high side lobes.
        spread_db: strength over the threshold that makes a voice e times as likely as none.
    """

    threshold_db: float
    diffuse_db: float
    spread_db: float

    def __call__(self, strength_db: float, diffuse: float) -> float:
        """Of a direction, 0 to 1."""
        over = (strength_db - self.threshold_db - self.diffuse_db * diffuse) / self.spread_db
        return float(expit(over))


@dataclass(frozen=True)
class LogisticModel:
    """How likely something is, by logistic regression on cases that are known.

    Args:
        intercept: log odds where all evidence is 0.
        weights: change of the log odds for each unit of evidence, by its name.
    """

    intercept: float
    weights: Mapping[str, float]

    def __call__(self, **evidence: float) -> float:
        """Of a case with that evidence, between 0 and 1."""
        odds = self.intercept + sum(weight * evidence[name] for name, weight in self.weights.items())
        return float(expit(np.clip(odds, -MOST_ODDS, MOST_ODDS)))


def count_probabilities(confidences: Iterable[float]) -> np.ndarray:
    """How likely every number of voices is, if each is one independently of the others (Poisson binomial distribution).

    Args:
        confidences: of all that may be voices, 0 to 1.

    Returns:
        Of 0, 1, ... voices, [confidences + 1]; sums to 1.
    """
    probabilities = np.ones(1)
    for confidence in confidences:
        probabilities = np.convolve(probabilities, [1 - confidence, confidence])
    return probabilities
