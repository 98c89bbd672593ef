"""Gaps: everything outside some intervals is known (PnF, Jayaram & Thickstun 2021, sec. 4.4)."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from core.observations.masked import Masked
from core.signal.companding import Domain
from core.signal.interpolation import fill_gaps, interpolate_gap
from core.types import Condition


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
        object.__setattr__(self, "gaps", tuple(gaps))
        object.__setattr__(self, "_filled", self._interpolation())

    def initialise(self, generator: Generator) -> Tensor:
        """The gaps filled by autoregressive interpolation."""
        return self.project(self.domain.encode(self._filled.clamp(-1, 1)))

    def condition(self) -> Condition:
        """The autoregressive interpolation, and the known samples with silence in the gaps."""
        known = self.domain.decode(self.observed) * self.mask
        return Condition(self._filled, known, self.mask.to(known.dtype))

    def _interpolation(self) -> Tensor:
        rows = self.domain.decode(self.observed).double().cpu().numpy()
        filled = [torch.from_numpy(fill_gaps(row, list(self.gaps), interpolate_gap)) for row in rows]
        return torch.stack(filled).to(self.observed)
