"""Sounds drawn sample by sample: they grow, stand alone, go on from a prime, and can be told names."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core import zoo
from core.errors import InputError
from core.models.onehot_wavenet import OneHotWaveNet, OneHotWaveNetConfig
from core.signal.clip import Clip
from core.tasks.generation import Wish, generate, generate_at_steps, origin_of
from core.tasks.settings import Settings
from core.zoo.checkpoint import save_checkpoint

RATE = 16000


@pytest.fixture
def settings(tiny_wavenet) -> Settings:
    return Settings(tiny_wavenet)


@pytest.fixture
def told(tmp_path) -> Settings:
    """A one-hot WaveNet at 8 kHz that can be told Ada or Bob."""
    torch.manual_seed(0)
    config = {"levels": 256, "width": 4, "head": 4, "stacks": 1, "layers": 2, "labels": 2}
    network = OneHotWaveNet(OneHotWaveNetConfig(**config))
    path = tmp_path / "told.safetensors"
    save_checkpoint(path, "onehot-wavenet", config | {"names": ["Ada", "Bob"]}, network.state_dict())
    zoo.register("told", path, {"sample_rate": 8000})
    return Settings("told")


def made(wish: Wish, settings: Settings):
    *_, result = generate(wish, settings=settings)
    return result


def samples(result) -> list[np.ndarray]:
    return [clip.samples[0] for clip in result.sounds.values()]


def tone(seconds: float = 0.1, rate: int = RATE, level: float = 0.1, hertz: float = 440.0) -> Clip:
    return Clip(level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)[None], rate)


def test_sounds_grow_and_what_is_not_yet_drawn_is_silent(settings):
    *moments, result = generate(Wish(2, 0.3), settings=settings)
    assert [moment.iterate.step for moment in moments] == [2000, 4000, 4800]
    for moment in moments:
        for name, clip in moment.sounds.items():
            step = moment.iterate.step
            np.testing.assert_array_equal(clip.samples[:, :step], result.sounds[name].samples[:, :step])
            assert clip.frames == 4800 and not clip.samples[:, step:].any()
    assert result.report["sampler"] == "ancestral" and 0 < result.report["bits_per_sample"] <= 9


def test_a_sound_is_the_same_in_any_company(settings):
    several = samples(made(Wish(3, 0.05), replace(settings, batch=2)))
    alone = samples(made(Wish(1, 0.05), replace(settings, seed=2)))
    np.testing.assert_allclose(several[2], alone[0], rtol=1e-6)
    assert not np.array_equal(several[0], several[1])


def test_a_prime_is_heard_as_far_back_as_the_network_hears(settings):
    """At its own level; what lies further back is of no consequence, and the sounds go on at that level."""
    heard = zoo.load(settings.prior).receptive_field
    prime = tone(level=0.3)
    ago = np.arange(prime.frames, 0, -1)

    def drawn(prime: Clip | None) -> np.ndarray:  # many, as a few may come out alike whatever they go on from
        return np.stack(samples(made(Wish(16, 0.05, prime=prime), settings)))

    primed = drawn(prime)
    assert not np.array_equal(primed, drawn(None))
    earlier, later = (Clip(prime.samples * (-1) ** turned, RATE) for turned in (ago == heard + 1, ago <= heard))
    np.testing.assert_array_equal(drawn(earlier), primed)
    assert not np.array_equal(drawn(later), primed)
    np.testing.assert_allclose(drawn(tone(level=0.003)), primed / 100, rtol=1e-4, atol=1e-7)


def test_a_prime_may_be_of_another_rate_and_of_two_channels(settings):
    stereo = Clip(np.repeat(tone(rate=44100).samples, 2, axis=0), 44100)
    assert samples(made(Wish(1, 0.05, prime=stereo), settings))[0].shape == (800,)


def test_the_coldest_sound_depends_on_no_seed(settings):
    cold = [samples(made(Wish(1, 0.05, temperature=0.0), replace(settings, seed=seed)))[0] for seed in (0, 1)]
    np.testing.assert_array_equal(*cold)


def test_a_one_hot_wavenet_is_told_names_be_they_labels_or_speakers(told):
    result = made(Wish(2, 0.05), told)
    origins = [origin_of(result.report, name) for name in result.sounds]
    assert {origin["label"] for origin in origins} == {"Ada", "Bob"} and result.report["sample_rate"] == 8000
    for origin, sound in zip(origins, samples(result), strict=True):
        for asked in ({"label": origin["label"]}, {"speaker": origin["label"].lower()}):
            again = made(Wish(1, 0.05, **asked), replace(told, seed=origin["seed"]))
            np.testing.assert_allclose(samples(again)[0], sound, rtol=1e-6)


@pytest.mark.parametrize(
    ("wish", "changes", "sentence"),
    [
        (Wish(temperature=3.0), {}, "between 0 and 2, not at 3"),
        (Wish(temperature=float("nan")), {}, "between 0 and 2"),
        (Wish(morph=(1, 2)), {}, "knows no steps, morph or guidance"),
        (Wish(guidance=1.0), {}, "knows no steps, morph or guidance"),
        (Wish(), {"steps": 5}, "knows no steps, morph or guidance"),
        (Wish(), {"sampler": "heun"}, "choose the sampler ancestral"),
        (Wish(label="seven"), {}, "knows no label 'seven'"),
        (Wish(label="a", speaker="b"), {}, "can be told one name"),
        (Wish(prime=Clip(np.zeros((1, 1600)), RATE)), {}, "The prime is silent"),
        (Wish(prime=Clip(np.zeros((1, 20)), RATE)), {}, "The prime gives only 20 samples"),
        (Wish(prime=Clip(np.full((1, 100), np.nan), RATE)), {}, "The prime"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, wish, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        next(generate(wish, settings=replace(settings, **changes)))


@pytest.mark.parametrize(
    ("wish", "sampler"), [(Wish(temperature=0.5), None), (Wish(prime=tone()), None), (Wish(), "ancestral")]
)
def test_what_is_for_wavenets_is_refused_of_others(tiny_mel_prior, wish, sampler):
    with pytest.raises(InputError, match="are for WaveNets"):
        next(generate(wish, settings=Settings(tiny_mel_prior, sampler=sampler)))


def test_there_are_no_steps_to_compare(settings):
    with pytest.raises(InputError, match="has no steps to compare"):
        next(generate_at_steps(settings=settings))
