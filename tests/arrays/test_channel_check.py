"""The channel check: each fault is named, and a sound array has none."""

import numpy as np
import pytest

from core.arrays.channel_check import check_levels, check_order, find_copies, tapped_channels
from core.arrays.geometry import ARRAYS
from tests.arrays.sounds import RATE, RESPEAKER, babble, plane_wave


@pytest.fixture
def sound() -> np.ndarray:
    noise = 1e-3 * np.random.default_rng(0).standard_normal((4, 2 * RATE))
    return 3 * plane_wave(babble(0), RESPEAKER, 1.0) + noise


def taps(order, gap: float = 0.8) -> np.ndarray:
    """Microphones that are tapped one after the other; the others hear it fainter."""
    rng = np.random.default_rng(0)
    samples = 1e-3 * rng.standard_normal((4, int((len(order) + 1) * gap * RATE)))
    decay = np.exp(-np.arange(1600) / 160) * rng.standard_normal(1600)
    for k, microphone in enumerate(order):
        start = int((k + 0.5) * gap * RATE)
        samples[:, start : start + 1600] += 0.05 * decay
        samples[microphone, start : start + 1600] += 0.2 * decay
    return samples


def test_a_sound_array_has_no_findings(sound):
    assert check_levels(sound) == []
    assert check_order(taps([0, 1, 2, 3]), RATE, RESPEAKER) == []


def test_a_silent_channel_is_named(sound):
    sound[2] = 0
    (fault,) = check_levels(sound)
    assert (fault.kind, fault.microphones) == ("dead", (2,))
    assert fault.sentence.startswith("Microphone 2 is silent")


def test_a_muted_array_is_said_to_be():
    (fault,) = check_levels(np.zeros((4, RATE)))
    assert fault.microphones == (0, 1, 2, 3) and "No microphone hears anything" in fault.sentence


def test_a_faint_channel_is_named(sound):
    sound[0] *= 0.01
    (fault,) = check_levels(sound)
    assert (fault.kind, fault.microphones) == ("faint", (0,))


def test_clipping_channels_are_named(sound):
    sound[[1, 3]] = np.clip(50 * sound[[1, 3]], -1, 1)
    kinds = {fault.kind: fault for fault in check_levels(sound)}
    assert kinds["clipping"].microphones == (1, 3)
    assert kinds["clipping"].sentence.startswith("Microphones 1 and 3 are clipping")


def test_copies_are_named(sound):
    sound[3] = sound[1]
    (fault,) = check_levels(sound)
    assert (fault.kind, fault.microphones) == ("copied", (1, 3))


@pytest.mark.parametrize("gain", [0.3, -1.0])
def test_copies_are_named_whatever_their_gain_and_offset(sound, gain):
    sound[3] = gain * sound[1]
    (fault,) = find_copies(sound + 0.2)
    assert (fault.kind, fault.microphones) == ("copied", (1, 3))


def test_an_offset_that_all_share_makes_no_copies(sound):
    assert find_copies(1e-2 * sound + 0.9) == []


def test_swapped_channels_are_named_with_the_right_order():
    (fault,) = check_order(taps([0, 2, 1, 3]), RATE, RESPEAKER)
    assert (fault.kind, fault.microphones) == ("swapped", (1, 2))
    assert "a tap on 1 was heard as 2" in fault.sentence and "1,3,2,4" in fault.sentence


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 1, 3], []])
def test_taps_that_say_nothing_are_asked_for_again(order):
    (fault,) = check_order(taps(order), RATE, RESPEAKER)
    assert fault.kind == "unclear" and "once" in fault.sentence
    assert set(fault.microphones) == set(range(4)) - set(order)


def test_taps_are_heard_in_their_order():
    assert tapped_channels(taps([3, 0, 0, 2]), RATE) == [3, 0, 0, 2]
    assert tapped_channels(np.zeros((4, 10)), RATE) == []
    assert check_order(np.zeros((6, 10)), RATE, ARRAYS["circle-6"])[0].kind == "unclear"
