"""The restoration tasks with a prior of fresh weights: what must hold whatever the prior makes up."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import zoo
from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.signal.metrics import psnr_db, sdr_db
from core.tasks.blocks import split_blocks
from core.tasks.declipping import declip, find_rails
from core.tasks.inpainting import inpaint, join_gaps
from core.tasks.settings import Settings
from core.tasks.super_resolution import super_resolve
from core.zoo import manifest
from tests.runs import finish

SOUNDS = Path(__file__).parents[2] / "assets" / "sounds"


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
    assert result.report["score_evaluations"] == 1 + 3 * 2  # the estimate, and two draws of three steps


@pytest.mark.slow
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


@pytest.mark.parametrize(("quality", "evaluations"), [("draft", 7), ("standard", 13), ("fine", 153)])
def test_what_presets_spend(tiny_prior, quality, evaluations):
    result = finish(super_resolve(chord(0.1), 4, degrade="plain", settings=Settings(prior=tiny_prior, quality=quality)))
    assert result.report["score_evaluations"] == evaluations


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


def test_each_side_of_each_channel_has_its_own_rail():
    whole = chord(channels=2).samples
    clipped = Clip(np.stack([np.clip(whole[0], -0.2, 0.2), np.clip(whole[1], -0.1, 0.12)]), 16000)
    np.testing.assert_allclose(find_rails(clipped), [[-0.2, 0.2], [-0.1, 0.12]], rtol=1e-5)
    one_side = Clip(np.stack([np.clip(whole[0], -0.2, None), whole[1]]), 16000)
    np.testing.assert_allclose(find_rails(one_side), [[-0.2, np.inf], [-np.inf, np.inf]], rtol=1e-5)
    shifted = Clip(np.clip(whole[:1], -0.2, 0.15) + 0.4, 16000)
    np.testing.assert_allclose(find_rails(shifted), [[0.2, 0.55]], rtol=1e-5)
    constant = Clip(np.stack([np.clip(whole[0], -0.2, 0.2), np.full(16000, 0.3)]), 16000)
    np.testing.assert_allclose(find_rails(constant), [[-0.2, 0.2], [-np.inf, np.inf]], rtol=1e-5)


@pytest.mark.parametrize("rate", [44100, 192000])
@pytest.mark.parametrize("offset", [0, 5])
def test_no_rail_is_found_in_whole_waveforms(rate, offset):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    with pytest.raises(InputError, match="No clipping"):
        find_rails(Clip(tone + offset, rate))


LN256 = np.log(256)
QUANTISED = {
    "mu-law": lambda x: np.sign(x) * np.expm1(np.round(127 * np.log1p(255 * np.abs(x)) / LN256) / 127 * LN256) / 255,
    "8 bit": lambda x: np.round(x * 127) / 127,
    "6 bit": lambda x: np.round(x * 32) / 32,
    "8 bit at -20 dBFS": lambda x: np.round(x * 12.7) / 127,
    "8 bit at -60 dBFS": lambda x: np.round(x * 0.127) / 127,
    "16 bit at -60 dBFS": lambda x: np.round(x * 32.767) / 32767,
}


@pytest.mark.parametrize("quantise", QUANTISED.values(), ids=QUANTISED)
@pytest.mark.parametrize("sound", ["piano", "speech", "tone"])
def test_coarse_and_quiet_waveforms_are_not_clipped(sound, quantise):
    if sound == "tone":
        samples = np.sin(2 * np.pi * 100 * np.arange(44100) / 44100)[None]
    else:
        samples = read_clip(SOUNDS / f"{sound}.flac").clip.samples.astype(np.float64)
        samples = samples / np.abs(samples).max()
    coarse = Clip(quantise(samples), 16000)
    if not np.ptp(coarse.samples):
        return  # nothing is left at this level: silence passes
    with pytest.raises(InputError, match="No clipping"):
        find_rails(coarse)


@pytest.mark.parametrize("quantise", [QUANTISED[name] for name in ("mu-law", "8 bit")])
def test_clipping_is_found_in_coarse_waveforms(quantise):
    samples = read_clip(SOUNDS / "piano.flac").clip.samples.astype(np.float64)
    coarse = quantise(np.clip(samples / np.abs(samples).max(), -0.3, 0.4))
    np.testing.assert_allclose(find_rails(Clip(coarse, 16000)), [[coarse.min(), coarse.max()]], rtol=1e-6)


@pytest.mark.parametrize("sound", ["speech-garden", "speech-train"])
def test_clipping_is_found_in_waveforms_of_few_levels(sound):
    samples = read_clip(SOUNDS / f"{sound}.flac").clip.samples.astype(np.float64)
    coarse = QUANTISED["6 bit"](np.clip(samples / np.abs(samples).max(), -0.5, 0.5))
    assert len(np.unique(coarse)) == 33
    assert find_rails(Clip(coarse, 16000)).tolist() == [[-0.5, 0.5]]


@pytest.mark.parametrize("given", [None, 0.2])
def test_where_one_side_is_clipped_the_other_stays(settings, given):
    clip = Clip(np.clip(chord().samples, None, 0.15), 16000)
    result = finish(declip(clip, given, settings=settings))
    below = clip.samples < 0.1499
    untouched = below if given is None else np.abs(clip.samples) < 0.1999
    assert np.array_equal(result.clip.samples[untouched], clip.samples[untouched])
    if given is None:
        assert result.report["rails"] == [[None, pytest.approx(0.15)]]
        assert result.report["threshold"] == pytest.approx(0.15)
    else:
        assert result.report["rails"] == [[-given, given]] and result.report["threshold"] == given


@pytest.mark.slow
def test_an_offset_makes_no_click_at_a_gap():
    """Beside a gap, and in it, the same as without the offset."""
    clip, gaps = chord(rate=44100), [(0.4, 0.45), (0.7, 0.702)]
    shifted = Clip(clip.samples + 0.3, 44100)
    plain, moved = (finish(inpaint(c, gaps, settings=Settings(prior="piano-16k", steps=2))) for c in (clip, shifted))
    assert np.abs(moved.clip.samples - 0.3 - plain.clip.samples).max() < 1e-3
    (predicted,), (shifted_prediction,) = (r.baselines["linear prediction"].values() for r in (plain, moved))
    assert np.abs(shifted_prediction.samples - 0.3 - predicted.samples).max() < 2e-3


@pytest.mark.slow
def test_an_offset_is_no_part_of_a_clipped_waveform():
    clip = Clip(np.clip(chord().samples, -0.15, 0.15), 16000)
    asked = Settings(prior="piano-16k", steps=2)
    plain, moved = (finish(declip(c, settings=asked)) for c in (clip, Clip(clip.samples + 0.3, 16000)))
    assert np.abs(moved.clip.samples - 0.3 - plain.clip.samples).max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("rate", [16000, 44100])
def test_gaps_a_tenth_of_a_millisecond_apart_join_smoothly(rate):
    clip = chord(rate=rate)
    result = finish(inpaint(clip, [(0.4, 0.42), (0.4201, 0.44)], settings=Settings(prior="piano-16k", steps=2)))
    bends = [np.abs(np.diff(c.samples, 2)).max() for c in (result.clip, clip)]
    assert bends[0] < 1.1 * bends[1] and np.abs(result.clip.samples - clip.samples).max() < 0.01


@pytest.mark.slow
def test_crackle_of_a_high_rate_stays_in_keeping(settings):
    """Dozens of short gaps, with the bundled prior; the networks' surroundings are all but whole."""
    clip = chord(2.0, 44100)
    gaps = [(0.5 + n / 100, 0.501 + n / 100) for n in range(30)]
    result = finish(inpaint(clip, gaps, settings=Settings(prior="piano-16k", quality="draft"), reference=clip))
    assert np.abs(result.clip.samples - clip.samples).max() < 1e-3 and not result.notes
    assert result.metrics["psnr_db"] > result.baseline_metrics["linear prediction"]["psnr_db"]


@pytest.mark.slow
@pytest.mark.parametrize(("rails", "gain"), [((-0.35, 0.6), 3), ((-0.95, 0.9), -3)], ids=["deep", "hardly"])
@pytest.mark.parametrize(("prior", "sound"), [("piano-16k", "piano"), ("voice-16k", "speech")])
def test_unequal_rails_are_declipped_without_running_away(prior, sound, rails, gain):
    whole = read_clip(SOUNDS / f"{sound}.flac").clip.cut(16000, 40000)
    whole = Clip(whole.samples / np.abs(whole.samples).max(), 16000)
    clipped = Clip(np.clip(whole.samples, *rails), 16000)
    asked = Settings(prior=prior, quality="draft")
    result = finish(declip(clipped, settings=asked, reference=whole))
    assert np.abs(result.clip.samples).max() < 1.5 and not result.notes
    assert result.metrics["sdr_db"] > sdr_db(whole.samples[0], clipped.samples[0]) + gain


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
