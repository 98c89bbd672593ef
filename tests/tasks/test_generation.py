"""Generation: each sound stands alone, labels are told, morphs lead from one seed to the other, refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.tasks.generation import Wish, generate, generate_at_steps, origin_of
from core.tasks.settings import Settings


@pytest.fixture
def settings(tiny_mel_prior) -> Settings:
    return Settings(prior=tiny_mel_prior, steps=3)


def made(wish: Wish, settings: Settings):
    *_, result = generate(wish, settings=settings)
    return result


def samples(result) -> list[np.ndarray]:
    return [clip.samples for clip in result.sounds.values()]


def test_sounds_are_numbered_and_as_long_as_asked(settings):
    result = made(Wish(3, 0.05), settings)
    assert list(result.sounds) == ["0000", "0001", "0002"]
    assert all(clip.samples.shape == (1, 800) and clip.sample_rate == 16000 for clip in result.sounds.values())


@pytest.mark.parametrize("sampler", ["heun", "sde", "ddpm"])
def test_a_sound_is_the_same_in_any_company(settings, sampler):
    """Seeds count up from the first, whatever is drawn at once."""
    settings = replace(settings, sampler=sampler)
    several = samples(made(Wish(3, 0.05), replace(settings, batch=2)))
    alone = [samples(made(Wish(1, 0.05), replace(settings, seed=seed)))[0] for seed in range(3)]
    for one, other in zip(several, alone, strict=True):
        assert np.abs(one - other).max() < 1e-4 * np.abs(one).max()
    assert np.abs(several[0] - several[1]).max() > 1e-2 * np.abs(several[0]).max()


def test_a_morph_begins_and_ends_with_its_seeds(settings):
    way = samples(made(Wish(3, 0.05, label="7", guidance=1.0, morph=(3, 9)), settings))
    ends = [made(Wish(1, 0.05, label="7", guidance=1.0), replace(settings, seed=seed)) for seed in (3, 9)]
    for one, other in zip((way[0], way[2]), (samples(end)[0] for end in ends), strict=True):
        assert np.abs(one - other).max() < 1e-3 * np.abs(one).max()
    assert np.abs(way[1] - way[0]).max() > 1e-2 * np.abs(way[0]).max()


def test_what_is_told_changes_what_is_drawn(settings):
    anything = samples(made(Wish(1, 0.05, guidance=0.0), settings))[0]
    for told in (Wish(1, 0.05, label="7"), Wish(1, 0.05, speaker="Ada"), Wish(1, 0.05, label="7", guidance=6.0)):
        assert not np.allclose(samples(made(told, settings))[0], anything)


def test_each_seed_draws_a_label_where_none_is_asked_for(settings):
    """Neighbours draw different ones until there are no more; a sound is the one of its seed with that label."""
    result = made(Wish(4, 0.05), settings)
    origins = [origin_of(result.report, name) for name in result.sounds]
    assert {origins[0]["label"], origins[1]["label"]} == {origins[2]["label"], origins[3]["label"]} == {"7", "yes"}
    for origin, sound in zip(origins, samples(result), strict=True):
        asked = made(Wish(1, 0.05, label=origin["label"]), replace(settings, seed=origin["seed"]))
        assert np.abs(samples(asked)[0] - sound).max() < 1e-4 * np.abs(sound).max()


def test_a_label_is_drawn_beside_a_speaker_that_is_asked_for(settings):
    result = made(Wish(2, 0.05, speaker="Ada"), settings)
    assert {origin_of(result.report, name)["label"] for name in result.sounds} == {"7", "yes"}
    assert origin_of(result.report, "0000")["speaker"] == "Ada"


def test_with_a_guidance_of_0_nothing_is_told(settings):
    """Nor does it matter what was asked for."""
    nothing = made(Wish(2, 0.05, guidance=0.0), settings)
    assert "label" not in origin_of(nothing.report, "0000")
    asked = made(Wish(2, 0.05, label="7", guidance=0.0), settings)
    for one, other in zip(samples(nothing), samples(asked), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_morph_and_a_comparison_of_steps_have_one_label(settings):
    way = made(Wish(3, 0.05, morph=(3, 9)), settings).report["sounds"]
    *_, steps = generate_at_steps((1, 2), Wish(seconds=0.05), settings=replace(settings, seed=3))
    alone = made(Wish(1, 0.05), replace(settings, seed=3)).report["sounds"]["0000"]["label"]
    assert {sound["label"] for sounds in (way, steps.report["sounds"]) for sound in sounds.values()} == {alone}


@pytest.mark.parametrize("spelling", ["7", "seven", " Seven "])
def test_digits_may_be_words(settings, spelling):
    result = made(Wish(1, 0.05, label=spelling), settings)
    assert result.report["label"] == "7"


def test_the_report_says_how_each_sound_can_be_made_again(settings):
    result = made(Wish(2, 0.05, label="7", guidance=2.5), replace(settings, seed=40, sampler="sde"))
    origin = origin_of(result.report, "0001")
    assert origin == {
        "prior": settings.prior,
        "sampler": "sde",
        "steps": 3,
        "duration_seconds": 0.05,
        "label": "7",
        "guidance": 2.5,
        "seed": 41,
    }
    again = made(Wish(1, 0.05, label="7", guidance=2.5), replace(settings, seed=41, sampler="sde"))
    assert np.abs(samples(again)[0] - samples(result)[1]).max() < 1e-4 * np.abs(samples(again)[0]).max()


def test_all_sounds_emerge_together(settings):
    *progress, result = generate(Wish(3, 0.05), settings=replace(settings, batch=2))
    assert [len(item.sounds) for item in progress] == [2, 2, 2, 3, 3, 3]
    assert [item.iterate.step for item in progress] == [1, 2, 3, 4, 5, 6], "counted over all of them"
    assert {item.iterate.total_steps for item in progress} == {6}
    for name in result.sounds:
        np.testing.assert_array_equal(progress[-1].sounds[name].samples, result.sounds[name].samples)
    assert result.report["score_evaluations"] == 5, "Heun's method asks twice a step, but once in the last"


REFUSED = {
    "count 0": (Wish(0), "between 1 and 4096"),
    "a million": (Wish(1_000_000), "between 1 and 4096"),
    "hours": (Wish(4000, 5.0), "All sounds together"),
    "too long": (Wish(1, 5.0), "up to 0.064 s"),
    "too short": (Wish(1, 0.001), "Sounds can last"),
    "label": (Wish(label="eleven"), "knows no label 'eleven'; choose one of 7, yes"),
    "speaker": (Wish(speaker="Eve"), "knows no speaker 'Eve'; choose one of Ada"),
    "guidance": (Wish(guidance=-1.0), "guidance must lie"),
    "one of a morph": (Wish(1, morph=(1, 2)), "at least 2"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused_in_a_sentence(settings, name):
    wish, sentence = REFUSED[name]
    with pytest.raises(InputError, match=sentence):
        made(wish, settings)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sampler": "diffusion"}, "no sampler diffusion; choose one of ddpm"),
        ({"steps": 100_000}, "between 1 and"),
        ({"batch": 0}, "drawn at once"),
        ({"prior": "tiny"}, "can't generate"),
        ({"device": "cuda:7"}, "no device"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, tiny_prior, change, sentence):
    with pytest.raises(InputError, match=sentence):
        made(Wish(1, 0.05), replace(settings, **change))


def test_morphed_noise_is_white_at_every_place():
    from core.samplers.noise import MorphedNoise

    noise = MorphedNoise(*(torch.Generator().manual_seed(seed) for seed in (1, 2)), (0.0, 0.3, 0.5, 1.0))
    for _ in range(2):  # further draws, as of the stochastic samplers, as well
        rows = noise((4, 100_000))
        assert rows.std(dim=1).sub(1).abs().max() < 0.01 and rows.mean(dim=1).abs().max() < 0.01
        assert abs((rows[0] * rows[3]).mean()) < 0.02 < (rows[0] * rows[1]).mean()
