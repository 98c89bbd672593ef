"""Sounds as they emerge: spectrograms beside them, and one seed at several numbers of steps."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from core.tasks import emerging
from core.tasks.emerging import mel_of
from core.tasks.generation import Wish, generate, generate_at_steps, origin_of
from core.tasks.progress import Progress
from core.tasks.settings import Settings

WISH, SETTINGS = Wish(2, 0.06), Settings(prior="tiny-mel", steps=2)
pytestmark = pytest.mark.usefixtures("tiny_mel_prior")


@pytest.fixture(autouse=True)
def sounds_of_means(monkeypatch):
    """A vocoder for spectrograms that no sound has, as those of random weights: a noise as loud as their mean."""
    noise = np.random.default_rng(0).standard_normal(960).astype(np.float32)

    def renderer(prior, seconds, gain):
        return lambda x: np.stack([float(np.tanh(row.mean())) * noise for row in x])

    monkeypatch.setattr(emerging, "renderer", renderer)


def test_what_is_seen_is_what_is_heard():
    *moments, result = generate(replace(WISH, count=3), settings=replace(SETTINGS, batch=2))
    for moment in moments:
        assert list(moment.mels) == list(moment.sounds) == list(moment.chain_mels)
    last = moments[-1]
    assert list(last.mels) == ["0000", "0001", "0002"]
    for mel in last.mels.values():
        assert mel.mel.shape == (80, 8) and mel.seconds == pytest.approx(0.06, abs=0.008)
    heard = mel_of(last.sounds["0000"].samples[0], 16000)
    assert np.array_equal(last.mels["0000"].mel, heard.mel), "it is finished, so it is seen as it sounds"
    assert np.array_equal(result.sounds["0002"].samples, last.sounds["0002"].samples)


def test_the_state_of_a_chain_is_shown_at_the_level_of_sound():
    first = next(generate(WISH, settings=SETTINGS))
    assert first.iterate.level > 10
    spread = [np.std(mels["0000"].mel) for mels in (first.mels, first.chain_mels)]
    assert spread[1] < 20 * spread[0]


def test_one_seed_at_several_numbers_of_steps_is_what_each_number_draws_by_itself():
    *moments, result = generate_at_steps((1, 3), replace(WISH, label="yes"), settings=replace(SETTINGS, seed=5))
    assert all(isinstance(moment, Progress) for moment in moments)
    assert [moment.iterate.step for moment in moments] == [1, 2, 3, 4]
    assert {moment.iterate.total_steps for moment in moments} == {4}
    assert [len(moment.mels) for moment in moments] == [1, 2, 2, 2]
    for name, steps in (("0000", 1), ("0001", 3)):
        origin = origin_of(result.report, name)
        assert (origin["seed"], origin["steps"], origin["label"]) == (5, steps, "yes")
        alone = replace(SETTINGS, seed=origin["seed"], steps=origin["steps"])
        *_, again = generate(replace(WISH, count=1, label="yes"), settings=alone)
        assert np.array_equal(again.sounds["0000"].samples, result.sounds[name].samples)


def test_numbers_of_steps_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="steps"):
        next(generate_at_steps((2, 0), WISH, settings=SETTINGS))
    with pytest.raises(InputError, match="6 steps of its own"):
        next(generate_at_steps((6, 20), WISH, settings=replace(SETTINGS, sampler="fast")))
