"""Two sources are drawn code by code so that the sums of their codes are the mixture's (Mancusi et al. 2021, sec. 3.2).

Both priors say what each of the next codes is worth, the codes of their sums how well a pair explains the mixture:
log p(a, b) = log p0(a) + log p1(b) - |k(a, b) - m|^2 / (2 sigma^2), up to a constant, with the code k(a, b) of the sum
and the mixture's m. A pair is a single class of a `StepwiseModel`, numbered as the original does: b * classes + a.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core.errors import InputError
from core.models.categorical import likeliest, pick
from core.models.code_sums import CodeSums
from core.models.stepwise import StepwiseModel
from core.models.transformer import TransformerSteps
from core.types import Iterate

CHUNK = 64  # codes between two iterates: a fifth of a second at 22.05 kHz
NEAREST = 8  # codes whose pairs are looked at first
AT_ONCE = 2**22  # near pairs of all chains together
FEW_PAIRS = 1 / 8  # share of all pairs up to which some are looked for
ALMOST_ONE = 1 - 1e-12
HALF = 1e-3  # by which codes may differ that were kept in half precision
FEW = 0.5  # effective share of the chains at which they are resampled


class JointPosterior(StepwiseModel):
    """The next codes of two sources, given theirs so far and the mixture; all pairs are looked at.

    Args:
        priors: of the first and of the second source, with as many streams each.
        codebook: `[classes, code width]`.
        sums: of its codes, with the shares that the sources have in the mixture.
        sigma: how far from the mixture's code that of a sum may be, in the codebook's units.
        temperature: the priors' logits are divided by it.
        top_k: of each prior, see `core.models.categorical.likeliest`.

    Raises:
        InputError: priors or sums of another codebook.

    Attributes:
        codes: those so far, `[streams, 2, steps]`.
        log_probs: of both sources' codes so far by their own priors, `[streams, 2]`, in nats.
        log_likelihoods: of the pairs so far, `[streams, steps]`.
    """

    def __init__(
        self,
        priors: tuple[TransformerSteps, TransformerSteps],
        codebook: Tensor,
        sums: CodeSums,
        *,
        sigma: float,
        temperature: float = 1.0,
        top_k: int | None = None,
    ):
        _check_codes(codebook, sums, priors)
        self.priors, self.codebook, self.sums, self.streams = priors, codebook, sums, priors[0].streams
        self.sigma, self.temperature, self.top_k = sigma, temperature, top_k
        self.classes = len(codebook)

    def begin(self, condition: Tensor | None = None) -> None:
        """Forgets the past.

        Args:
            condition: the mixture, `[steps, code width]`.
        """
        self.mixture = condition
        for prior in self.priors:
            prior.begin()
        self.codes = torch.empty(self.streams, 2, 0, dtype=torch.long, device=condition.device)
        self.log_probs = condition.new_zeros(self.streams, 2)
        self.log_likelihoods = condition.new_empty(self.streams, 0)
        self._own: tuple[Tensor, Tensor] | None = None

    def of_priors(self) -> tuple[Tensor, Tensor]:
        """Log-probabilities of each source's next code, `[streams, classes]`."""
        if self._own is None:
            logits = (likeliest(prior.logits() / self.temperature, self.top_k) for prior in self.priors)
            self._own = tuple(own.log_softmax(-1) for own in logits)
        return self._own

    def of_codes(self) -> Tensor:
        """Log-likelihoods of the next sum's code, `[classes]`."""
        distances = (self.codebook - self.mixture[self.codes.shape[2]]).norm(dim=-1)
        return -distances.square() / (2 * self.sigma**2)

    def of_pairs(self) -> Tensor:
        """Log-likelihoods of the next pairs, `[1 or streams, classes of the second, classes of the first]`."""
        return self.of_codes()[self.sums.table.t().long()][None]

    def logits(self) -> Tensor:
        """As the protocol says; not normalised: their sum is what this step says of the codes before it."""
        first, second = self.of_priors()
        return (first[:, None] + second[:, :, None] + self.of_pairs()).flatten(1)

    def draw_pairs(self, uniforms: Tensor, top_k: int | None = None) -> tuple[Tensor, Tensor]:
        """Draws the next pairs, without taking them.

        Args:
            uniforms: in [0, 1), `[streams]`.
            top_k: of the pairs.

        Returns:
            Pairs, and the logarithms of the mixture's probability given the codes so far, `[streams]`.
        """
        logits = self.logits()
        return pick(logits, uniforms, top_k=top_k)[0], logits.logsumexp(-1)

    def advance(self, classes: Tensor) -> None:
        second, first = classes // self.classes, classes % self.classes
        own = zip(self.of_priors(), (first, second), strict=True)
        self.log_probs = self.log_probs + torch.cat([p.gather(1, code[:, None]) for p, code in own], dim=1)
        likelihoods = self.of_pairs_drawn(first, second)
        self.log_likelihoods = torch.cat([self.log_likelihoods, likelihoods[:, None]], dim=1)
        self.codes = torch.cat([self.codes, torch.stack([first, second], dim=1)[..., None]], dim=2)
        self._own = None
        for prior, code in zip(self.priors, (first, second), strict=True):
            prior.advance(code)

    def of_pairs_drawn(self, first: Tensor, second: Tensor) -> Tensor:
        """Log-likelihoods of pairs of the next codes, `[streams]`."""
        return self.of_codes()[self.sums.table[first, second].long()]

    def take(self, rows: Tensor) -> None:
        """Goes on with these streams, `[streams]`, some of them perhaps several times."""
        for prior in self.priors:
            prior.take(rows)
        self.codes, self.log_probs, self.log_likelihoods = (
            state[rows] for state in (self.codes, self.log_probs, self.log_likelihoods)
        )
        self._own = None


def same_codes(codebook: Tensor, other: Tensor) -> bool:
    """Whether they hold the same codes, as far as half precision can tell."""
    return codebook.shape == other.shape and torch.allclose(codebook, other, rtol=HALF, atol=HALF)


def typical_distance(codebook: Tensor) -> float:
    """Root mean square distance of a code to the one nearest to it: the unit that `sigma` can be thought of in."""
    distances = torch.cdist(codebook, codebook).fill_diagonal_(math.inf)
    return distances.amin(dim=1).square().mean().sqrt().item()


def _check_codes(codebook: Tensor, sums: CodeSums, priors: tuple[TransformerSteps, ...]) -> None:
    for network in (prior.network for prior in priors):
        if not same_codes(network.codebook, codebook):
            raise InputError(f"{network.name!r} knows other codes than the LQ-VAE; choose a prior of its own codes.")
    if sums.classes != len(codebook):
        raise InputError(f"These are sums of {sums.classes} codes, not of {len(codebook)}; make them anew.")


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
        reached = F.pad(seconds.double().softmax(-1).cumsum(-1), (1, 0))
        chosen = pick(seconds, uniform)[0]
        left = (uniform * reached[-1] - reached[chosen]) / (reached[chosen + 1] - reached[chosen])
        own = pick(logits[chosen], left.clamp(0, ALMOST_ONE))[0]
        return chosen * self.classes + own, seconds.logsumexp(-1)


@dataclass(frozen=True)
class LatentIterate(Iterate):
    """Codes of two sources so far, `[chains, 2, steps]`, as x and denoised.

    `log_prob` is that of both sources' codes by their priors, in nats a step, `residual` the root mean square distance
    of the sums' codes to the mixture's; both are means over the chains.

    Args:
        log_probs: of each chain's two streams, `[chains, 2]`, in nats.
        log_likelihoods: of the pairs, `[chains, steps]`.
    """

    log_probs: Tensor
    log_likelihoods: Tensor


@torch.no_grad()
def latent_posterior(
    joint: JointPosterior,
    mixture: Tensor,
    *,
    generator: Generator,
    top_k: int | None = None,
    resample: bool = False,
    chunk: int = CHUNK,
) -> Iterator[LatentIterate]:
    """Draws the codes of two sources, a chunk of steps at a time, so that the beginning is heard before the end exists.

    Args:
        mixture: the vectors of its codes, `[steps, code width]`; of any length, however short the priors' context is.
        top_k: how many of the likeliest pairs are drawn from; None: all, the only choice of `NearPairs`.
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


def effective_share(log_weights: Tensor) -> float:
    """Of how many equal weights there would be as much variance, over their number."""
    shares = log_weights.double().softmax(0)
    return 1 / (len(shares) * shares.square().sum().item())


def resampled(log_weights: Tensor, uniform: float) -> Tensor:
    """Rows in proportion to their weights, from one random number in [0, 1) (systematic resampling, Kitagawa 1996)."""
    reached = log_weights.double().softmax(0).cumsum(0)
    places = (torch.arange(len(reached), device=reached.device) + uniform) / len(reached) * reached[-1]
    return torch.searchsorted(reached, places, right=True).clamp_max(len(reached) - 1)


def _iterate(joint: JointPosterior, step: int, steps: int) -> LatentIterate:
    log_prob = joint.log_probs.sum(dim=1).mean().item() / step
    squared = -2 * joint.sigma**2 * joint.log_likelihoods
    residual = math.sqrt(squared.mean().item() / joint.codebook.shape[1])
    codes = joint.codes
    return LatentIterate(codes, codes, 0.0, step, steps, log_prob, residual, joint.log_probs, joint.log_likelihoods)


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
