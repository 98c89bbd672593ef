"""Cuts of speech: at its quietest moments, in parts of bounded length that add up to the whole."""

import numpy as np
import pytest

from core.signal.pauses import cut_at_pauses

RATE = 1000


def speech(*pauses: float, seconds: float = 10.0) -> np.ndarray:
    """Noise that is silent for 0.2 s around some moments."""
    waveform = np.random.default_rng(0).standard_normal(round(seconds * RATE)).astype(np.float32)
    for pause in pauses:
        waveform[round((pause - 0.1) * RATE) : round((pause + 0.1) * RATE)] = 0
    return waveform


def test_parts_begin_at_the_pauses():
    parts = cut_at_pauses(speech(2.5, 4.7, 7.1), RATE, 2.0, 3.0)
    np.testing.assert_allclose([first / RATE for first, _ in parts[1:4]], [2.5, 4.7, 7.1], atol=0.1)


@pytest.mark.parametrize("seconds", [0.05, 3.0, 3.001, 61.0])
def test_parts_are_of_bounded_length_and_add_up(seconds):
    waveform = speech(seconds=seconds)
    parts = cut_at_pauses(waveform, RATE, 1.0, 3.0, grid=64)
    assert [first for first, _ in parts] == [0, *(last for _, last in parts[:-1])]
    assert parts[-1][1] == len(waveform)
    lengths = [last - first for first, last in parts]
    assert max(lengths) <= 3 * RATE and all(length >= 1 * RATE - 64 and length % 64 == 0 for length in lengths[:-1])
