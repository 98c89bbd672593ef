"""Mixtures: the sources add up to what was measured (PnF, Jayaram & Thickstun 2021, sec. 4.2).

`Mixture` pulls the sources towards their sum, softly, as the original does. `Remainder` makes the sum exact: the last
source is what the others leave, and only these are sampled (the Dirac likelihood of Mariani et al. 2024). `SharedSum`
makes it exact, too, for priors that look at the mixture themselves: what their estimates miss is shared out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from core.observations.masked import misfit
from core.signal.companding import Linear, Waveform
from core.types import Condition, MixtureCondition, Observation, Prior, Score

ORIGINAL_STRENGTH = 15.0  # PnF: gamma = 15 / sigma^2


@dataclass(frozen=True, eq=False)
class Mixture(Observation):
    """y = sum of gain_i * source_i, as soft evidence. Rows of x: channel after channel, in each source after source.

    Args:
        observed: the waveform y, [channels, frames].
        gains: of the sources.
        domain: of x; its zero and unit say how x adds up.
        strength: gamma * level^2, with gamma in units of x. An update of step eta = s * level^2 moves x by s * strength
            times the misfit: over 2 / sum(gain^2) it overshoots for good.
    """

    observed: Tensor
    gains: tuple[float, ...]
    domain: Waveform | Linear
    strength: float = ORIGINAL_STRENGTH

    def forward(self, waveforms: Tensor) -> Tensor:
        """A w: the mixture of the sources, [channels, frames]."""
        sources = waveforms.view(-1, len(self.gains), waveforms.shape[-1])
        return torch.einsum("csf,s->cf", sources, sources.new_tensor(self.gains))

    def adjoint(self, mixture: Tensor) -> Tensor:
        """A* y: every source gets y times its gain."""
        return (mixture[:, None] * mixture.new_tensor(self.gains)[:, None]).flatten(0, 1)

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
    """The same mixture for priors that are shown it: each answers with what it hears in it, and the sources are moved
    onto the sum by least squares. A remainder would count the mixture once for every prior."""

    def condition(self) -> MixtureCondition:
        return MixtureCondition(self.observed, self.gains)

    def gradient(self, x: Tensor, level: float) -> Tensor:
        """Nothing: the sum is hard evidence."""
        return torch.zeros_like(x)

    def project(self, x: Tensor) -> Tensor:
        """The nearest sources that add up to the mixture."""
        return x + self.adjoint(self._misfit(x)) * (self.domain.unit / sum(g**2 for g in self.gains))


class Remains(Observation):
    """What a `Remainder` leaves for a sampler to know: nothing but the misfit."""

    def __init__(self, remainder: "Remainder"):
        self.domain, self.missed = remainder.domain, 0.0

    def residual(self, denoised: Tensor) -> float:
        """Root mean square by which what the priors last heard, each for itself, does not add up to the mixture."""
        return self.missed


class Remainder:
    """The posterior of all sources but the last, given their exact mixture; a prior for any sampler.

    log p(x_1, ..., x_N-1 | y) = sum of log p_i(x_i) + log p_N((y - gain_1 x_1 - ...) / gain_N) up to a constant. Rows
    of x: channel after channel, in each source after source, without the last.

    Args:
        prior: over all sources, row r of x being source r modulo their number.
        observed: the mixture as a waveform, [channels, frames].
        gains: of the sources.
        sharpness: the posterior is raised to this power: over 1, likely sources become likelier.

    Attributes:
        observation: for samplers.
    """

    def __init__(self, prior: Prior, observed: Tensor, gains: Sequence[float], sharpness: float = 1.0):
        self.prior, self.observed, self.gains, self.sharpness = prior, observed, tuple(gains), sharpness
        self.name, self.sample_rate, self.domain, self.rms = prior.name, prior.sample_rate, prior.domain, prior.rms
        self.levels, self.start_level, self.device = prior.levels, prior.start_level, prior.device
        self.receptive_field = prior.receptive_field
        self.observation = Remains(self)

    def encode(self, waveform: Tensor) -> Tensor:
        return self.prior.encode(waveform)

    def decode(self, x: Tensor) -> Tensor:
        return self.prior.decode(x)

    def complete(self, x: Tensor) -> Tensor:
        """All sources: the last one put behind the others of its channel, [... * sources, frames]."""
        *free_gains, last_gain = self.gains
        free = x.view(-1, len(self.observed), len(free_gains), x.shape[-1])
        taken = torch.einsum("dcsf,s->dcf", free - self.domain.zero, free.new_tensor(free_gains))
        last = (self.observed.to(x) * self.domain.unit - taken) / last_gain + self.domain.zero
        return torch.cat([free, last[:, :, None]], dim=2).flatten(0, 2)

    def score(self, x: Tensor, level: float, condition: Condition | None = None) -> Score:
        """s_i(x_i) - gain_i / gain_N * s_N(x_N), sharpened; the density is that of all sources of the channel."""
        *free_gains, last_gain = self.gains
        score = self.prior.score(self.complete(x), level)
        own = score.gradient.view(-1, len(self.gains), x.shape[-1])
        heard_more = torch.einsum("csf,s->cf", own, own.new_tensor(self.gains)) * (level**2 / self.domain.unit)
        self.observation.missed = misfit(heard_more)
        ratio = own.new_tensor(free_gains)[:, None] / last_gain
        log_prob = score.log_prob
        if log_prob is not None:
            log_prob = self.sharpness * log_prob.view(-1, len(self.gains)).sum(dim=1).repeat_interleave(len(free_gains))
        return Score(self.sharpness * (own[:, :-1] - ratio * own[:, -1:]).flatten(0, 1), log_prob)

    def denoise(self, x: Tensor, level: float, condition: Condition | None = None) -> Tensor:
        """Expected clean x: x + level^2 * gradient (Tweedie)."""
        return x + level**2 * self.score(x, level).gradient

    def estimate(self, condition: Condition) -> None:
        """Nobody has looked at evidence about several sources."""
        return None
