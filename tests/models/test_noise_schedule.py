"""The noise of a diffusion over discrete steps, against its definition."""

import math

import pytest

from core.models.noise_schedule import NoiseSchedule


def test_levels_are_of_the_noise_over_the_clean_sound():
    schedule = NoiseSchedule.linear(3, 0.1, 0.3)
    kept = 0.9 * 0.8 * 0.7
    assert schedule.alpha_bars.tolist() == pytest.approx([0.9, 0.72, kept])
    assert schedule.levels[2].item() == pytest.approx(math.sqrt((1 - kept) / kept))
    assert schedule.deviations.tolist() == pytest.approx(
        [math.sqrt(0.1), math.sqrt(0.2 * 0.1 / 0.28), math.sqrt(0.3 * 0.28 / (1 - kept))]
    )


def test_steps_of_levels_are_fractional_between_and_end_with_the_schedule():
    schedule = NoiseSchedule.linear(5, 0.01, 0.4)
    levels = schedule.levels.tolist()
    assert [schedule.step_of(level) for level in levels] == pytest.approx([0, 1, 2, 3, 4])
    assert schedule.step_of(math.sqrt(levels[1] * levels[2])) == pytest.approx(1.5)
    assert schedule.step_of(levels[0] / 2) == 0 and schedule.step_of(2 * levels[-1]) == 4
    assert NoiseSchedule([0.3]).step_of(1.0) == 0
