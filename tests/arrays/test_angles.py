"""Angles: around the circle, windows that cover it, and which found directions are which true ones."""

import math

import numpy as np
import pytest

from core.arrays.angles import WINDOWS, angular_distance, fold, halves, tiling, wrap
from core.arrays.doa.matching import match_angles
from core.evaluation.parity import run_parity


def test_wrapped_angles_lie_in_one_turn():
    assert wrap(-math.pi) == wrap(math.pi) == math.pi
    turns = np.arange(-3, 4)[:, None]
    np.testing.assert_allclose(
        wrap(np.linspace(-3, 3, 13) + 2 * math.pi * turns), np.tile(np.linspace(-3, 3, 13), (7, 1))
    )


def test_distance_is_the_shorter_way():
    assert angular_distance(3.1, -3.1) == pytest.approx(2 * math.pi - 6.2)
    assert angular_distance(0.0, math.pi) == pytest.approx(math.pi)
    assert angular_distance(1.0, 1.0 + 6 * math.pi) == pytest.approx(0.0, abs=1e-12)


def test_halving_all_windows_gives_the_next_tiling():
    for wide, narrow in zip(WINDOWS, WINDOWS[1:], strict=False):
        halved = sorted(half for angle in tiling(wide) for half in halves(angle, wide))
        np.testing.assert_allclose(halved, tiling(narrow))


def test_no_window_reaches_over_pi():
    for window in WINDOWS:
        assert np.abs(tiling(window)).max() + window / 2 == pytest.approx(math.pi)


def test_mirror_images_are_one_on_one_side_of_a_line():
    for axis in np.deg2rad([0.0, 45.0, 135.0]):
        angles = np.linspace(-10, 10, 101)
        folded = fold(angles, axis)
        assert np.allclose(np.cos(folded - axis), np.cos(angles - axis)) and (np.sin(folded - axis) > -1e-9).all()
        assert np.allclose(folded, fold(2 * axis - angles, axis)) and np.allclose(folded, fold(folded, axis))
    assert fold(5.0, None) == 5.0


def test_matching_counts():
    matching = match_angles([0.0, 1.0, 3.1], [0.05, -3.1, 2.0, 0.1])
    assert matching.pairs == ((0, 0), (2, 1))
    assert (matching.misses, matching.false_alarms) == (1, 2)
    assert (matching.precision, matching.recall) == (pytest.approx(1 / 2), pytest.approx(2 / 3))


def test_matching_takes_as_many_pairs_as_there_can_be():
    """The closest pair of all, (0.1, 0.12), would leave the others alone."""
    assert match_angles([0.1, 0.25], [0.12, 0.0]).pairs == ((0, 1), (1, 0))


@pytest.mark.parametrize(("truth", "found"), [([], [0.3]), ([0.3], []), ([], [])])
def test_matching_nothing(truth, found):
    matching = match_angles(truth, found)
    assert (matching.pairs, matching.misses, matching.false_alarms) == ((), len(truth), len(found))
    assert math.isnan(matching.precision) == (not found) and math.isnan(matching.recall) == (not truth)


@pytest.mark.parametrize("only", ["utils", "precision_recall_cases"])
def test_goldens(parity_folder, only):
    checks = list(run_parity(parity_folder, system="cone_of_silence", only=only))
    assert len(checks) > 10 and all(check.ok for check in checks)
