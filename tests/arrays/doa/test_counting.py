"""Counting: the probabilities of numbers of voices are those of independent events."""

from itertools import product
from math import comb

import numpy as np
import pytest

from core.arrays.doa.counting import Calibration, count_probabilities


def test_all_outcomes_add_up():
    confidences = (0.9, 0.4, 0.75)
    expected = np.zeros(4)
    for outcome in product((0, 1), repeat=3):
        expected[sum(outcome)] += np.prod(np.where(outcome, confidences, np.subtract(1, confidences)))
    np.testing.assert_allclose(count_probabilities(confidences), expected)


def test_equal_ones_are_binomial_and_certain_ones_certain():
    assert count_probabilities([0.3] * 5) == pytest.approx([comb(5, k) * 0.3**k * 0.7 ** (5 - k) for k in range(6)])
    assert count_probabilities([1, 0, 1]).tolist() == [0, 0, 1, 0]
    assert count_probabilities([]).tolist() == [1]


def test_a_calibration_is_even_at_its_threshold():
    calibration = Calibration(threshold_db=-20.0, diffuse_db=30.0, spread_db=3.0)
    assert calibration(-17.0, 0.1) == pytest.approx(0.5)
    assert calibration(-14.0, 0.1) == pytest.approx(np.e / (1 + np.e))
    assert 0 <= calibration(-500.0, 0.2) < 1e-9 and calibration(500.0, 0.2) == pytest.approx(1)
