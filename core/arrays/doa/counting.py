"""How many voices there are, from how likely each is one."""

from collections.abc import Iterable

import numpy as np

SURE = 0.5  # confidence from which something counts as a voice where it is not known how many there are


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
