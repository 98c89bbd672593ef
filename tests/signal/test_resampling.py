"""Resampling: exact lengths, aligned in time, band-limited."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.signal.clip import Clip
from core.signal.resampling import resample

RATES = [250, 2000, 4000, 8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000]


def noise(frames, channels=1, rate=16000):
    return Clip(np.random.default_rng(frames).uniform(-0.5, 0.5, (channels, frames)), rate)


def low_tone(frames, rate, hertz):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(frames) / rate)


@settings(max_examples=60, deadline=None)
@given(st.integers(32, 5000), st.sampled_from(RATES), st.sampled_from(RATES), st.integers(1, 2))
def test_there_and_back_has_the_same_length(frames, old, new, channels):
    clip = noise(frames, channels, old)
    there = resample(clip, new)
    assert there.sample_rate == new and there.channels == channels
    assert abs(there.frames - max(1, frames * new / old)) <= 0.5
    back = resample(there, old, frames=frames)
    assert back.samples.shape == clip.samples.shape and back.sample_rate == old
    assert np.isfinite(back.samples).all()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(RATES), st.sampled_from(RATES))
def test_a_low_tone_stays_in_its_place(old, new):
    """Sample n of the new clip is the same tone at time n / rate, away from the ends."""
    hertz = 0.1 * min(old, new)
    seconds = 4000 / min(old, new)
    clip = resample(Clip(low_tone(round(seconds * old), old, hertz), old), new)
    middle = slice(clip.frames // 4, clip.frames * 3 // 4)
    np.testing.assert_allclose(clip.samples[0, middle], low_tone(clip.frames, new, hertz)[middle], atol=1e-5)


def test_a_tone_over_the_new_band_is_gone():
    clip = resample(Clip(low_tone(16000, 16000, 5000), 16000), 8000)
    assert np.abs(clip.samples[0, 1000:-1000]).max() < 1e-5


def test_the_same_rate_is_the_same_clip():
    clip = noise(100)
    assert resample(clip, 16000) is clip
    assert resample(clip, 16000, frames=100) is clip


@pytest.mark.parametrize("frames", [50, 150])
def test_a_length_that_is_asked_for(frames):
    clip = noise(100, channels=2)
    fixed = resample(clip, 16000, frames=frames).samples
    assert fixed.shape == (2, frames)
    assert np.array_equal(fixed[:, :100], clip.samples[:, :frames])
    assert not fixed[:, 100:].any()


def test_channels_are_resampled_alike():
    clip = noise(1000, channels=2, rate=44100)
    both = resample(clip, 16000).samples
    for channel in range(2):
        alone = resample(Clip(clip.samples[channel], 44100), 16000)
        assert np.array_equal(alone.samples[0], both[channel])
