"""Clipping: samples inside the threshold are known, of the clipped ones only that they lie beyond it."""

import torch
from torch import Generator, Tensor

from core.observations.masked import Masked
from core.signal.companding import Domain
from core.types import Condition


class Clipping(Masked):
    """A clipped waveform: hard evidence inside, one-sided evidence outside.

    Args:
        observed: in the prior's domain, [batch, frames].
        high, low: True where the waveform is clipped at the top and at the bottom; what is observed there is a bound.
    """

    def __init__(self, observed: Tensor, high: Tensor, low: Tensor, domain: Domain):
        super().__init__(observed, ~(high | low), domain)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "low", low)

    def initialise(self, generator: Generator) -> Tensor:
        """The clipped waveform itself, which agrees with all that is known."""
        return self.observed.clone()

    def condition(self) -> Condition:
        """The clipped waveform, and its unclipped samples with zeros between them."""
        waveform = self.domain.decode(self.observed)
        return Condition(waveform, waveform * self.mask, self.mask.to(waveform.dtype))

    def project(self, x: Tensor) -> Tensor:
        """Known samples back; clipped ones no nearer to zero than the threshold (in any domain: they are monotone)."""
        beyond = torch.maximum(x, self.observed).where(self.high, torch.minimum(x, self.observed))
        return self.observed.where(self.mask, beyond)
