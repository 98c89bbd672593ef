"""The posterior of sources given their exact mixture: the last one is what the others leave (Mariani et al. 2024)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.priors.wrapped import WrappedPrior
from core.types import AnyCondition, Condition, Prior, Score


class Remainder(WrappedPrior):
    """The posterior of all sources but the last, given their mixture (a Dirac likelihood); a prior for any sampler.

    log p(x_1, ..., x_N-1 | y) = sum of log p_i(x_i) + log p_N((y - gain_1 x_1 - ...) / gain_N) up to a constant. Rows
    of x: channel after channel, in each source after source, without the last.

    Args:
        prior: over all sources, row r of x being source r modulo their number.
        observed: the mixture as a waveform, [channels, frames].
        gains: of the sources.
        sharpness: the posterior is raised to this power: over 1, likely sources become likelier.
    """

    def __init__(self, prior: Prior, observed: Tensor, gains: Sequence[float], sharpness: float = 1.0):
        super().__init__(prior)
        self.observed, self.gains, self.sharpness = observed, tuple(gains), sharpness
        self.conditions = frozenset()

    def complete(self, x: Tensor) -> Tensor:
        """All sources: the last one put behind the others of its channel, [... * sources, frames]."""
        *free_gains, last_gain = self.gains
        free = x.view(-1, len(self.observed), len(free_gains), x.shape[-1])
        taken = torch.einsum("dcsf,s->dcf", free - self.domain.zero, free.new_tensor(free_gains))
        last = (self.observed.to(x) * self.domain.unit - taken) / last_gain + self.domain.zero
        return torch.cat([free, last[:, :, None]], dim=2).flatten(0, 2)

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        """s_i(x_i) - gain_i / gain_N * s_N(x_N), sharpened; the density is that of all sources of the channel.

        The residual is that of the priors' own estimates, each for itself: by how much their sum misses the mixture.
        """
        *free_gains, last_gain = self.gains
        score = self.prior.score(self.complete(x), level)
        own = score.gradient.view(-1, len(self.gains), x.shape[-1])
        missed = torch.einsum("csf,s->cf", own, own.new_tensor(self.gains)) * (level**2 / self.domain.unit)
        ratio = own.new_tensor(free_gains)[:, None] / last_gain
        log_prob = score.log_prob
        if log_prob is not None:
            log_prob = self.sharpness * log_prob.view(-1, len(self.gains)).sum(dim=1).repeat_interleave(len(free_gains))
        gradient = self.sharpness * (own[:, :-1] - ratio * own[:, -1:]).flatten(0, 1)
        return Score(gradient, log_prob, missed.square().mean().sqrt().item())

    def denoise(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Tensor:
        return x + level**2 * self.score(x, level).gradient

    def estimate(self, condition: Condition) -> None:
        """A mixture is no evidence about a single source."""
        return None
