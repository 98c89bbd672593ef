"""The band over the end of a sound's own: joined without a trace, drawn by seed, and only where one is missing."""

from dataclasses import replace

import numpy as np
import pytest
import soxr
from scipy import signal

from core.errors import InputError
from core.signal.clip import Clip
from core.tasks.band_extension import place_noise
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve
from tests.runs import finish

RESAMPLERS = {
    "soxr": lambda x, factor: soxr.resample(x.T, 16000, 16000 // factor, quality="HQ").T,
    "Fourier": lambda x, factor: signal.resample(x, x.shape[1] // factor, axis=1),
    "polyphase": lambda x, factor: signal.resample_poly(x, 1, factor, axis=1),
    "Chebyshev": lambda x, factor: signal.decimate(x, factor, axis=1),
}


@pytest.fixture
def settings(extending_prior):
    return Settings(prior=extending_prior)


def noise(seconds=2.0, channels=1, seed=3):
    return 0.1 * np.random.default_rng(seed).standard_normal((channels, round(16000 * seconds))).astype(np.float32)


def low_clip(seconds=2.0, factor=2, channels=1, resampler="soxr"):
    low = RESAMPLERS[resampler](noise(seconds, channels), factor)
    return Clip(np.ascontiguousarray(low, np.float32), 16000 // factor)


def extended(clip, settings, factor=2, **arguments):
    return finish(super_resolve(clip, factor, evidence="lowpass", settings=settings, **arguments))


def band(samples, lowest, highest, rate=16000):
    """The spectrum between two frequencies, away from the ends."""
    spectrum = np.fft.rfft(samples * np.hanning(samples.shape[1]))
    frequencies = np.fft.rfftfreq(samples.shape[1], 1 / rate)
    return spectrum[:, (frequencies >= lowest) & (frequencies < highest)]


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("resampler", RESAMPLERS)
def test_the_band_that_is_there_stays_and_one_over_it_is_made(resampler, factor, settings):
    clip = low_clip(factor=factor, resampler=resampler)
    result = extended(clip, settings, factor)
    end = 8000 / factor
    own = soxr.resample(clip.samples.T, clip.sample_rate, 16000, quality="VHQ").T[:, : result.clip.frames]
    kept, known = (band(samples, 50, 0.8 * end) for samples in (result.clip.samples, own))
    assert np.linalg.norm(kept - known) < 1e-3 * np.linalg.norm(known)
    made = [np.abs(band(samples, 1.1 * end, 7900)).mean() for samples in (result.clip.samples, own)]
    assert made[0] > 10 * made[1]
    assert result.report["sampler"] == "extender" and result.report["cutoff_hz"] == [round(0.92 * end)]


def test_blocks_are_joined_without_a_trace(settings):
    clip = low_clip(6.0)
    in_parts = extended(clip, replace(settings, window_seconds=1.5)).clip.samples
    np.testing.assert_allclose(extended(clip, replace(settings, window_seconds=60)).clip.samples, in_parts, atol=1e-5)


def test_draws_differ_by_their_seed_alone(settings):
    clip = low_clip()
    one, again, other = (extended(clip, replace(settings, seed=seed)).clip.samples for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1e-3


def test_noise_belongs_to_its_place():
    whole = place_noise(5, 0, 40_000)
    np.testing.assert_array_equal(place_noise(5, 16_000, 33_000), whole[:, 16_000:33_000])
    assert whole.std().item() == pytest.approx(1, abs=0.02)


def test_silence_stays_silence(settings):
    samples = low_clip(channels=2).samples.copy()
    samples[0], samples[1, 4000:12000] = 0, 0
    made = extended(Clip(samples, 8000), settings).clip.samples
    assert not made[0].any() and np.abs(made[1, 10_000:22_000]).max() < 1e-6


def test_every_channel_has_its_own_end(settings):
    low = RESAMPLERS["soxr"](noise(), 4)[0]
    samples = np.stack([soxr.resample(low, 4000, 16000, quality="VHQ")[:32000], noise(seed=5)[0]])
    result = finish(super_resolve(Clip(samples, 16000), "auto", settings=settings))
    np.testing.assert_array_equal(result.clip.samples[1], samples[1])
    assert result.report["cutoff_hz"][0] == pytest.approx(1900, abs=100)
    assert np.abs(band(result.clip.samples[:1], 2200, 7900)).mean() > 10 * np.abs(band(samples[:1], 2200, 7900)).mean()


def test_a_chosen_cutoff_is_taken(settings):
    result = finish(super_resolve(Clip(noise(), 16000), "auto", cutoff=3000.0, settings=settings))
    assert result.report["cutoff_hz"] == [3000]
    difference = result.clip.samples - noise()
    assert np.abs(band(difference, 50, 2600)).max() < 1e-3 * np.abs(band(difference, 3200, 7900)).max()
    for wrong in (20.0, 9000.0, float("nan")):
        with pytest.raises(InputError, match="cut-off must lie between"):
            next(super_resolve(Clip(noise(), 16000), "auto", cutoff=wrong, settings=settings))
    with pytest.raises(InputError, match="goes with the factor auto"):
        next(super_resolve(Clip(noise(), 16000), 2, cutoff=3000.0, settings=settings))


def test_other_samplers_stay_on_offer(settings):
    result = extended(low_clip(0.5), replace(settings, sampler="diffusion", steps=1))
    assert result.report["sampler"] == "diffusion"


def test_a_cutoff_that_the_extender_does_not_know_is_left_to_the_sampler(settings):
    clip, settings = low_clip(factor=4), replace(settings, steps=1)
    assert extended(clip, settings, 16).report["sampler"] == "diffusion"
    with pytest.raises(InputError, match="ends at 1200 Hz or higher, and this one's ends at 460 Hz"):
        extended(clip, replace(settings, sampler="extender"), 16)


def test_the_extender_is_refused_where_it_has_nothing_to_do(settings, tiny_prior):
    with pytest.raises(InputError, match="has none .plain samples."):
        next(super_resolve(low_clip(), 2, evidence="plain", settings=replace(settings, sampler="extender")))
    with pytest.raises(InputError, match="'tiny' has no extender"):
        extended(low_clip(), Settings(prior=tiny_prior, sampler="extender"))


def test_a_full_band_comes_back_whoever_is_asked(settings):
    clip = Clip(noise(), 16000)
    result = finish(super_resolve(clip, "auto", settings=replace(settings, sampler="extender")))
    np.testing.assert_array_equal(result.clip.samples, clip.samples)
    assert "as it is" in result.notes[0]
