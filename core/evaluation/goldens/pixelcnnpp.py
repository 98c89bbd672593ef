"""PixelCNN++ of PnF's images (Jayaram & Thickstun 2021): the network, its likelihoods, whole runs of three tasks."""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from core.evaluation.parity import Check, Group
from core.evaluation.recording import Recording
from core.models.logistic_mixture import grid_log_prob, log_prob, smoothed_log_prob
from core.observations.masked import Masked
from core.observations.mixture import Mixture
from core.priors.independent import Independent
from core.priors.pixelcnnpp import POINTS, PixelCNNPPPrior, from_checkpoint
from core.samplers.pnf_images import pnf_images
from core.types import Observation, Prior
from core.zoo.importing import read_original

SYSTEM = "pixelcnnpp"
REFERENCE_LEVEL = 0.01  # at which a step is the recorded rate
DECIMATION = 2
FORWARD, LOSS, STATE = {"atol": 2e-5}, {"atol": 2e-5, "rtol": 1e-4}, {"atol": 2e-4}
GRID = "nll_grid_h"
SMOOTHED = "smoothed_nll_sigma"


class _Recorded(Recording):
    """The ladder of the folder, and its network without noise."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.settings = json.loads((folder / "config.json").read_text())["cfg"]
        self.ladder: PixelCNNPPPrior = _load(folder)
        self.single: PixelCNNPPPrior = _load(next(folder.glob("pcnn_lr*.pth")))

    def checks(self) -> Iterator[Check]:
        yield from self.likelihoods()
        yield from self.separation()
        shape = self.inputs["super_gt"].shape[-2:]
        yield from self.restored("super", _decimated(*shape))
        yield from self.restored("inpaint", _framed(*shape))

    @torch.no_grad()
    def likelihoods(self) -> Iterator[Check]:
        x, (network,) = self.input("x"), self.single.networks.values()
        outputs = network(x)
        for name in ("out", "out_sample_flag"):
            yield from self.check(name, outputs, **FORWARD)
        yield from self.check("loss", -log_prob(outputs, x).sum(), **LOSS)
        yield from self.check("bits_per_dim", self.single.bits_per_dimension(x), **LOSS)
        for name in self.expected.files:
            if name.startswith(GRID):
                log_probs = grid_log_prob(outputs, x, int(name.removeprefix(GRID)))
                first = self.expected[name].shape[1]
                yield from self.check(name, -log_probs[:, :first].permute(0, 1, 3, 4, 2), **LOSS)
            elif name.startswith(SMOOTHED):
                level = float(name.removeprefix(SMOOTHED))
                yield from self.check(name, -smoothed_log_prob(outputs, x, level, POINTS), **LOSS)

    def separation(self) -> Iterator[Check]:
        """Two sources that add up; each image is a run of its own."""
        mixed, noise = self.input("sep_mixed"), self.input("sep_noise")
        start = torch.stack([self.input("sep_x0"), self.input("sep_x1")], dim=1)  # [images, sources, ...]
        prior, domain, states = Independent([self.ladder, self.ladder]), self.ladder.domain, []
        for source, x in enumerate(start.unbind(1)):
            gradient = self.ladder.score(x, self.ladder.levels[0]).gradient
            yield from self.check(f"sep_first_grad{source}", gradient, **LOSS)
        for n, image in enumerate(mixed):
            observed = (image - 2 * domain.zero) / domain.unit
            observation = Mixture(observed[None], (1.0, 1.0), domain, strength=1.0)
            states.append(self.states(prior, observation, start[n], noise[:, :, :, n], sources=2))
        yield from self.check("sep_trajectory", torch.stack(states, dim=2), **STATE)

    def restored(self, run: str, known: Tensor) -> Iterator[Check]:
        """Some pixels are known, the others start as noise."""
        truth, start = self.input(f"{run}_gt"), self.input(f"{run}_init_noise")
        observation = Masked(truth, known.expand_as(truth), self.ladder.domain)
        states = self.states(self.ladder, observation, observation.project(start), self.input(f"{run}_noise"))
        yield from self.check(f"{run}_trajectory", states, **STATE)

    def states(self, prior: Prior, observation: Observation, start: Tensor, noise: Tensor, sources: int = 1) -> Tensor:
        """After every update, `[levels * steps, rows, ...]`."""
        draws = iter(noise.flatten(0, 1))
        settings = {"steps": self.settings["T"], "step_scale": self.settings["lr"] / REFERENCE_LEVEL**2}
        run = pnf_images(
            prior,
            observation,
            start,
            sigmas=self.ladder.levels,
            generator=lambda shape: next(draws),
            sources=sources,
            **settings,
        )
        return torch.stack([iterate.x for iterate in run])


def _decimated(height: int, width: int) -> Tensor:
    """Every so many pixels in both directions are known."""
    known = torch.zeros(height, width, dtype=torch.bool)
    known[::DECIMATION, ::DECIMATION] = True
    return known


def _framed(height: int, width: int) -> Tensor:
    """The middle is not known."""
    known = torch.ones(height, width, dtype=torch.bool)
    known[height // 4 : height - height // 4, width // 4 : width - width // 4] = False
    return known


def _load(source: Path) -> PixelCNNPPPrior:
    """As `import-checkpoint` reads it."""
    return from_checkpoint(SYSTEM, *read_original(source, SYSTEM)[1:], "cpu")


def groups(folder: Path) -> dict[str, Group]:
    """Everything stands directly in the folder."""
    return {"": lambda folder: _Recorded(folder).checks()}
