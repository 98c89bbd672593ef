"""Domains that priors live in: the waveform itself, mu-law classes (ITU-T G.711's curve), linear classes (PnF)."""

import math
from typing import Protocol

import torch
from torch import Tensor


class Domain(Protocol):
    """How a waveform in [-1, 1] becomes a prior's x, and back.

    `encode` may quantise; `decode` takes any real x, also between and outside the classes.

    Attributes:
        bounded: whether it ends at full scale.
        additive: whether sources add up to their mixture; then `zero` is x of silence, and `unit` full scale over it.
    """

    bounded: bool
    additive: bool

    def encode(self, waveform: Tensor) -> Tensor: ...

    def decode(self, x: Tensor) -> Tensor: ...


class Waveform:
    """x is the waveform."""

    bounded, additive = False, True
    zero, unit = 0.0, 1.0

    def encode(self, waveform: Tensor) -> Tensor:
        return waveform

    def decode(self, x: Tensor) -> Tensor:
        return x


class MuLaw:
    """256 classes, spaced as a logarithm: trunc((sign(w) log(1 + mu |w|) / log(1 + mu) + 1) / 2 * mu), mu = 255.

    0.0 becomes class 127, and only w = 1 becomes 255 (truncation, as PnF has it).
    """

    bounded, additive = True, False
    mu = 255

    def encode(self, waveform: Tensor) -> Tensor:
        y = waveform.sign() * torch.log1p(self.mu * waveform.abs()) / math.log1p(self.mu)
        return ((y + 1) / 2 * self.mu).trunc()

    def decode(self, x: Tensor) -> Tensor:
        y = 2 * x / self.mu - 1
        return y.sign() / self.mu * ((1 + self.mu) ** y.abs() - 1)


class MuLawBins(MuLaw):
    """Classes between evenly spaced edges of the mu-law curve with mu = 255, whatever their number is.

    As WaveNet replications have it: class k holds the curve from k / levels on, and is decoded as k / (levels - 1).
    """

    def __init__(self, levels: int = 256):
        self.levels = levels

    def curve(self, waveform: Tensor) -> Tensor:
        """sign(w) log(1 + mu |w|) / log(1 + mu), in [-1, 1]."""
        return waveform.sign() * torch.log1p(self.mu * waveform.abs()) / math.log1p(self.mu)

    def inverse(self, y: Tensor) -> Tensor:
        """The waveform of a point of the curve."""
        return y.sign() * ((1 + self.mu) ** y.abs() - 1) / self.mu

    def bins(self, share: Tensor) -> Tensor:
        """Classes of what lies in [0, 1], int64: the last edge that is not over it; -1 under the first."""
        edges = torch.arange(self.levels, dtype=torch.float64, device=share.device) / self.levels
        return torch.bucketize(share.double(), edges, right=True) - 1

    def encode(self, waveform: Tensor) -> Tensor:
        return self.bins((self.curve(waveform) + 1) / 2).to(waveform.dtype)

    def decode(self, x: Tensor) -> Tensor:
        return self.inverse(2 * x / (self.levels - 1) - 1)


class Linear:
    """256 classes, evenly spaced: code = round_half_even((w + 1) * 255 / 2)."""

    bounded, additive = True, True
    zero, unit = 127.5, 127.5

    def encode(self, waveform: Tensor) -> Tensor:
        return ((waveform + 1) * 255 / 2).round()

    def decode(self, x: Tensor) -> Tensor:
        return x * 2 / 255 - 1


DOMAINS: dict[str, type[Domain]] = {"mu-law": MuLaw, "linear": Linear}  # of classes
