"""Gaps: everything outside some intervals is known (PnF, Jayaram & Thickstun 2021, sec. 4.4)."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from core.observations.masked import Masked
from core.signal.companding import Domain
from core.signal.linear_prediction import interpolate_gaps
from core.types import Condition

DOUBT_LEFT = 0.25  # of the interpolation's, once a network has mixed the predictions (chosen on held-out piano)


class Gap(Masked):
    """A waveform with gaps; autoregressive interpolation from both sides is what a chain starts from.

    Args:
        observed: in the prior's domain, [batch, frames]; what stands in the gaps is not looked at.
        gaps: (start, stop) in frames, sorted, not touching.
    """

    def __init__(self, observed: Tensor, gaps: Sequence[tuple[int, int]], domain: Domain):
        mask = torch.ones_like(observed, dtype=torch.bool)
        for start, stop in gaps:
            mask[:, start:stop] = False
        super().__init__(observed, mask, domain)
        made = [interpolate_gaps(row, gaps) for row in domain.decode(observed).double().cpu().numpy()]
        for name, field in {"filled": "mean", "doubt": "doubt"}.items():
            object.__setattr__(self, name, _stack([getattr(row, field) for row in made], observed))
        guesses = [
            _stack([getattr(row, field) for row in made], observed) for field in ("joint", "forward", "backward")
        ]
        object.__setattr__(self, "guesses", torch.stack(guesses))

    def initialise(self, generator: Generator) -> Tensor:
        """The gaps filled by autoregressive interpolation."""
        return self.project(self._encode(self.filled))

    def condition(self) -> Condition:
        """The autoregressive interpolation, silence in the gaps, and what either side alone foretells."""
        known = self.domain.decode(self.observed) * self.mask
        return Condition(self.filled, known, self.mask.to(known.dtype), guesses=self.guesses)

    def _encode(self, waveform: Tensor) -> Tensor:
        return self.domain.encode(waveform.clamp(-1, 1) if self.domain.bounded else waveform)


class PredictedGap(Gap):
    """A gap whose interpolation counts as soft evidence: a Gaussian around it, as wide as its doubt.

    So what the surroundings foretell is kept, and the prior decides where they leave the question open. A better
    estimate than the interpolation takes its place, trusted more.
    """

    def expecting(self, estimate: Tensor) -> "PredictedGap":
        if torch.equal(estimate, self.filled):
            return self
        better = copy.copy(self)
        object.__setattr__(better, "filled", estimate)
        object.__setattr__(better, "doubt", self.doubt * DOUBT_LEFT)
        return better

    def gradient(self, x: Tensor, level: float) -> Tensor:
        """Of the interpolation's Gaussian, widened by the level's noise."""
        trusted = self.doubt.isfinite() & ~self.mask
        doubt = self.doubt.where(trusted, 0)
        width = (self._encode(self.filled + doubt) - self._encode(self.filled - doubt)) / 2  # in the domain's units
        pull = (self._encode(self.filled) - x) / (level**2 + width**2)
        return pull.where(trusted, 0)


def _stack(rows: Sequence[np.ndarray], like: Tensor) -> Tensor:
    return torch.stack([torch.from_numpy(row) for row in rows]).to(like)
