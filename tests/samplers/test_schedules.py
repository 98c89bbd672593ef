"""Schedules: as many levels as steps, coarse to fine, from the start that is asked for."""

import itertools

import pytest

from core.samplers.schedules import karras, respaced, staircase

LADDER = [2.0, 1.0, 0.5, 0.1]


def test_karras_levels_fall_from_start_to_end():
    levels = karras(0.5, 0.002, 10)
    assert len(levels) == 10 and (levels[0], levels[-1]) == (pytest.approx(0.5), pytest.approx(0.002))
    assert all(a > b for a, b in itertools.pairwise(levels))
    assert karras(0.5, 0.002, 1) == [0.5]


@pytest.mark.parametrize("steps", [1, 7, 20, 40, 160])
def test_a_staircase_spends_exactly_its_steps(steps):
    levels = staircase(LADDER, steps)
    assert len(levels) == steps and levels == sorted(levels, reverse=True) and set(levels) <= set(LADDER)
    assert levels[0] == 2.0 and (steps < 4 or levels[-1] == 0.1)


def test_a_staircase_has_two_steps_a_level_and_leaves_out_what_is_over_its_start():
    assert staircase(LADDER, 8) == [2.0, 2.0, 1.0, 1.0, 0.5, 0.5, 0.1, 0.1]
    assert staircase(LADDER, 4) == [2.0, 2.0, 0.1, 0.1]
    assert staircase(LADDER, 4, start=0.7) == [0.5, 0.5, 0.1, 0.1]
    assert staircase(LADDER, 2, start=0.01) == [0.1, 0.1]


def test_a_respaced_ladder_keeps_its_ends_and_is_itself_where_there_are_as_many_steps():
    assert respaced(LADDER, 4) == pytest.approx(LADDER)
    assert respaced(LADDER, 2) == [2.0, 0.1] and respaced(LADDER, 1) == [2.0]
    assert respaced(LADDER, 7)[1] == pytest.approx((2.0 * 1.0) ** 0.5)
    assert respaced([2.0, 0.5], 3) == pytest.approx([2.0, 1.0, 0.5])
