"""The delay check: delays that an array cannot have are told with what it can have."""

import re

import numpy as np
import pytest

from core.arrays.delay_check import check_delays
from core.arrays.geometry import ARRAYS, ArrayGeometry, circular
from tests.arrays.example_scenes import voices
from tests.arrays.sounds import RATE, RESPEAKER, babble, plane_wave

PAIR = circular("pair", 2, 0.05)


@pytest.mark.parametrize("degrees", [0, 90, 213])
@pytest.mark.parametrize("array", [*ARRAYS.values(), PAIR], ids=lambda array: array.name)
def test_delays_of_plane_waves_are_those_of_the_array(array, degrees):
    assert check_delays(plane_wave(babble(0), array, np.deg2rad(degrees)), RATE, array) == []


@pytest.mark.parametrize("array", [*ARRAYS.values(), PAIR], ids=lambda array: array.name)
def test_a_channel_that_lags_behind_is_found(array):
    heard = voices(40, 200, array=array).sum(axis=0)
    assert check_delays(heard, RATE, array) == []
    heard[1] = np.roll(heard[1], 80)
    (fault,) = check_delays(heard, RATE, array)
    delay = float(re.search(r"(\S+) ms apart", fault.sentence)[1])
    assert fault.kind == "delayed" and 1 in fault.microphones and delay == pytest.approx(5, abs=0.3)


def test_an_array_that_is_far_larger_than_it_says_is_found():
    """From along the line the sound takes 0.5 m / c = 1.46 ms from the first to the last."""
    real = ArrayGeometry("real", ((0.0, 0.0), (0.5, 0.0)))
    heard = plane_wave(babble(0), real, 0.0)
    (fault,) = check_delays(heard, RATE, ArrayGeometry("said", ((0.0, 0.0), (0.05, 0.0))))
    assert "1.4 ms apart" in fault.sentence or "1.5 ms apart" in fault.sentence
    assert "5 cm apart, at most 0.15 ms" in fault.sentence and check_delays(heard, RATE, real) == []


def test_sounds_without_a_delay_of_their_own_contradict_nothing():
    rng, times = np.random.default_rng(0), np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * 440 * times) * np.ones((4, 1)) + 1e-4 * rng.standard_normal((4, 2 * RATE))
    for sound in (rng.standard_normal((4, 2 * RATE)), tone, np.zeros((4, RATE)), np.zeros((4, 10))):
        assert check_delays(sound, RATE, RESPEAKER) == []
