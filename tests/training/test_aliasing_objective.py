"""Objective of the alias detector: its filters and its noise are what they say, and it learns."""

import pytest
import torch

from core.training.objectives.aliasing import EDGES, WIDTH, AliasingObjective, coloured_noise, random_lowpass


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("factor", [2, 4])
def test_filters_pass_what_they_should_and_stop_the_rest(factor, generator):
    noise = torch.randn(20, 8192, generator=generator)
    gain = torch.fft.rfft(random_lowpass(noise, factor, generator)).abs() / torch.fft.rfft(noise).abs()
    frequency = torch.linspace(0, factor, gain.shape[1])  # in kept bands
    assert gain[:, frequency < EDGES[0] - WIDTH - 0.01].sub(1).abs().max() < 1e-2
    assert gain[:, frequency > EDGES[-1] + WIDTH + 0.01].max() < 1e-2
    halved = frequency[(gain > 0.5).sum(dim=1) - 1]
    assert (halved > EDGES[0] - 0.02).all() and (halved < EDGES[-1] + 0.02).all() and halved.std() > 0.01


def test_noise_has_a_level_and_a_slope(generator):
    sounds = [coloured_noise(8192, generator) for _ in range(8)]
    assert all(sound.std().item() == pytest.approx(1, rel=1e-3) for sound in sounds)
    tilts = [(torch.fft.rfft(s)[2048:].abs().mean() / torch.fft.rfft(s)[:2048].abs().mean()).item() for s in sounds]
    assert min(tilts) < 0.7 and max(tilts) > 1.4


@pytest.mark.slow
def test_it_learns_to_hear_aliases(generator):
    objective = AliasingObjective()
    torch.manual_seed(0)
    model = objective.build({"hidden": 8})
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        loss, _ = objective.loss(model, 0.1 * torch.randn(6, 8192, generator=generator), generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])
    figures = objective.validate(model, [torch.randn(1, 8192, generator=generator) for _ in range(4)], generator)
    assert set(figures) == {f"{kind}_{factor}_right_percent" for kind in ("plain", "lowpass") for factor in (2, 4)}
