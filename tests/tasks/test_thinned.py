"""What a sound has of its own stays in the result: its band under the cut-off, and what lies over the prior's."""

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soxr
import torch

from core import zoo
from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve
from core.tasks.thinned import degrade_truth, thinned_as_found, thinned_by
from tests.runs import finish

SOUNDS = Path(__file__).parents[2] / "assets" / "sounds"
PLAIN = {
    "dropped": lambda x, k: x[::k],
    "soxr QQ": lambda x, k: soxr.resample(x, k, 1, quality="QQ"),  # has no filter
}
FILTERED = {
    "soxr VHQ": lambda x, k: soxr.resample(x, k, 1, quality="VHQ"),
    "soxr LQ": lambda x, k: soxr.resample(x, k, 1, quality="LQ"),
    "decimate": lambda x, k: scipy.signal.decimate(x, k),
    "resample_poly": lambda x, k: scipy.signal.resample_poly(x, 1, k),
    "FFT": lambda x, k: scipy.signal.resample(x, len(x) // k),
    "16 bit": lambda x, k: np.round(soxr.resample(x, k, 1, quality="VHQ") * 32768) / 32768,
}
KINDS = {name: "plain" for name in PLAIN} | {name: "lowpass" for name in FILTERED}


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


def kind_of(samples, rate, factor=4):
    return thinned_by(Clip(np.asarray(samples, dtype=np.float32).reshape(1, -1), rate), factor, "auto", 16000).kind


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("way", KINDS)
def test_what_resamplers_make_is_told_from_plain_samples(way, factor):
    """Of a piano, whose partials show aliases best."""
    samples = read_clip(SOUNDS / "piano.flac").clip.samples[0].astype(np.float64)
    low = (PLAIN | FILTERED)[way](samples, factor)
    assert kind_of(low, 16000 // factor, factor) == KINDS[way]


@pytest.mark.parametrize("sound", ["speech", "speech-garden", "speech-train"])
@pytest.mark.parametrize("way", KINDS)
def test_the_same_of_voices(sound, way):
    samples = read_clip(SOUNDS / f"{sound}.flac").clip.samples[0].astype(np.float64)
    assert kind_of((PLAIN | FILTERED)[way](samples, 4), 4000) == KINDS[way]


@pytest.mark.parametrize("slope", [0, -1])
def test_the_same_of_noise(slope):
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(32000))
    sound = np.fft.irfft(spectrum * np.linspace(1e-3, 1, len(spectrum)) ** slope)
    sound *= 0.1 / sound.std()
    assert kind_of(sound[::4], 4000) == "plain"
    assert kind_of(soxr.resample(sound, 4, 1, quality="VHQ"), 4000) == "lowpass"


def test_level_and_silent_channels_do_not_matter():
    samples = read_clip(SOUNDS / "piano.flac").clip.samples[0]
    for way, low in (("dropped", samples[::4]), ("soxr VHQ", soxr.resample(samples, 4, 1))):
        assert kind_of(1e-3 * low, 4000) == KINDS[way]
        both = Clip(np.stack([low, np.zeros_like(low)]), 4000)
        assert thinned_by(both, 4, "auto", 16000).kind == KINDS[way]


@pytest.mark.parametrize("samples", [np.zeros(4000), np.full(4000, 0.3), np.sin(np.arange(100.0))])
def test_what_says_nothing_is_plain(samples):
    assert kind_of(samples, 4000) == "plain"


@pytest.mark.parametrize("hertz", [100, 440, 1900])
def test_a_tone_is_either(hertz):
    assert kind_of(0.3 * np.sin(2 * np.pi * hertz * np.arange(4000) / 4000), 4000) in {"plain", "lowpass"}


@pytest.mark.parametrize("log_odds", [-1.5, 0.4])
def test_in_doubt_both_are_mixed_by_how_likely_they_are(log_odds, settings, monkeypatch):
    monkeypatch.setattr(zoo, "load_model", lambda kind, name: lambda heard, rate: torch.full((len(heard),), log_odds))
    clip, plain = Clip(noise(4000, channels=2), 4000), 1 / (1 + np.exp(-log_odds))
    settled = [finish(super_resolve(clip, 4, evidence=kind, settings=settings)) for kind in ("plain", "lowpass")]
    *moments, mixed = super_resolve(clip, 4, settings=settings)
    either, other = (result.clip.samples for result in settled)
    np.testing.assert_allclose(mixed.clip.samples, plain * either + (1 - plain) * other, atol=1e-6)
    assert np.abs(either - other).max() > 1e-3 and mixed.report["evidence_doubt"] == round(min(plain, 1 - plain), 3)
    evaluations = [result.report["score_evaluations"] for result in (*settled, mixed)]
    assert evaluations[2] == sum(evaluations[:2])
    assert f"{100 * plain:.0f} % for plain" in mixed.notes[0] and moments[-1].clip.frames == mixed.clip.frames
    half = next(moment for moment in moments if moment.iterate.step == moment.iterate.total_steps)
    assert half.seconds_left == pytest.approx(half.seconds), "as long again"


def test_what_is_hardly_doubted_is_settled(settings, monkeypatch):
    monkeypatch.setattr(zoo, "load_model", lambda kind, name: lambda heard, rate: torch.full((len(heard),), -4.0))
    clip = Clip(noise(4000), 4000)
    result = finish(super_resolve(clip, 4, settings=settings))
    alone = finish(super_resolve(clip, 4, evidence="lowpass", settings=settings))
    np.testing.assert_array_equal(result.clip.samples, alone.clip.samples)
    assert "evidence_doubt" not in result.report and not result.notes


@pytest.mark.parametrize("rate", [3000, 5000, 48000])
def test_what_is_brought_to_another_rate_is_filtered(rate):
    assert kind_of(noise(rate), rate) == "lowpass"


@pytest.mark.parametrize(
    "make",
    [
        lambda kind: degrade_truth(Clip(noise(16000), 16000), 4, kind),
        lambda kind: thinned_by(Clip(noise(4000), 4000), 4, kind, 16000),
        lambda kind: thinned_as_found(Clip(noise(48000), 48000), kind, 16000),
    ],
)
def test_another_kind_of_evidence_is_refused(make):
    with pytest.raises(InputError, match="no evidence band-pass; choose one of .*plain, lowpass"):
        make("band-pass")
