"""The channel check in words: levels, and taps that are followed one by one."""

import numpy as np

from core.arrays.geometry import ARRAYS
from demos.array.channel_check import levels_html, order_html, taps_html, taps_in
from tests.arrays.example_scenes import voices
from tests.arrays.sounds import RATE, RESPEAKER


def tapped(order, seconds: float = 6.0) -> np.ndarray:
    """Taps on the microphones in that order, a second apart; the others hear a little of each."""
    rng = np.random.default_rng(0)
    samples = 1e-3 * rng.standard_normal((4, int(seconds * RATE)))
    for k, microphone in enumerate(order):
        tap = np.exp(-np.arange(800) / 100) * rng.standard_normal(800)
        share = np.where(np.arange(4) == microphone, 0.5, 0.1)
        samples[:, (k + 1) * RATE : (k + 1) * RATE + 800] += share[:, None] * tap
    return samples


def test_levels_name_what_is_silent():
    samples = 0.1 * np.random.default_rng(0).standard_normal((4, RATE))
    assert "sound as they should, in 1.0 s" in levels_html(samples, RATE, RESPEAKER)
    samples[2] = 0
    html = levels_html(samples, RATE, RESPEAKER)
    assert "Microphone 2 is silent" in html and html.count("<li>") == 4 and "−20 dB" in html


def test_phases_that_contradict_the_array_are_told_beside_the_levels():
    heard = voices(40, 200).sum(axis=0)
    assert "sound as they should" in levels_html(heard, RATE, RESPEAKER)
    assert "contradict the array" in levels_html(heard[[1, 0, 2, 3]], RATE, RESPEAKER)
    copies = levels_html(heard[[0, 0, 1, 2]], RATE, RESPEAKER)
    assert "carry one signal" in copies and "contradict" not in copies


def test_taps_are_followed_and_judged():
    array = ARRAYS["respeaker-4"]
    assert taps_in(tapped([0]), RATE) == [0] and taps_in(np.zeros((4, 100)), RATE) == []
    assert 'class="right"' in taps_html([0], 4) and "Tap microphone 1 now." in taps_html([0], 4)
    assert 'class="wrong"' in taps_html([0, 2], 4)
    assert "heard in order, 0 to 3" in order_html(tapped([0, 1, 2, 3]), RATE, array)
    swapped = order_html(tapped([0, 2, 1, 3]), RATE, array)
    assert "Microphones are swapped" in swapped and "1,3,2,4" in swapped
    assert "not told apart" in order_html(tapped([0, 1]), RATE, array)
