"""The restoration tasks with a prior of fresh weights: what must hold whatever the prior makes up."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from core import zoo
from core.errors import InputError
from core.signal.clip import Clip
from core.signal.metrics import psnr_db
from core.tasks.blocks import split_blocks
from core.tasks.declipping import declip, find_thresholds
from core.tasks.inpainting import inpaint, join_gaps
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve
from core.zoo import manifest
from tests.runs import finish


@pytest.fixture
def settings(tiny_prior):
    return Settings(prior=tiny_prior, steps=3)


def chord(seconds=1.0, rate=16000, channels=1):
    t = np.arange(round(seconds * rate)) / rate
    rows = [sum(np.sin(2 * np.pi * f * (c + 1) * t) for f in (220.0, 330.0, 555.0)) * 0.1 for c in range(channels)]
    return Clip(np.stack(rows), rate)


def test_every_update_is_reported_and_playable(settings):
    *moments, result = super_resolve(chord(), 4, degrade="plain", settings=settings)
    assert [m.iterate.step for m in moments] == [0, 1, 2, 3]
    assert all(m.clip.frames == 16000 and m.chain.frames == 16000 for m in moments)
    assert moments[-1].seconds_left == pytest.approx(0)
    assert result.report["score_evaluations"] == 1 + 3 * 4  # the estimate, and four draws of three steps


@pytest.mark.parametrize("sampler", ["diffusion", "langevin", "original"])
@pytest.mark.parametrize("task", ["super-resolve", "inpaint", "declip"])
def test_a_wavenet_does_every_task_with_every_sampler(task, sampler):
    """It lives in classes and cannot look at evidence; what is known still comes back bit for bit."""
    steps = 1 if sampler == "original" else 2  # of every level, or in all
    truth, asked = chord(0.1), Settings(prior="piano-16k-wavenet", sampler=sampler, steps=steps)
    runs = {
        "super-resolve": lambda: super_resolve(truth, 4, degrade="plain", settings=asked),
        "inpaint": lambda: inpaint(truth, [(0.05, 0.06)], settings=asked),
        "declip": lambda: declip(Clip(truth.samples.clip(-0.2, 0.2), 16000), settings=asked),
    }
    known = {"super-resolve": slice(0, None, 4), "inpaint": slice(0, 800), "declip": np.abs(truth.samples[0]) < 0.19}
    *moments, result = runs[task]()
    assert moments[0].iterate.step == 0, "the start is there to be heard at once"
    assert all(np.isfinite(m.iterate.log_prob) for m in moments[1:])
    assert np.array_equal(result.clip.samples[0, known[task]], truth.samples[0, known[task]])


@pytest.mark.parametrize("quality", ["draft", "standard", "fine"])
def test_presets_keep_to_their_budget(tiny_prior, quality):
    result = finish(super_resolve(chord(0.1), 4, degrade="plain", settings=Settings(prior=tiny_prior, quality=quality)))
    assert (
        0.75 * {"draft": 20, "standard": 40, "fine": 160}[quality]
        < result.report["score_evaluations"]
        <= {
            "draft": 20,
            "standard": 40,
            "fine": 160,
        }[quality]
    )


@pytest.mark.parametrize("sampler", ["diffusion", "langevin"])
def test_kept_samples_come_back_bit_for_bit(settings, sampler):
    truth = chord(channels=2)
    result = finish(super_resolve(truth, 4, degrade="plain", settings=replace(settings, sampler=sampler)))
    assert np.array_equal(result.clip.samples[:, ::4], truth.samples[:, ::4])


def test_low_rate_files_are_brought_to_the_priors_rate(settings):
    low = chord(rate=4000)
    result = finish(super_resolve(low, 4, evidence="plain", settings=settings))
    assert (result.clip.sample_rate, result.clip.frames) == (16000, 16000)
    assert np.array_equal(result.clip.samples[:, ::4], low.samples)
    other = finish(super_resolve(chord(rate=11025), 2, settings=settings))
    assert (other.clip.sample_rate, other.clip.frames) == (16000, 16000)


def test_filtered_files_are_told_from_decimated_ones(settings):
    noise = Clip(0.1 * np.random.default_rng(0).standard_normal(16000), 16000)
    assert finish(super_resolve(Clip(noise.samples[:, ::4], 4000), 4, settings=settings)).report["evidence"] == "plain"
    from core.signal.resampling import resample

    filtered = resample(resample(noise, 3400), 4000)  # nothing over 1.7 kHz
    assert finish(super_resolve(filtered, 4, settings=settings)).report["evidence"] == "lowpass"


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_outside_the_gaps_nothing_changes(settings, rate):
    clip = chord(rate=rate, channels=2)
    result = finish(inpaint(clip, [(0.3, 0.35), (0.6, 0.62)], settings=settings))
    inside = np.zeros(clip.frames, dtype=bool)
    for start, stop in join_gaps([(0.3, 0.35), (0.6, 0.62)], clip):
        inside[start:stop] = True
    assert np.array_equal(result.clip.samples[:, ~inside], clip.samples[:, ~inside])
    assert result.clip.sample_rate == rate and np.isfinite(result.clip.samples).all()
    (predicted,) = result.baselines["linear prediction"].values()
    assert not np.array_equal(result.clip.samples[:, inside], predicted.samples[:, inside])


@pytest.mark.parametrize("rate", [16000, 44100])
def test_declipping_leaves_what_is_under_the_threshold_and_goes_outward(settings, rate):
    clip = Clip(np.clip(chord(rate=rate).samples, -0.15, 0.15), rate)
    result = finish(declip(clip, settings=settings))
    assert result.report["threshold"] == pytest.approx(0.15)
    inside = np.abs(clip.samples) < 0.149
    assert np.array_equal(result.clip.samples[inside], clip.samples[inside])
    assert (np.abs(result.clip.samples[~inside]) >= np.abs(clip.samples[~inside])).all()


def test_thresholds_are_found_per_channel_and_never_in_whole_waveforms():
    whole = chord(channels=2).samples
    clipped = Clip(np.stack([np.clip(whole[0], -0.2, 0.2), np.clip(whole[1], -0.1, 0.12)]), 16000)
    np.testing.assert_allclose(find_thresholds(clipped), [0.2, 0.12], rtol=1e-5)
    half = Clip(np.stack([np.clip(whole[0], -0.2, 0.2), whole[1]]), 16000)
    assert find_thresholds(half)[1] == np.inf
    for rate in (44100, 192000):
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
        for offset in (0, 5):
            with pytest.raises(InputError, match="No clipping"):
                find_thresholds(Clip(tone + offset, rate))


@pytest.mark.parametrize("value", [0.0, 0.3, -1.0])
def test_silence_and_constants_come_back_with_a_note(settings, value):
    clip = Clip(np.full(22050, value), 22050)
    higher = finish(super_resolve(clip, 4, settings=settings))
    filled = finish(inpaint(clip, [(0.4, 0.5)], settings=settings))
    unclipped = finish(declip(clip, 1.0 if abs(value) < 1 else None, settings=settings))
    assert np.allclose(higher.clip.samples, value, atol=1e-6) and np.array_equal(unclipped.clip.samples, clip.samples)
    assert all("nothing to restore" in r.notes[0] for r in (higher, unclipped))
    if value == 0:
        assert not filled.clip.samples.any() and filled.notes


@pytest.mark.parametrize("level", [1e-5, 1.0, 1e30])
def test_any_level_comes_back_at_its_level(settings, level):
    clip = Clip(chord(0.3).samples.astype(np.float64) * level, 16000)
    result = finish(super_resolve(clip, 4, degrade="plain", settings=settings))
    assert np.array_equal(result.clip.samples[:, ::4], clip.samples[:, ::4])
    assert np.abs(result.clip.samples).max() < 3 * np.abs(clip.samples).max()


def test_a_silent_channel_stays_silent(settings):
    clip = Clip(np.stack([chord().samples[0], np.zeros(16000)]), 16000)
    result = finish(inpaint(clip, [(0.4, 0.5)], settings=settings, reference=clip))
    assert not result.clip.samples[1].any() and result.metrics["psnr_db"] is not None


def test_the_input_is_measured_where_it_differs_from_the_truth(settings):
    truth = chord()
    result = finish(inpaint(truth, [(0.4, 0.5)], settings=settings, reference=truth))
    expected = psnr_db(truth.samples[0], np.where(np.arange(16000) // 1600 == 4, 0, truth.samples[0]))
    assert result.observed_figures["psnr_db"] == pytest.approx(expected, abs=2e-3)
    assert finish(inpaint(truth, [(0.4, 0.5)], settings=settings)).observed_figures == {}
    whole = Clip(truth.samples * 0.5, 16000)
    assert finish(declip(whole, 0.9, settings=settings, reference=whole)).observed_figures == {}, "it is the truth"


def test_same_seed_same_audio(settings):
    first, second = (finish(inpaint(chord(), [(0.4, 0.5)], settings=settings)).clip.samples for _ in range(2))
    other = finish(inpaint(chord(), [(0.4, 0.5)], settings=replace(settings, seed=1))).clip.samples
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_long_clips_are_worked_on_in_blocks_that_cover_them():
    blocks = split_blocks([(0, 400_001)], 16000, grid=4)
    assert blocks[0][0] == 0 and blocks[-1][1] == 400_001
    assert all(first % 4 == 0 and last - first <= 8.5 * 16000 for first, last in blocks)
    assert all(0 < a[1] - b[0] <= 8000 for a, b in itertools.pairwise(blocks))


def test_blocks_of_a_long_clip_join_without_a_seam(settings):
    clip = chord(9.5)
    result = finish(super_resolve(clip, 2, degrade="plain", settings=replace(settings, quality="draft", steps=1)))
    assert np.array_equal(result.clip.samples[:, ::2], clip.samples[:, ::2])


@pytest.mark.parametrize("factor", [0, 1, 3.5, 1_000_000, float("nan"), -2])
def test_impossible_factors_are_refused(settings, factor):
    with pytest.raises(InputError, match="whole number from 2 to 64"):
        next(super_resolve(chord(), factor, settings=settings))


@pytest.mark.parametrize(
    ("gaps", "message"),
    [
        ([], "No gap"),
        ([(0.5, 0.4)], "ends before it begins"),
        ([(0.9, 1.2)], r"lies outside the clip \(0-1 s\)"),
        ([(-0.1, 0.2)], "outside"),
        ([(0, 1)], "cover the whole clip"),
        ([(0, 0.6), (0.5, 1)], "cover the whole clip"),
        ([(0.5, 0.500001)], "shorter than a sample"),
        ([(0.5, float("nan"))], "ends before it begins"),
    ],
)
def test_impossible_gaps_are_refused(settings, gaps, message):
    with pytest.raises(InputError, match=message):
        next(inpaint(chord(), gaps, settings=settings))


def test_overlapping_gaps_are_joined():
    assert join_gaps([(0.5, 0.6), (0.2, 0.3), (0.25, 0.4)], chord()) == [(3200, 6400), (8000, 9600)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prior": "nobody"}, "nobody"),
        ({"sampler": "magic"}, "choose one of diffusion"),
        ({"quality": "perfect"}, "choose one of draft"),
        ({"steps": 0}, "between 1 and"),
        ({"device": "cuda:99"}, "no device"),
    ],
)
def test_impossible_settings_are_refused(settings, change, message):
    with pytest.raises(InputError, match=message):
        next(inpaint(chord(), [(0.4, 0.5)], settings=replace(settings, **change)))


@pytest.mark.parametrize(
    ("samples", "reason"),
    [(np.full(1000, np.nan), "NaN"), (np.zeros(0), "no samples"), (np.zeros(31), "31 samples")],
)
def test_unusable_clips_are_refused(settings, samples, reason):
    with pytest.raises(InputError, match=reason):
        next(super_resolve(Clip(samples, 16000), 4, settings=settings))


def test_a_prior_that_can_not_do_the_task_is_refused(tiny_prior):
    zoo.register("speaker", manifest.find(tiny_prior).path, {"sample_rate": 16000, "task": ["convert-voice"]})
    with pytest.raises(InputError, match="speaker can't inpaint; choose one of .*tiny"):
        next(inpaint(chord(), [(0.4, 0.5)], settings=Settings(prior="speaker")))


def test_a_reference_of_another_length_is_refused(settings):
    with pytest.raises(InputError, match="give one as long"):
        finish(inpaint(chord(), [(0.4, 0.5)], settings=settings, reference=chord(2.0)))


def test_the_smallest_clip(settings):
    assert finish(super_resolve(Clip(chord().samples[:, :32], 16000), 2, settings=settings)).clip.frames == 32
