"""Constant offsets of recordings."""

import numpy as np
import pytest

from core.signal.offset import offsets

TONE = 0.1 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)


@pytest.mark.parametrize("offset", [0.3, -0.05])
def test_an_offset_is_found_in_each_channel(offset):
    np.testing.assert_allclose(offsets(np.stack([TONE + offset, TONE])), [[offset], [0.0]], atol=1e-4)


def test_what_is_unknown_does_not_count():
    samples, known = TONE[None] + 0.3, np.arange(16000) < 8000
    samples[:, ~known] = 9.0
    assert offsets(samples, known)[0, 0] == pytest.approx(0.3, abs=1e-4)


def test_a_constant_is_all_offset_and_silence_has_none():
    assert offsets(np.full((1, 100), -0.2))[0, 0] == pytest.approx(-0.2) and not offsets(np.zeros((2, 100))).any()
