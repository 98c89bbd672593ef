"""The vocoder: pieces join exactly, the result has the spectrogram that was asked for."""

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.models import vocoder
from core.models.vocoder import bring_nearer
from core.signal.log_mel import log_mel
from core.signal.mel import FRONT_ENDS

FRONT_END = FRONT_ENDS["resound-16k"]
SIZES = {"channels": 16, "blocks": 2, "pitch_channels": 16, "pitch_blocks": 1, "rounds": 2}


@pytest.fixture
def model():
    """With weights that mean nothing, but use everything that it sees."""
    torch.manual_seed(0)
    network = vocoder.build(SIZES).eval()
    for body in (network.pitch, network.filters):
        torch.nn.init.normal_(body.head.weight, std=0.2)
    network.fast = False
    return network


def spectrogram(frames: int, seed: int = 0) -> torch.Tensor:
    """Of noise whose level and colour change."""
    rng = np.random.default_rng(seed)
    samples = np.cumsum(rng.standard_normal((frames - 1) * 128)) * 0.01
    loudness = 0.1 + 0.1 * np.sin(np.arange(len(samples)) / 1500)
    return log_mel(torch.from_numpy((samples - samples.mean()) * loudness).float()[None], FRONT_END)


def streamed(model, mel: torch.Tensor, piece: int) -> list[torch.Tensor]:
    noise = torch.randn(1, (mel.shape[-1] - 1) * 128, generator=torch.Generator().manual_seed(1))
    return list(model.stream(mel, noise, piece))


@pytest.mark.parametrize("piece", [37, 100, 299])
def test_pieces_join_exactly(model, piece):
    mel = spectrogram(300)
    whole, parts = streamed(model, mel, 10_000), streamed(model, mel, piece)
    assert len(whole) == 1 and len(parts) == -(-299 // piece)
    assert all(part.shape[1] == piece * 128 for part in parts[:-1])
    difference = torch.cat(parts, dim=1) - whole[0]
    assert difference.abs().max() < 1e-3 * whole[0].std()


def test_its_context_is_no_smaller_than_what_it_depends_on(model):
    mel = spectrogram(300)
    changed = mel.clone()
    changed[..., 150:] = spectrogram(300, seed=5)[..., 150:]
    one, other = (streamed(model, m, 10_000)[0] for m in (mel, changed))
    settled = (150 - model.context) * 128
    torch.testing.assert_close(one[:, :settled], other[:, :settled], rtol=0, atol=1e-6)
    assert not torch.allclose(one[:, settled : 150 * 128], other[:, settled : 150 * 128], rtol=0, atol=1e-4)


def test_draws_share_their_pulses_and_differ_in_noise(model):
    mel = spectrogram(40).repeat(2, 1, 1)
    pitch = model.hear_pitch(mel).softmax(dim=1)
    silence, noise = torch.zeros(4, 39 * 128), torch.randn(4, 39 * 128)
    with torch.no_grad():
        alike, apart = (model(mel, pitch, model.turns(pitch), n, rounds=0) for n in (silence, noise))
    torch.testing.assert_close(alike[:2], alike[2:])
    assert not torch.allclose(apart[:2], apart[2:])


def test_each_round_brings_the_spectrogram_nearer():
    mel = spectrogram(60)
    waveform, errors = torch.randn(1, 59 * 128, generator=torch.Generator().manual_seed(2)) * 0.1, []
    for _ in range(4):
        errors.append((log_mel(waveform, FRONT_END) - mel).abs().mean().item())
        waveform = bring_nearer(waveform, mel, FRONT_END)
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.3 * errors[0]


def test_what_agrees_already_stays():
    waveform = torch.randn(1, 40 * 128, generator=torch.Generator().manual_seed(3)) * 0.1
    kept = bring_nearer(waveform, log_mel(waveform, FRONT_END), FRONT_END)
    torch.testing.assert_close(kept, waveform, rtol=0, atol=1e-4)


@pytest.mark.parametrize("front_end", ["tacotron", "nobody's"])
def test_front_ends_that_it_cannot_play(front_end):
    with pytest.raises(InputError, match="choose one of"):
        vocoder.build(SIZES | {"front_end": front_end})


def test_a_pitch_can_be_given_instead_of_heard(model):
    mel = spectrogram(40)
    noise = torch.randn(1, 39 * model.hop_length, generator=torch.Generator().manual_seed(0))
    heard = model.hear_pitch(mel).softmax(dim=1)
    own, told = (torch.cat(list(model.stream(mel, noise, 16, pitch)), dim=1) for pitch in (None, heard))
    assert torch.allclose(told, own, atol=1e-5)
    other = torch.cat(list(model.stream(mel, noise, 16, heard.roll(24, dims=1))), dim=1)
    assert not torch.allclose(other, own, atol=1e-2)
