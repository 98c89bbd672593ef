"""Conversion through codes: passages, what is said while it is said, and what is refused."""

import itertools

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.models import vqvae
from core.models.wavernn import HOP, PAST_CODES
from core.signal.clip import Clip
from core.tasks import code_decoding
from core.tasks.code_decoding import Passage, passages_of, say_passages

SIZES = {"width": 4, "classes": 5, "channels": 2, "conv_channels": 4, "rnn_channels": 4, "gru": 6, "hidden": 5}
RATE = 16000


@pytest.fixture
def model() -> vqvae.VQVAE:
    torch.manual_seed(0)
    return vqvae.build({**SIZES, "speakers": ["Ada", "Bob"]}, sample_rate=RATE).eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def short_passages(monkeypatch):
    for name, value in {"SHORTEST": 0.01, "LONGEST": 0.02, "BLOCK": HOP}.items():
        monkeypatch.setattr(code_decoding, name, value)


def clip(samples: int, rate: int = RATE, channels: int = 1) -> Clip:
    return Clip(0.1 * np.random.default_rng(0).standard_normal((channels, samples)).astype(np.float32), rate)


def test_passages_hear_silence_before_them_and_what_follows_them(model):
    heard = clip(1000)
    passages = passages_of(heard, model)
    assert sum(passage.samples for passage in passages) == 16 * HOP
    assert len(passages) > 1
    first = passages[0].samples
    whole = model.encode(vqvae.padded(torch.from_numpy(heard.samples.copy()))).indices[0]
    assert torch.equal(passages[0].codes, whole[: len(passages[0].codes)])
    alone = passages_of(Clip(heard.samples[:, first:], RATE), model)[0].codes
    assert torch.equal(passages[1].codes, alone[: len(passages[1].codes)])


def test_codes_of_other_rates_and_channels_are_those_of_the_models_rate(model):
    passages = passages_of(clip(44100 // 50, 44100, channels=2), model)
    assert sum(passage.samples for passage in passages) == -(-RATE // 50 // HOP) * HOP
    assert passages[0].codes.shape[1] == 2 and passages[0].codes.dtype == torch.int64


@pytest.mark.slow
def test_what_was_said_stays_and_all_is_said_in_the_end(model):
    said = list(say_passages(passages_of(clip(1000), model), model, "Bob", streams=2))
    assert said[-1].ready == len(said[-1].waveform) == 16 * HOP and said[-1].share == 1
    for earlier, later in itertools.pairwise(said):
        assert earlier.ready <= later.ready and earlier.share < later.share
        np.testing.assert_array_equal(earlier.waveform[: earlier.ready], later.waveform[: earlier.ready])
    assert said[0].ready == HOP and said[0].share == 2 / 16 and said[0].waveform[:HOP].any()


@pytest.mark.slow
def test_seed_and_speaker_choose_what_is_said(model):
    passages = [Passage(torch.zeros(PAST_CODES + 1, 2, dtype=torch.int64))]

    def said(speaker: str, **settings) -> np.ndarray:
        return list(say_passages(passages, model, speaker, **settings))[-1].waveform

    assert np.array_equal(said("Ada"), said("Ada"))
    assert not np.array_equal(said("Ada"), said("Bob"))
    assert not np.array_equal(said("Ada"), said("Ada", seed=1))
    assert np.array_equal(said("Ada", temperature=0), said("Ada", temperature=0, seed=1))


@pytest.mark.parametrize(
    ("speaker", "passages", "match"),
    [("Eve", [0], "no speaker 'Eve'; choose one of Ada, Bob"), ("Ada", [], "no codes to be said")],
)
def test_unknown_speakers_and_nothing_to_say_are_refused(model, speaker, passages, match):
    with pytest.raises(InputError, match=match):
        next(say_passages(passages, model, speaker))


def test_a_clip_shorter_than_a_code_is_refused(model):
    with pytest.raises(InputError, match="shorter than one code \\(4 ms\\)"):
        passages_of(clip(63), model)
