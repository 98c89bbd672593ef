"""Loudness: the standard's own coefficients and reference tone, and what follows for other rates and levels."""

import math

import numpy as np
import pytest

from core.signal.clip import Clip
from core.signal.loudness import k_weighting, loudness_db


def tone(rate: int, hertz: float = 997.0, channels: int = 1) -> Clip:
    sine = np.sin(2 * np.pi * hertz * np.arange(10 * rate) / rate)
    return Clip(np.tile(sine, (channels, 1)), rate)


def test_the_filters_at_48_khz_are_the_standard_s():
    head, high_pass = k_weighting(48_000)
    assert head == pytest.approx(
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585], abs=1e-8
    )
    assert high_pass == pytest.approx([1, -2, 1, 1, -1.99004745483398, 0.99007225036621], abs=1e-8)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 96_000])
def test_the_reference_tone_at_every_rate(rate):
    assert loudness_db(tone(rate)) == pytest.approx(-3.01, abs=0.1)


def test_channels_add_up_levels_are_decibels_and_low_notes_are_fainter():
    assert loudness_db(tone(48_000, channels=2)) == pytest.approx(0.0, abs=0.02)
    quiet = Clip(0.1 * tone(48_000).samples, 48_000)
    assert loudness_db(quiet) == pytest.approx(-23.01, abs=0.02)
    assert loudness_db(tone(48_000, hertz=30.0)) < -12
    assert loudness_db(Clip(np.zeros((1, 100)), 8_000)) == -math.inf
