"""The few types that everything speaks: prior, observation, condition, score, iterate.

A prior says what audio sounds like, an observation says what was measured, a sampler draws audio that
agrees with both. Tensors are `[batch, *event]` in the prior's own domain (`x`) unless they are called a
waveform: samples in [-1, 1], `[batch, frames]`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor

from core.models.stepwise import StepwiseModel
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
    """A mel spectrogram that a network is conditioned on.

    Args:
        mel: normalised as the prior was trained, `[batch, bands, padding + frames + padding]`.
        hop_length: samples of a frame.
        padding: frames of context at each end.
    """

    mel: Tensor
    hop_length: int
    padding: int

    def to(self, device: torch.device) -> "MelCondition":
        """On a device."""
        return replace(self, mel=self.mel.to(device))

    def window(self, first: int, last: int) -> "MelCondition":
        """Of the frames first to last (exclusive), counted without padding; the padding is what stands around them."""
        return replace(self, mel=self.mel[..., first : last + 2 * self.padding])


@dataclass(frozen=True)
class MixtureCondition:
    """A mixture for networks that estimate their own kind of sound in it.

    Args:
        mixture: `[batch, frames]`, a waveform at the priors' level.
        gains: of the sources in it; none for the mixture as one source sees it.
    """

    mixture: Tensor
    gains: tuple[float, ...] = ()

    def of_source(self, number: int) -> "MixtureCondition":
        """Scaled so that this source has a gain of one."""
        return MixtureCondition(self.mixture / self.gains[number]) if self.gains else self


@dataclass(frozen=True)
class BandCondition:
    """The band of a sound under its cut-off, for networks that make what lies over it.

    Args:
        waveform: `[batch, frames]`; what it has over the cut-off is not looked at.
        cutoff: as shares of half the rate, `[batch]`.
        noise: what the draw depends on: white, of unit variance, `[batch, frames]`.
    """

    waveform: Tensor
    cutoff: Tensor
    noise: Tensor


@dataclass(frozen=True)
class LabelCondition:
    """What a sound is to be, for priors that can be told (classifier-free guidance, Ho & Salimans 2022).

    Args:
        label, speaker: numbers, `[batch]`, counted from 1 in what the prior lists; 0 is not told.
        guidance: how far estimates go from the one of any sound towards, or over 1 beyond, that of such a sound.
    """

    label: Tensor
    speaker: Tensor
    guidance: float = 1.0


AnyCondition = BandCondition | Condition | LabelCondition | MelCondition | MixtureCondition


@dataclass(frozen=True)
class Score:
    """What a prior answers at one noise level.

    Args:
        gradient: of log p, x's shape.
        log_prob: `[batch]`; None where the model has no density.
        residual: root mean square misfit of evidence that the prior itself holds, in waveform units; None where it
            holds none.
    """

    gradient: Tensor
    log_prob: Tensor | None = None
    residual: float | None = None

    def log_prob_per_element(self, x: Tensor) -> float | None:
        """Averaged over the batch and the elements of an event of x."""
        return None if self.log_prob is None else self.log_prob.mean().item() / x[0].numel()


class Prior(ABC):
    """What audio sounds like. A prior says here what it can do; the defaults are those of the least able one.

    x is `[batch, *event]` in its domain: windows of samples `[batch, frames]`, images
    `[batch, channels, height, width]`.

    Attributes:
        name: of its checkpoint.
        sample_rate: in Hz.
        domain: where x lives; whether sources add up there.
        levels: the noise ladder, coarse to fine, standard deviations in the units of x.
        rms: root mean square level at which it knows audio; tasks bring waveforms to it and back.
        start_level: where a chain starts that has something to start from.
        conditions: the types of conditions that it takes into account; it ignores others.
        front_end: of the mel spectrograms that it is conditioned on, or that x is.
        frame_context: frames beyond each end that it sees of them.
        spectrograms: whether x is a normalised mel spectrogram, `[batch, bands, frames]`; `decode` gives log mel
            magnitudes then, which a vocoder makes a waveform of.
        labels, speakers: what it can be told, by name.
        usual_seconds: of a sound that it draws where no length is asked for.
        longest_seconds: of a sound that it can draw in one piece.
        autoregressive: whether it is an `AutoregressivePrior`.
        receptive_field: earlier samples that one sample depends on; 0 where that is not causal.
    """

    name: str
    sample_rate: int
    domain: Domain
    levels: Sequence[float]
    rms: float
    start_level: float
    device: torch.device
    conditions: frozenset[type] = frozenset()
    front_end: MelFrontEnd | None = None
    frame_context: int = 0
    spectrograms: bool = False
    labels: Sequence[str] = ()
    speakers: Sequence[str] = ()
    usual_seconds: float = 1.0
    longest_seconds: float = math.inf
    autoregressive: bool = False
    receptive_field: int = 0

    def encode(self, waveform: Tensor) -> Tensor:
        """The waveform in the prior's own domain."""
        return self.domain.encode(waveform)

    def decode(self, x: Tensor) -> Tensor:
        """The waveform that x stands for."""
        return self.domain.decode(x)

    def event(self, seconds: float) -> tuple[int, ...]:
        """The shape of one x that is to be drawn, of a sound of at least that length where it is not longer than
        `longest_seconds`."""
        return (math.ceil(seconds * self.sample_rate),)

    @abstractmethod
    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        """Gradient of the log-density of x = clean + level * noise."""

    def denoise(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Tensor:
        """Expected clean x: x + level^2 * gradient (Tweedie)."""
        return x + level**2 * self.score(x, level, condition).gradient

    def estimate(self, condition: Condition | BandCondition) -> Tensor | None:
        """A one-step estimate of the waveform from the evidence alone; None where the prior cannot look at evidence."""
        return None


class AutoregressivePrior(Prior):
    """A prior that predicts every sample, or every code of some samples, from those before it.

    Attributes:
        step_samples: of one step.
    """

    autoregressive = True
    step_samples: int = 1

    @abstractmethod
    def predict(self, x: Tensor, level: float, condition: MelCondition | None = None) -> Tensor:
        """Logits of the clean class of the sample after each of x `[batch, frames]`: `[batch, frames, classes]`."""

    @abstractmethod
    def stepwise(self, streams: int = 1) -> StepwiseModel:
        """What it draws clean sound with, step by step; it begins with a `MelCondition`'s mel, where it takes one."""


class Observation:
    """What was measured. The defaults say: nothing was.

    Hard evidence overrides `project`, soft evidence `gradient`; x and kept samples are in `domain`.

    Attributes:
        of_clean_alone: whether only clean x can be projected, such as where magnitudes are known: a chain's noise has
            magnitudes, too.
    """

    domain: Domain
    of_clean_alone: bool = False

    def initialise(self, generator: Generator) -> Tensor:
        """A start for the chain that agrees with the evidence, `[batch, *event]`."""
        raise TypeError(f"{type(self).__name__} measures nothing that a chain could start from.")

    def condition(self) -> AnyCondition | None:
        """The evidence in a form that a network can look at, or None."""
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
    """One update of a chain: x is its state, denoised the clean estimate (both in the prior's domain).

    Attributes:
        step_log_probs: of every step of what is drawn step by step, `[streams, steps]`, in nats; those that were given
            come first.
    """

    x: Tensor
    denoised: Tensor
    level: float
    step: int
    total_steps: int
    log_prob: float | None
    residual: float
    step_log_probs: Tensor | None = field(default=None, kw_only=True)


Sampler = Callable[..., Iterator[Iterate]]
