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


class Linear:
    """256 classes, evenly spaced: code = round_half_even((w + 1) * 255 / 2)."""

    bounded, additive = True, True
    zero, unit = 127.5, 127.5

    def encode(self, waveform: Tensor) -> Tensor:
        return ((waveform + 1) * 255 / 2).round()

    def decode(self, x: Tensor) -> Tensor:
        return x * 2 / 255 - 1


DOMAINS: dict[str, type[Domain]] = {"mu-law": MuLaw, "linear": Linear}  # of classes
