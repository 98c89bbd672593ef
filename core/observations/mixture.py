"""Mixtures: the sources add up to what was measured (PnF, Jayaram & Thickstun 2021, sec. 4.2).

`Mixture` pulls the sources towards their sum, softly, as PnF does. `SharedSum` makes the sum exact, for priors that
look at the mixture themselves. A third way makes it exact for any prior: `core/priors/remainder.py`.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from core.observations.masked import misfit
from core.signal.companding import Linear, Waveform
from core.types import MixtureCondition, Observation

PNF_STRENGTH = 15.0  # gamma = 15 / sigma^2


@dataclass(frozen=True, eq=False)
class Mixture(Observation):
    """y = sum of gain_i * source_i, as soft evidence. Rows of x: channel after channel, in each source after source.

    Args:
        observed: the waveform y, [channels, frames]; of images, [images, colours, height, width].
        gains: of the sources.
        domain: of x; its zero and unit say how x adds up.
        strength: gamma * level^2, with gamma in units of x. An update of step eta = s * level^2 moves x by s * strength
            times the misfit: over 2 / sum(gain^2) it overshoots for good.
    """

    observed: Tensor
    gains: tuple[float, ...]
    domain: Waveform | Linear
    strength: float = PNF_STRENGTH

    def forward(self, waveforms: Tensor) -> Tensor:
        """A w: the mixture of the sources, [channels, frames]."""
        sources = waveforms.unflatten(0, (-1, len(self.gains)))
        return torch.einsum("cs...,s->c...", sources, sources.new_tensor(self.gains))

    def adjoint(self, mixture: Tensor) -> Tensor:
        """A* y: every source gets y times its gain."""
        return torch.einsum("c...,s->cs...", mixture, mixture.new_tensor(self.gains)).flatten(0, 1)

    def initialise(self, generator: Generator) -> Tensor:
        """The nearest sources to silence that add up: each has a share of the mixture."""
        return self.adjoint(self.observed) / sum(g**2 for g in self.gains) * self.domain.unit + self.domain.zero

    def gradient(self, x: Tensor, level: float) -> Tensor:
        """Of -gamma / 2 |A x - y|^2."""
        return self.adjoint(self._misfit(x)) * (self.domain.unit * self.strength / level**2)

    def residual(self, denoised: Tensor) -> float:
        return misfit(self._misfit(denoised))

    def _misfit(self, x: Tensor) -> Tensor:
        return self.observed - self.forward((x - self.domain.zero) / self.domain.unit)


class SharedSum(Mixture):
    """The same mixture for priors that look at it: each estimates its own source in it, and the estimates are moved
    onto the sum by least squares. `Remainder` would count the mixture once for every prior."""

    def condition(self) -> MixtureCondition:
        return MixtureCondition(self.observed, self.gains)

    def gradient(self, x: Tensor, level: float) -> Tensor:
        """Nothing: the sum is hard evidence."""
        return torch.zeros_like(x)

    def project(self, x: Tensor) -> Tensor:
        """The nearest sources that add up to the mixture."""
        return x + self.adjoint(self._misfit(x)) * (self.domain.unit / sum(g**2 for g in self.gains))
