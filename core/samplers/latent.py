"""Two sources are drawn code by code so that the sums of their codes are the mixture's (Mancusi et al. 2021, sec. 3.2).

Both priors say what each of the next codes is worth, the codes of their sums how well a pair explains the mixture:
log p(a, b) = log p0(a) + log p1(b) - |k(a, b) - m|^2 / (2 sigma^2), up to a constant, with the code k(a, b) of the sum
and the mixture's m; or with what both codes add to how the mixture is heard (`core.samplers.summed_parts`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from core.errors import InputError
from core.models.categorical import pick
from core.models.code_sums import CodeSums
from core.models.transformer import TransformerSteps
from core.samplers.code_pairs import CodePairs, chance_left
from core.samplers.particles import FEW, effective_share, resampled
from core.types import Iterate

CHUNK = 64  # codes between two iterates: a fifth of a second at 22.05 kHz
NEAREST = 8  # codes whose pairs are looked at first
AT_ONCE = 2**22  # near pairs of all chains together
FEW_PAIRS = 1 / 8  # share of all pairs up to which some are looked for


class JointPosterior(CodePairs):
    """Pairs by how near the code of their sum is to the mixture's.

    Args:
        sums: of the codebook's codes, with the shares that the sources have in the mixture.
        sigma: how far from the mixture's code that of a sum may be, in the codebook's units.
        priors, codebook, settings: see `CodePairs`.

    Raises:
        InputError: priors or sums of another codebook.
    """

    def __init__(
        self,
        priors: tuple[TransformerSteps, TransformerSteps],
        codebook: Tensor,
        sums: CodeSums,
        *,
        sigma: float,
        **settings,
    ):
        super().__init__(priors, codebook, **settings)
        if sums.classes != len(codebook):
            raise InputError(f"These are sums of {sums.classes} codes, not of {len(codebook)}; make them anew.")
        self.sums, self.sigma = sums, sigma

    def of_codes(self) -> Tensor:
        """Log-likelihoods of the next sum's code, `[classes]`."""
        distances = (self.codebook - self.mixture[self.codes.shape[2]]).norm(dim=-1)
        return -distances.square() / (2 * self.sigma**2)

    def of_pairs(self) -> Tensor:
        return self.of_codes()[self.sums.table.t().long()][None]

    def of_pairs_drawn(self, first: Tensor, second: Tensor) -> Tensor:
        return self.of_codes()[self.sums.table[first, second].long()]


def typical_distance(codebook: Tensor) -> float:
    """Root mean square distance of a code to the one nearest to it: the unit that `sigma` can be thought of in."""
    distances = torch.cdist(codebook, codebook).fill_diagonal_(math.inf)
    return distances.amin(dim=1).square().mean().sqrt().item()


class NearPairs(JointPosterior):
    """The same draw, of the pairs alone whose sums are near the mixture, where those are few.

    Pairs are looked at from those on that explain the mixture best, until all others together have at most a share
    `bound` of the probability: the share of draws that can differ from those of all pairs, with the same random
    numbers. Where the mixture says so little that most pairs matter, one chain at a time looks at all of them, exactly.
    """

    def __init__(self, *arguments, bound: float = 1e-3, **settings):
        super().__init__(*arguments, **settings)
        self.bound = bound
        by_pair = self.sums.table.t().flatten()
        self._by_sum = by_pair.argsort(stable=True)  # numbers of pairs
        self._counts = by_pair.long().bincount(minlength=self.classes)
        self._groups = self._by_sum.split(self._counts.tolist())

    def draw_pairs(self, uniforms: Tensor, top_k: int | None = None) -> tuple[Tensor, Tensor]:
        """As of all pairs, but that the mixture's probability is that of the pairs which are looked at.

        Raises:
            InputError: only so many of all pairs are asked for, which these may not be.
        """
        if top_k is not None:
            raise InputError("Only where all pairs are looked at are the likeliest known; leave their number out.")
        likelihoods, order = self.of_codes().sort(descending=True)
        sizes, count = self._counts[order].cumsum(0).tolist(), min(NEAREST, self.classes)
        rows = torch.arange(self.streams, device=order.device)  # chains whose bound is not reached
        drawn, evidence = torch.empty_like(rows), likelihoods.new_full((self.streams,), -math.inf)
        while len(rows) and sizes[count - 1] <= FEW_PAIRS * self.classes**2:
            if sizes[count - 1]:
                pairs, likelihood = self._pairs(order[:count], likelihoods[:count])
                for part in rows.split(max(1, AT_ONCE // len(pairs))):
                    drawn[part], evidence[part] = self._draw(pairs, likelihood, part, uniforms[part])
            rows = rows[likelihoods[count] - evidence[rows] > math.log(self.bound)]
            count = min(2 * count, self.classes)
        if len(rows):
            of_pairs = self.of_pairs()[0]
            for row in rows.tolist():
                drawn[row], evidence[row] = self._draw_of_all(of_pairs, row, uniforms[row])
        return drawn, evidence

    def _pairs(self, codes: Tensor, likelihoods: Tensor) -> tuple[Tensor, Tensor]:
        """All pairs whose sums are these codes, in the order of their numbers, and their log-likelihoods."""
        pairs, by_number = torch.cat([self._groups[code] for code in codes.tolist()]).sort()
        return pairs, likelihoods.repeat_interleave(self._counts[codes])[by_number]

    def _draw(self, pairs: Tensor, likelihood: Tensor, rows: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor]:
        """One of these pairs for each of some chains, and the logarithm of their sum."""
        first, second = (own[rows] for own in self.of_priors())
        logits = first[:, pairs % self.classes] + second[:, pairs // self.classes] + likelihood
        return pairs[pick(logits, uniforms)[0].clamp_max(len(pairs) - 1)], logits.logsumexp(-1)

    def _draw_of_all(self, of_pairs: Tensor, row: int, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """One pair of all for a chain: the second source's code, then the first one's with what is left of chance."""
        first, second = (own[row] for own in self.of_priors())
        logits = of_pairs + first
        seconds = second + logits.logsumexp(-1)
        chosen = pick(seconds, uniform)[0]
        own = pick(logits[chosen], chance_left(seconds, chosen, uniform))[0]
        return chosen * self.classes + own, seconds.logsumexp(-1)


@dataclass(frozen=True)
class LatentIterate(Iterate):
    """Codes of two sources so far, `[chains, 2, steps]`, as x and denoised.

    `log_prob` is that of both sources' codes by their priors, in nats a step, `residual` the root mean square distance
    of the sums' codes to the mixture's; both are means over the chains.

    Args:
        log_probs: of each chain's two streams, `[chains, 2]`, in nats.
        log_likelihoods: of the pairs, `[chains, steps]`.
        expected: the vectors of both sources' codes, on average over the chains, `[2, steps, code width]`.
    """

    log_probs: Tensor
    log_likelihoods: Tensor
    expected: Tensor


@torch.no_grad()
def latent_posterior(
    joint: CodePairs,
    mixture: Tensor,
    *,
    generator: Generator,
    top_k: int | None = None,
    resample: bool = False,
    chunk: int = CHUNK,
) -> Iterator[LatentIterate]:
    """Draws the codes of two sources, a chunk of steps at a time, so that the beginning is heard before the end exists.

    Args:
        mixture: what pairs are compared with, `[steps, code width]`: of `JointPosterior` the vectors of its codes. Of
            any length, however short the priors' context is.
        top_k: how many of the likeliest pairs are drawn from; None: all, the only choice but of
            `JointPosterior`.
        resample: whether chains that explain the mixture badly are given up for copies of better ones on the way
            (Gordon et al. 1993), so that all are draws from the posterior; else they go their ways, as in the original.
    """
    joint.begin(mixture)
    seeds = torch.randint(2**62, (joint.streams,), generator=generator).tolist()
    randoms = [np.random.default_rng(seed) for seed in seeds]
    weights = torch.zeros(joint.streams, device=mixture.device)
    for step in range(1, len(mixture) + 1):
        uniforms = torch.tensor([random.random() for random in randoms], dtype=torch.float64, device=mixture.device)
        pairs, evidence = joint.draw_pairs(uniforms, top_k)
        joint.advance(pairs)
        weights = weights + evidence
        if resample and (step == len(mixture) or effective_share(weights) < FEW):
            joint.take(resampled(weights, torch.rand((), generator=generator).item()))
            weights = torch.zeros_like(weights)
        if step % chunk == 0 or step == len(mixture):
            yield _iterate(joint, step, len(mixture))


def _iterate(joint: CodePairs, step: int, steps: int) -> LatentIterate:
    log_prob = joint.log_probs.sum(dim=1).mean().item() / step
    squared = -2 * joint.sigma**2 * joint.log_likelihoods
    residual = math.sqrt(squared.mean().item() / joint.codebook.shape[1])
    codes = joint.codes
    shown = joint.log_probs, joint.log_likelihoods, joint.expected()
    return LatentIterate(codes, codes, 0.0, step, steps, log_prob, residual, *shown)


def pair_posterior(log_probs: Tensor, misfits: Tensor, steps: int) -> Tensor:
    """How likely any chain's first source and any chain's second source are the mixture's: the original's "rejection".

    Args:
        log_probs: of the chains' streams, `[chains, 2]`.
        misfits: squared distances of the waveforms' sums to the mixture, see `squared_misfits`.
        steps: codes of a stream.

    Returns:
        `[first, second]`, which sums to 1; its largest entry is the best pair, its sums over either dimension say how
        good each chain's source is with any other.
    """
    log_prior = pair_log_prior(log_probs, steps)
    log_prior, distances = log_prior.flatten(), misfits.flatten() / (2 * noise_variance(log_prior, misfits))
    return (log_prior.log_softmax(0) - distances).softmax(0).view_as(misfits)


def pair_log_prior(log_probs: Tensor, steps: int) -> Tensor:
    """Nats a step of all pairs of streams, `[first, second]`."""
    return (log_probs[:, None, 0] + log_probs[None, :, 1]) / steps


def noise_variance(log_prior: Tensor, misfits: Tensor) -> Tensor:
    """As all pairs together have it: what makes misfits count as much as the prior."""
    return -misfits.mean() / (2 * log_prior.mean())


def squared_misfits(first: Tensor, second: Tensor, mixture: Tensor, shares: tuple[float, float]) -> Tensor:
    """Of all pairs of waveforms `[chains, samples]` to the mixture `[samples]`: `[first, second]`."""
    missing = mixture - shares[0] * first
    return torch.stack([(rest - shares[1] * second).square().sum(dim=-1) for rest in missing])
