"""The vocoder's objective: labels of pitch, the energy score, discriminators that learn and are taken up again."""

import numpy as np
import pytest
import torch

from core.training.objectives.critics import Critics
from core.training.objectives.pitch_labels import label_pitch
from core.training.objectives.vocoder import VocoderObjective, distance, magnitudes

SIZES = {"channels": 16, "blocks": 1, "pitch_channels": 16, "pitch_blocks": 1}


def voice(pitch, seconds: float = 0.6, harmonics: int = 20) -> torch.Tensor:
    """Harmonics that fall off, of a pitch in Hz that may change, [samples]."""
    turns = np.cumsum(np.broadcast_to(pitch, round(seconds * 16000)) / 16000)
    return torch.from_numpy(sum(0.1 / h * np.cos(2 * np.pi * h * turns) for h in range(1, harmonics))).float()


@pytest.mark.parametrize("hertz", [65.0, 110.0, 237.0, 500.0])
def test_the_pitch_of_harmonics_is_heard(hertz):
    found, voiced = label_pitch(voice(hertz, harmonics=int(8000 / hertz))[None], 128, 16000)
    assert voiced[:, 8:-8].all()
    assert (found[:, 8:-8] / hertz - 1).abs().max() < 0.01


def test_a_gliding_pitch_is_followed():
    pitch = np.linspace(150, 250, 9600)
    found, _ = label_pitch(voice(pitch)[None], 128, 16000)
    truth = torch.from_numpy(pitch[::128].copy()).float()
    assert (found[0, 8:-9] / truth[8:-8] - 1).abs().max() < 0.02


def test_noise_and_silence_have_no_pitch():
    noise = torch.randn(1, 9600, generator=torch.Generator().manual_seed(0)) * 0.1
    assert label_pitch(noise, 128, 16000)[1].float().mean() < 0.1
    assert not label_pitch(noise * 0, 128, 16000)[1].any()


def test_distance_is_of_what_is_compared():
    one = magnitudes(voice(120.0)[None], 1024)
    assert distance(one, one) == 0
    assert distance(2 * one, one).item() == pytest.approx(np.log(2) + 2**0.5 - 1, rel=1e-4)


def batch() -> torch.Tensor:
    rng = np.random.default_rng(0)
    noise = torch.from_numpy(rng.standard_normal((4, 4096)) * 0.02).float()
    return torch.stack([voice(hertz, 0.256) for hertz in (90.0, 130.0, 180.0, 240.0)]) + noise


@pytest.mark.parametrize("progress", [0.0, 0.9])
def test_training_makes_results_nearer(progress):
    torch.manual_seed(0)
    objective, generator = VocoderObjective(adversarial_from=0.5), torch.Generator().manual_seed(0)
    model = objective.build(SIZES)
    objective.progress = progress
    optimizer, examples = torch.optim.AdamW(model.parameters(), 3e-3), batch()
    before = objective.validate(model, [examples], torch.Generator().manual_seed(1))
    for _ in range(25):
        loss, figures = objective.loss(model, examples, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = objective.validate(model, [examples], torch.Generator().manual_seed(1))
    assert set(figures) >= {"near", "far", "pitch"} and ("told" in figures) == (progress >= 0.5)
    assert after["near"] < 0.9 * before["near"] and after["misheard"] < before["misheard"]


def test_discriminators_learn_to_tell():
    torch.manual_seed(0)
    critics, generator = Critics(), torch.Generator().manual_seed(0)
    real = batch()
    fake = (torch.randn(real.shape, generator=generator) * 0.05).requires_grad_()
    told = []
    for _ in range(30):
        loss, figures = critics.dispute(fake, real, generator)
        told.append(figures["told"])
    assert np.mean(told[-5:]) < 0.95 * np.mean(told[:5])
    loss.backward()
    assert fake.grad.abs().sum() > 0
    assert all(p.requires_grad for p in critics.networks.parameters())


def test_discriminators_go_on_where_they_were():
    torch.manual_seed(0)
    one, other, real = VocoderObjective(), VocoderObjective(), batch()
    fake = torch.randn(real.shape) * 0.05
    one.critics.dispute(fake, real, torch.Generator().manual_seed(0))
    other.restore(one.state())
    losses = [o.critics.dispute(fake, real, torch.Generator().manual_seed(3))[1]["told"] for o in (one, other)]
    assert losses[0] == losses[1]
