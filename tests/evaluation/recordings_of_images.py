"""A recording in the form of the goldens of PixelCNN++, made with our own code: other sizes, levels and steps."""

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.models.logistic_mixture import grid_log_prob, log_prob, smoothed_log_prob
from core.models.pixelcnnpp import PixelCNNPP, PixelCNNPPConfig
from core.priors.pixelcnnpp import PixelCNNPPPrior
from tests.originals import pixelcnnpp_state

LEVELS, STEPS, RATE, SIZE = (0.4, 0.1), 2, 2e-6, (3, 4, 8)
CLEAN, NOISY = "pcnn_lr.0.00040_nr-resnet1_nr-filters4_7.pth", "pcnn_input_sigma:{:.5f}_lr:0.00040_nr-resnet1_9.pth"


def record_pixelcnnpp(folder: Path) -> None:
    """A network without noise, two that are trained at a level, and runs of three tasks over these."""
    folder.mkdir(parents=True)
    (folder / "README.md").touch()
    torch.manual_seed(0)
    networks = {level: PixelCNNPP(PixelCNNPPConfig(1, 4, 2)).eval().requires_grad_(False) for level in (0.0, *LEVELS)}
    for level, network in networks.items():
        name = NOISY.format(level) if level else CLEAN
        torch.save(pixelcnnpp_state(network, "" if level else "module."), folder / name)
    (folder / "config.json").write_text(json.dumps({"cfg": {"T": STEPS, "lr": RATE, "sigmas": LEVELS}}))
    ladder = PixelCNNPPPrior("", {level: network for level, network in networks.items() if level})
    inputs, expected = {"x": torch.rand(2, *SIZE) * 2 - 1}, {}
    expected |= _likelihoods(networks[0.0], inputs["x"])
    for record in (_separated, _restored):
        taken, made = record(ladder)
        inputs |= taken
        expected |= made
    for kind, arrays in (("inputs", inputs), ("expected", expected)):
        np.savez(folder / f"{kind}.npz", **{name: np.asarray(array) for name, array in arrays.items()})


def _likelihoods(network: PixelCNNPP, x: Tensor) -> dict[str, Tensor]:
    out = network(x)
    loss = -log_prob(out, x).sum()
    grid = -grid_log_prob(out, x, 9)[:, :1].permute(0, 1, 3, 4, 2)
    smoothed = {f"smoothed_nll_sigma{level}": -smoothed_log_prob(out, x, level, 64) for level in (0.2, 0.05)}
    bits = loss / (x.numel() * math.log(2))
    return {"out": out, "out_sample_flag": out, "loss": loss, "bits_per_dim": bits, "nll_grid_h9": grid, **smoothed}


def _separated(prior: PixelCNNPPPrior) -> tuple[dict, dict]:
    """As the original writes it, both images at once."""
    x0, x1, mixed = torch.rand(3, 2, *SIZE) * 2 - 1
    noise = torch.randn(len(LEVELS), STEPS, 2, 2, *SIZE)
    taken = {"sep_x0": x0, "sep_x1": x1, "sep_mixed": mixed, "sep_noise": noise}
    made = {f"sep_first_grad{n}": prior.score(x, LEVELS[0]).gradient for n, x in enumerate((x0, x1))}
    states = []
    for level, noises in zip(LEVELS, noise, strict=True):
        eta, gamma = RATE * (level / 0.01) ** 2, 1 / level**2
        for n0, n1 in noises:
            g0, g1 = (prior.score(x, level).gradient for x in (x0, x1))
            x0 = x0 + eta * (g0 - gamma * (x0 + x1 - mixed)) + math.sqrt(2 * eta) * n0
            x1 = x1 + eta * (g1 - gamma * (x0 + x1 - mixed)) + math.sqrt(2 * eta) * n1
            states.append(torch.stack([x0, x1]))
    return taken, made | {"sep_trajectory": torch.stack(states)}


def _restored(prior: PixelCNNPPPrior) -> tuple[dict, dict]:
    decimated, framed = torch.ones(4, 8, dtype=torch.bool), torch.zeros(4, 8, dtype=torch.bool)
    decimated[::2, ::2] = False
    framed[1:3, 2:6] = True
    taken, made = {}, {}
    for run, unknown in (("super", decimated), ("inpaint", framed)):
        truth, start, noise = torch.rand(2, *SIZE) * 2 - 1, torch.randn(2, *SIZE), torch.randn(2, STEPS, 2, *SIZE)
        x, states = start.where(unknown, truth), []
        for level, noises in zip(LEVELS, noise, strict=True):
            eta = RATE * (level / 0.01) ** 2
            for own in noises:
                x = x + unknown * (eta * prior.score(x, level).gradient + math.sqrt(2 * eta) * own)
                states.append(x)
        taken |= {f"{run}_gt": truth, f"{run}_init_noise": start, f"{run}_noise": noise}
        made[f"{run}_trajectory"] = torch.stack(states)
    return taken, made
