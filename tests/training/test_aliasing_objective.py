"""Objective of the alias detector: its filters and its noise are what they say, and it learns."""

import pytest
import torch

from core.training.objectives.aliasing import (
    EDGES,
    FOLDED,
    WIDTH,
    AliasingObjective,
    behind_filters,
    coloured_noise,
    filter_responses,
    shaped_noise,
)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("factor", [2, 4])
def test_filters_fall_where_they_should_or_droop_as_means_do(factor, generator):
    frequency = torch.linspace(0, factor, 4097)  # in kept bands
    responses = filter_responses(frequency, 200, generator)
    droops = responses[:, 2048 // factor] < 0.985  # at half the kept band
    assert 0.15 < droops.float().mean() < 0.35
    falls = responses[~droops]
    assert falls[:, frequency < EDGES[0] - WIDTH - 0.01].sub(1).abs().max() < 1e-5
    assert falls[:, frequency > EDGES[-1] + WIDTH + 0.01].abs().max() < 1e-5
    halved = frequency[(falls > 0.5).sum(dim=1) - 1]
    assert (halved > EDGES[0] - 0.02).all() and (halved < EDGES[-1] + 0.02).all() and halved.std() > 0.01


def test_what_gentle_filters_leave_is_plain_as_far_as_the_upper_bands_come_through(generator):
    noise = torch.randn(60, 8192, generator=generator)
    filtered, plain = behind_filters(noise, 2, generator)
    spectra = [torch.fft.rfft(x)[:, 2049:].abs().square().sum(dim=1) for x in (filtered, noise)]
    share = spectra[0] / spectra[1]
    assert plain[share < FOLDED[0] - 0.001].eq(0).all() and plain[share > FOLDED[1] + 0.001].eq(1).all()
    order = share.argsort()
    assert (plain[order].diff() >= 0).all() and 0 < plain.mean() < 0.5


def test_noise_of_codecs_follows_the_spectrum(generator):
    sound = torch.randn(1, 8192, generator=generator)
    sound = torch.fft.irfft(torch.fft.rfft(sound) * torch.linspace(1, 0, 4097) ** 2, n=8192)
    made = shaped_noise(torch.randn(1, 8192, generator=generator), sound)
    assert made.std().item() == pytest.approx(sound.std().item(), rel=0.1)
    lower, upper = (torch.fft.rfft(made)[0, part].abs().square().mean() for part in (slice(0, 800), slice(3000, 3800)))
    assert upper < 0.02 * lower
    torch.testing.assert_close(shaped_noise(sound, 3 * sound).std(), 3 * shaped_noise(sound, sound).std())


def test_noise_has_a_level_and_a_slope(generator):
    sounds = [coloured_noise(8192, generator) for _ in range(8)]
    assert all(sound.std().item() == pytest.approx(1, rel=1e-3) for sound in sounds)
    tilts = [(torch.fft.rfft(s)[2048:].abs().mean() / torch.fft.rfft(s)[:2048].abs().mean()).item() for s in sounds]
    assert min(tilts) < 0.7 and max(tilts) > 1.4


@pytest.mark.slow
def test_it_learns_to_hear_aliases(generator):
    objective = AliasingObjective()
    torch.manual_seed(0)
    model = objective.build({"channels": [4, 8, 8, 8], "hidden": 8})
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
