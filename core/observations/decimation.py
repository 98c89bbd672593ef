"""Decimation: every k-th sample was kept, the others are unknown (PnF, Jayaram & Thickstun 2021, sec. 4.3)."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from core.observations.masked import misfit
from core.signal.companding import Domain
from core.signal.interpolation import spline
from core.types import Condition, Observation


@dataclass(frozen=True, eq=False)
class Decimation(Observation):
    """Keeps samples 0, k, 2k, ...

    Args:
        factor: k, at least 2.
        kept: the known samples, in the prior's domain, [batch, ceil(frames / k)].
        frames: length of what is wanted.
    """

    factor: int
    kept: Tensor
    frames: int
    domain: Domain

    def forward(self, x: Tensor) -> Tensor:
        """A x: the samples that are kept."""
        return x[:, :: self.factor]

    def adjoint(self, kept: Tensor) -> Tensor:
        """A* y: zeros between the kept samples."""
        x = kept.new_zeros(len(kept), self.frames)
        x[:, :: self.factor] = kept
        return x

    def initialise(self, generator: Generator) -> Tensor:
        """The spline through the kept samples: a warm start."""
        return self.project(self.domain.encode(self._spline().clamp(-1, 1)))

    def condition(self) -> Condition:
        """The spline, and the kept samples with zeros between, times k (every alias at its place and height)."""
        known = self.adjoint(self.domain.decode(self.kept)) * self.factor
        return Condition(self._spline(), known, self.adjoint(torch.ones_like(self.kept)))

    def project(self, x: Tensor) -> Tensor:
        """Puts the known samples back: they are evidence, not opinion."""
        x = x.clone()
        x[:, :: self.factor] = self.kept
        return x

    def residual(self, denoised: Tensor) -> float:
        """Root mean square distance of the estimate, before projection, to the known samples."""
        return misfit(self.domain.decode(self.forward(denoised)) - self.domain.decode(self.kept))

    def _spline(self) -> Tensor:
        rows = self.domain.decode(self.kept).double().cpu().numpy()
        splines = [torch.from_numpy(spline(row, self.factor, self.frames)) for row in rows]
        return torch.stack(splines).to(self.kept)
