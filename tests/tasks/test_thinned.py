"""What a sound has of its own stays in the result: its band under the cut-off, and what lies over the prior's."""

import numpy as np
import pytest
import soxr

from core.errors import InputError
from core.signal.clip import Clip
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve
from tests.runs import finish


@pytest.fixture
def settings(tiny_prior):
    return Settings(prior=tiny_prior, steps=2)


def noise(rate, seconds=0.5, channels=1):
    return 0.1 * np.random.default_rng(3).standard_normal((channels, round(rate * seconds))).astype(np.float32)


def passed_through(rate, low, channels=1):
    """Sound at a rate that was once at a lower one."""
    thin = soxr.resample(noise(rate, channels=channels).T, rate, low, quality="VHQ")
    return Clip(soxr.resample(thin, low, rate, quality="VHQ").T, rate)


def between(clip, lowest, highest):
    """The spectrum from one frequency to another, away from the sound's ends."""
    frequencies = np.fft.rfftfreq(clip.frames, 1 / clip.sample_rate)
    spectrum = np.fft.rfft(clip.samples * np.hanning(clip.frames))
    return spectrum[:, (frequencies >= lowest) & (frequencies <= highest)]


def distance_db(one, other):
    return 20 * np.log10(np.linalg.norm(one - other) / np.linalg.norm(other) + 1e-12)


def test_a_whole_spectrum_comes_back_as_it_is(settings):
    clip = Clip(noise(48000, channels=2), 48000)
    result = finish(super_resolve(clip, "auto", settings=settings))
    assert result.clip.sample_rate == 48000 and result.report["score_evaluations"] == 0
    np.testing.assert_array_equal(result.clip.samples, clip.samples)
    assert "as it is" in result.notes[0] and "warning" not in result.report


@pytest.mark.parametrize(("low", "factor"), [(4000, 4), (8000, 2)])
def test_the_end_of_a_spectrum_is_found_and_the_band_under_it_stays(low, factor, settings):
    clip = passed_through(44100, low, channels=2)
    result = finish(super_resolve(clip, "auto", settings=settings))
    assert (result.clip.sample_rate, result.clip.frames) == (44100, clip.frames)
    assert (result.report["factor"], result.report["evidence"]) == (factor, "lowpass")
    assert distance_db(between(result.clip, 50, 0.75 * low / 2), between(clip, 50, 0.75 * low / 2)) < -60
    made = (1.1 * low / 2, 7000)
    assert np.linalg.norm(between(result.clip, *made)) > 30 * np.linalg.norm(between(clip, *made)), "something was made"
    assert "spectrum ends" in result.notes[0]


def test_a_chosen_factor_replaces_a_band_and_says_so(settings):
    clip = Clip(noise(48000), 48000)
    result = finish(super_resolve(clip, 4, settings=settings))
    assert (result.clip.sample_rate, result.clip.frames) == (48000, clip.frames)
    assert "between 2 kHz and 8 kHz" in result.report["warning"]
    for band in ((50, 1600), (8100, 24000)):
        assert distance_db(between(result.clip, *band), between(clip, *band)) < -60
    assert distance_db(between(result.clip, 2100, 7000), between(clip, 2100, 7000)) > -20


@pytest.mark.parametrize("clip", [Clip(noise(4000), 4000), passed_through(48000, 4000)], ids=["low rate", "low band"])
def test_nothing_is_said_of_a_sound_that_loses_nothing(clip, settings):
    assert "warning" not in finish(super_resolve(clip, 4, settings=settings)).report


def test_streamed_estimates_are_whole_too(settings):
    clip = passed_through(44100, 8000)
    *moments, _ = super_resolve(clip, "auto", settings=settings)
    heard = moments[-1].clip
    assert (heard.sample_rate, heard.frames) == (44100, clip.frames)
    assert distance_db(between(heard, 50, 3000), between(clip, 50, 3000)) < -60


def test_a_truth_is_compared_at_the_rate_of_the_result(settings):
    truth = Clip(noise(44100), 44100)
    result = finish(super_resolve(passed_through(44100, 8000), "auto", settings=settings, reference=truth))
    assert result.truth.sample_rate == result.clip.sample_rate == 44100
    assert set(result.baseline_metrics) == {"spline", "spline + noise"}
    assert all(np.isfinite(figures["lsd_db"]) for figures in (result.metrics, *result.baseline_metrics.values()))


def test_what_is_thinned_out_needs_a_factor(settings):
    with pytest.raises(InputError, match="takes a factor"):
        next(super_resolve(Clip(noise(16000), 16000), "auto", degrade="plain", settings=settings))
