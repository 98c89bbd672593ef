"""PixelCNN++ as a prior of images (PnF, Jayaram & Thickstun 2021): x is `[batch, colours, height, width]` in [-1, 1].

A ladder has a network for each noise level, and one without noise, level 0, whose likelihood is the data's own.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from core.models.logistic_mixture import log_prob, smoothed_log_prob
from core.models.pixelcnnpp import PixelCNNPP, PixelCNNPPConfig
from core.signal.images import SignedPixels
from core.types import AnyCondition, Prior, Score

LEVELS = tuple(0.01 ** (n / 18) for n in range(19))  # of a single network: PnF's, 1 to 0.01
POINTS = 64  # of the grid that a colour is smoothed over


class PixelCNNPPPrior(Prior):
    """What the networks know about images, by the noise levels that each was trained at; 0 for none."""

    sample_rate, rms, domain, autoregressive = 0, 1.0, SignedPixels(), True

    def __init__(self, name: str, networks: Mapping[float, PixelCNNPP], points: int = POINTS):
        self.name, self.networks, self.points = name, dict(networks), points
        self.levels = tuple(sorted((level for level in networks if level), reverse=True)) or LEVELS
        self.start_level = self.levels[0]
        for network in networks.values():
            network.eval().requires_grad_(False)
        self.device = next(next(iter(networks.values())).parameters()).device

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        """Gradient of the smoothed log-likelihood of x, and its value `[batch]` in nats, by the nearest level's
        network."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            log_probs = smoothed_log_prob(self._nearest(level)(x), x, level, self.points).flatten(1).sum(dim=1)
            (gradient,) = torch.autograd.grad(log_probs.sum(), x)
        return Score(gradient, log_probs.detach())

    @property
    def clean(self) -> PixelCNNPP:
        """The network without noise, where there is one; else that of the least."""
        return self.networks[min(self.networks)]

    @torch.no_grad()
    def bits_per_dimension(self, x: Tensor) -> float:
        """Of clean images."""
        return -log_prob(self.clean(x), x).sum().item() / (x.numel() * math.log(2))

    def _nearest(self, level: float) -> PixelCNNPP:
        """The network whose level is nearest in ratio."""
        if len(self.networks) == 1:
            return next(iter(self.networks.values()))
        return self.networks[min(self.levels, key=lambda own: max(own, level) / min(own, level))]


def from_checkpoint(
    name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str
) -> PixelCNNPPPrior:
    """A prior from a checkpoint's configuration (the network's sizes) and weights; keys that start with "<level>/" make
    a ladder."""
    sizes = {key: value for key, value in config.items() if key in PixelCNNPPConfig.__dataclass_fields__}
    levels: dict[float, dict[str, Tensor]] = {}
    for key, weight in state.items():
        level, _, own = key.rpartition("/")
        levels.setdefault(float(level or 0), {})[own] = weight
    networks = {}
    for level, weights in levels.items():
        networks[level] = PixelCNNPP(PixelCNNPPConfig(**sizes))
        networks[level].load_state_dict(weights)
        networks[level].to(device)
    return PixelCNNPPPrior(name, networks)
