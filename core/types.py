"""The few types that everything speaks: prior, observation, condition, score, iterate.

A prior says what audio sounds like, an observation says what was measured, a sampler draws audio that
agrees with both. Tensors are `[batch, frames]` in the prior's own domain (`x`) unless they are called a
waveform: samples in [-1, 1].
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from core.signal.companding import Domain
from core.signal.mel import MelFrontEnd


@dataclass(frozen=True)
class Condition:
    """The evidence in a form that a network can look at: waveforms of one shape, `[batch, frames]`.

    Args:
        interpolation: what the simplest method makes of the evidence (a spline, a linear prediction, ...).
        known: the known samples with zeros between them, divided by the share of samples that is known, so that
            in its spectrum every alias stands at its true place and height. All zeros where no sample is known exactly.
        mask: 1 where a sample is known exactly, 0 elsewhere.
        estimate: the best that is made of all this in one step, once a prior has been asked for it.
        guesses: of gaps, further linear predictions (from both sides, forward, backward), `[3, batch, frames]`.
    """

    interpolation: Tensor
    known: Tensor
    mask: Tensor
    estimate: Tensor | None = None
    guesses: Tensor | None = None


@dataclass(frozen=True)
class MelCondition:
    """A mel spectrogram for a network's eyes.

    Args:
        mel: normalised as the prior was trained, `[batch, bands, padding + frames + padding]`.
        hop_length: samples of a frame.
        padding: frames of context at each end.
    """

    mel: Tensor
    hop_length: int
    padding: int

    def window(self, first: int, last: int) -> "MelCondition":
        """Of the frames first to last (exclusive), counted without padding; the padding is what stands around them."""
        return MelCondition(self.mel[..., first : last + 2 * self.padding], self.hop_length, self.padding)


@dataclass(frozen=True)
class MixtureCondition:
    """A mixture for the eyes of networks that look for their own kind of sound in it.

    Args:
        mixture: `[batch, frames]`, a waveform at the priors' level.
        gains: with which the sources are in it; nothing for one that is heard as it is.
    """

    mixture: Tensor
    gains: tuple[float, ...] = ()

    def of_source(self, number: int) -> "MixtureCondition":
        """As loud as it is beside that source alone."""
        return MixtureCondition(self.mixture / self.gains[number]) if self.gains else self


@dataclass(frozen=True)
class Score:
    """gradient: of log p at one noise level, x's shape. log_prob: `[batch]`, None where the model has no density."""

    gradient: Tensor
    log_prob: Tensor | None = None


class Prior(Protocol):
    """What audio sounds like.

    `levels` is the noise ladder, coarse to fine: standard deviations in the units of x.
    """

    name: str
    sample_rate: int
    levels: Sequence[float]
    domain: Domain
    rms: float
    """Root mean square level at which it knows audio; tasks bring waveforms to it and back."""
    start_level: float
    """Where a chain starts that has something to start from."""
    device: torch.device
    receptive_field: int
    """Earlier samples that a causal prior looks at; 0 for one that is not causal."""
    front_end: MelFrontEnd | None
    """Of the mel spectrograms that it is told; None for one that is told none."""
    hears_mixtures: bool
    """Whether it was trained to hear its own kind of sound in a mixture that it is shown."""

    def encode(self, waveform: Tensor) -> Tensor:
        """The waveform in the prior's own domain."""

    def decode(self, x: Tensor) -> Tensor:
        """The waveform that x stands for."""

    def score(self, x: Tensor, level: float, condition: Condition | None = None) -> Score:
        """Gradient of the log-density of x = clean + level * noise."""

    def denoise(self, x: Tensor, level: float, condition: Condition | None = None) -> Tensor:
        """Expected clean x: x + level^2 * gradient (Tweedie)."""

    def estimate(self, condition: Condition) -> Tensor | None:
        """A one-step estimate of the waveform from the evidence alone; None where the prior cannot look at evidence."""


class Observation:
    """What was measured. The defaults say: nothing was.

    Hard evidence overrides `project`, soft evidence `gradient`; x and kept samples are in `domain`.
    """

    domain: Domain

    def initialise(self, generator: Generator) -> Tensor:
        """A start for the chain that agrees with the evidence, `[batch, frames]`."""
        raise TypeError(f"{type(self).__name__} measures nothing that a chain could start from.")

    def condition(self) -> Condition | MixtureCondition | None:
        """The evidence for a network's eyes, or None."""
        return None

    def expecting(self, estimate: Tensor) -> "Observation":
        """The same evidence, knowing what a prior made of it in one step, a waveform `[batch, frames]`."""
        return self

    def gradient(self, x: Tensor, level: float) -> Tensor:
        """Of log p(observation | x)."""
        return x.new_zeros(x.shape)

    def project(self, x: Tensor) -> Tensor:
        """The nearest x that agrees with the hard evidence."""
        return x

    def residual(self, denoised: Tensor) -> float:
        """Root mean square misfit of a denoised x BEFORE projection, in waveform units."""
        return 0.0


@dataclass(frozen=True)
class Iterate:
    """One update of a chain: x is what the chain is, denoised what it hears in it (both in the prior's domain)."""

    x: Tensor
    denoised: Tensor
    level: float
    step: int
    total_steps: int
    log_prob: float | None
    residual: float


Sampler = Callable[..., Iterator[Iterate]]
