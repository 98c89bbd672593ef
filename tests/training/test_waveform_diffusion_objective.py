"""Objectives of waveform diffusions: the noise is learnt, recipes fit their networks, spectrograms must fit the hop."""

import math

import pytest
import torch

from core.errors import InputError
from core.training.objectives import find_objective
from core.training.recipe import load_recipe

DIFFWAVE = {"layers": 4, "cycle": 4, "residual": 8, "skip": 8, "embedding": [8, 16, 16]}
SASHIMI = {"channels": 4, "layers": 1, "pooling": [4], "embedding": [8, 8, 8], "length": 1024, "state": 4}
NOISE = {"steps": 50, "betas": [1e-4, 0.05]}
TOLD = {"bands": 80, "upsampling": [8, 16], "front_end": "resound-16k"}
BACKBONES = {"diffwave": DIFFWAVE | NOISE, "sashimi": SASHIMI | NOISE}


def made(architecture: str, **changes):
    objective = find_objective(architecture)()
    objective.sample_rate = 16000
    torch.manual_seed(0)
    return objective, objective.build(BACKBONES[architecture] | changes)


def tones(rows: int = 4, frames: int = 1024) -> torch.Tensor:
    hertz = torch.linspace(200, 400, rows)[:, None]
    return 0.5 * torch.sin(2 * math.pi * hertz * torch.arange(frames) / 16000)


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("architecture", BACKBONES)
def test_a_fresh_network_hears_no_noise(architecture):
    """Its last layer is zero, so that the error is the noise's own power."""
    objective, model = made(architecture)
    figures = objective.validate(model, [tones(1)] * 30, generator())
    assert all(abs(value) < 0.3 for value in figures.values()), "0 dB"


@pytest.mark.parametrize("architecture", BACKBONES)
@pytest.mark.parametrize("told", [{}, TOLD], ids=["alone", "mel"])
def test_training_learns_the_noise(architecture, told):
    objective, model = made(architecture, **told)
    optimizer, drawn = torch.optim.Adam(model.parameters(), lr=1e-2), generator()
    for _ in range(60):
        loss, _ = objective.loss(model, tones(), drawn)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = objective.validate(model, [tones(1)], generator())
    assert all(value < -0.5 for value in list(after.values())[2:]), after
    assert objective.sounds(model, tones(1), generator())["drawn"].shape == (1024,)


def test_what_is_told_is_heard():
    objective, model = made("diffwave", **TOLD)
    torch.nn.init.normal_(model.noise.weight)
    x, step = tones(1), torch.zeros(1)
    one, other = (model(x, step, objective._parts(gain * tones(1))[1]) for gain in (1.0, 0.01))
    assert not torch.allclose(one, other)


@pytest.mark.parametrize(
    "changes", [{"upsampling": [16, 16]}, {"bands": 40}, {"front_end": "mine"}], ids=["hop", "bands", "name"]
)
def test_spectrograms_that_do_not_fit_are_refused(changes):
    with pytest.raises(InputError, match="must be"):
        made("diffwave", **TOLD | changes)


@pytest.mark.parametrize("recipe", ["diffwave-digits", "diffwave-words", "diffwave-mel", "sashimi-digits"])
def test_recipes_fit_their_networks(recipe):
    settings = load_recipe(recipe)
    objective = find_objective(settings["architecture"])()
    objective.sample_rate = settings["sample_rate"]
    model = objective.build(settings["model"])
    loss, _ = objective.loss(model, 0.1 * torch.randn(1, 4096, generator=generator()), generator())
    assert loss.item() == pytest.approx(1, abs=0.1)


def test_kernels_of_s4_stay_whole():
    from core.training.run import _matches

    objective, model = made("sashimi")
    kept = [name for name in model.state_dict() if _matches(name, objective.float32)]
    assert kept and all(".kernel." in name for name in kept) and "centre.0.s4.kernel.log_step" in kept
