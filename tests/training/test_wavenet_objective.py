"""Objective of a noise-conditional WaveNet: the loss is the stated cross-entropy, and falls."""

import math

import pytest
import torch

from core.signal.companding import Linear
from core.signal.log_mel import log_mel
from core.signal.mel import FRONT_ENDS, mel_spectrogram
from core.training.objectives.wavenet import WaveNetObjective

SIZES = {"layers": 4, "stacks": 2, "residual": 16, "gate": 32, "skip": 16, "kernel_size": 2, "noise_conditional": True}


@pytest.fixture
def waveform() -> torch.Tensor:
    return 0.2 * torch.sin(torch.arange(2000) * 0.05)[None]


@pytest.fixture
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return WaveNetObjective().build(SIZES)


class Uniform(torch.nn.Module):
    """Knows nothing: every class is equally likely."""

    def forward(self, x, sigma, condition=None):
        return torch.zeros(*x.shape, 256)


def test_knowing_nothing_costs_eight_bits(waveform):
    objective, generator = WaveNetObjective(), torch.Generator().manual_seed(0)
    loss, figures = objective.loss(Uniform(), waveform, generator)
    assert loss.item() == pytest.approx(8 * math.log(2))
    assert figures["bits_per_sample"] == pytest.approx(8)
    assert objective.validate(Uniform(), [waveform, waveform[0]], generator) == pytest.approx(
        {f"bits_per_sample/sigma_{level}": 8.0 for level in ("0.1", "1", "10", "100")}
    )


def test_loss_falls_and_noise_costs_bits(model, waveform):
    objective, generator = WaveNetObjective(gain_spread_db=0.0), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(60):
        loss, _ = objective.loss(model, waveform, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    bits = list(objective.validate(model, [waveform], generator).values())
    assert bits[0] < 6.5 and bits[0] < bits[-1]


def test_levels_span_the_ladder(waveform):
    objective, seen = WaveNetObjective(noise_free=0.2), []
    for seed in range(300):
        seen.append(objective._draw_sigma(waveform, torch.Generator().manual_seed(seed)).item())
    noisy = torch.tensor([sigma for sigma in seen if sigma])
    assert 0.1 < 1 - len(noisy) / len(seen) < 0.3
    assert noisy.min() < 0.1 and 100 < noisy.max() <= 175.9


def test_logged_sounds_are_playable(model, waveform):
    sounds = WaveNetObjective().sounds(model, waveform, torch.Generator().manual_seed(0))
    assert {name: tuple(sound.shape) for name, sound in sounds.items()} == {"noisy": (1, 2000), "denoised": (1, 2000)}
    assert all(sound.isfinite().all() for sound in sounds.values())


MEL = {"bands": 80, "frame_padding": 2, "upsampling": [4, 4, 4, 4], "front_end": "pnf-16k"}


def test_the_condition_is_the_spectrogram_of_the_samples():
    """Bands as `core.signal.mel` has them, frame k around sample 256 k of what is left without the padding."""
    objective = WaveNetObjective()
    model = objective.build(SIZES | MEL)
    sound = 0.1 * torch.randn(1, 20 * 256, generator=torch.Generator().manual_seed(0))
    kept, condition = objective._conditioned(model, sound)
    assert torch.equal(kept, sound[:, 2 * 256 : 18 * 256]) and condition.shape == (1, 16 * 256 - 1, 80)
    expected = torch.from_numpy(mel_spectrogram(sound[0].numpy(), FRONT_ENDS["pnf-16k"])[:, :20])
    torch.testing.assert_close(condition, model.upsample(expected[None])[:, :-1], rtol=0, atol=1e-4)


def test_a_new_network_knows_the_scale_of_the_data_it_is_to_learn():
    class Data:
        def sample(self, length, generator):
            return 0.1 * torch.randn(length, generator=generator)

    objective, generator = WaveNetObjective(), torch.Generator().manual_seed(0)
    model = objective.build(SIZES | MEL)
    objective.prepare(model, Data(), 4096, generator)
    scaler = model.upsample
    mel = log_mel(0.1 * torch.randn(1, 40960, generator=generator), objective.front_end)[0]
    normalised = (mel - scaler.mean[:, None]) / scaler.scale[:, None]
    assert normalised.mean().abs() < 0.1 and normalised.std().item() == pytest.approx(1, abs=0.1)


def test_loss_with_a_spectrogram_and_linear_classes():
    objective, generator = WaveNetObjective(gain_spread_db=0.0), torch.Generator().manual_seed(0)
    model = objective.build(SIZES | MEL | {"domain": "linear", "spread": 16.0})
    assert isinstance(objective.domain, Linear) and model.spread == 16.0
    sound = 0.1 * torch.randn(1, 12 * 256, generator=generator)
    loss, _ = objective.loss(model, sound, generator)
    loss.backward()
    assert all(p.grad is not None for p in model.upsample.parameters())
    assert set(objective.sounds(model, sound, generator)) == {"noisy", "denoised"}
