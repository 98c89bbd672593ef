"""Two streams of codes that are drawn together: what their priors say, and what each step's pairs explain.

A pair is a single class of a `StepwiseModel`, numbered as the original does (Mancusi et al. 2021): b * classes + a.
"""

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import InputError
from core.models.categorical import likeliest, pick
from core.models.stepwise import StepwiseModel
from core.models.transformer import TransformerSteps

ALMOST_ONE = 1 - 1e-12
HALF = 1e-3  # by which codes may differ that were kept in half precision


class CodePairs(StepwiseModel):
    """The next codes of two sources, given theirs so far and the mixture; all pairs are looked at.

    Args:
        priors: of the first and of the second source, with as many streams each.
        codebook: `[classes, code width]`.
        temperature: the priors' logits are divided by it.
        top_k: of each prior, see `core.models.categorical.likeliest`.

    Raises:
        InputError: priors of another codebook.

    Attributes:
        sigma: the unit of `log_likelihoods`: they are -d^2 / (2 sigma^2), d being by how much pairs miss the mixture.
        codes: those so far, `[streams, 2, steps]`.
        log_probs: of both sources' codes so far by their own priors, `[streams, 2]`, in nats.
        log_likelihoods: of the pairs so far, `[streams, steps]`.
    """

    sigma: float

    def __init__(
        self,
        priors: tuple[TransformerSteps, TransformerSteps],
        codebook: Tensor,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
    ):
        for network in (prior.network for prior in priors):
            if not same_codes(network.codebook, codebook):
                raise InputError(
                    f"{network.name!r} knows other codes than the LQ-VAE; choose a prior of its own codes."
                )
        self.priors, self.codebook, self.streams = priors, codebook, priors[0].streams
        self.temperature, self.top_k, self.classes = temperature, top_k, len(codebook)

    @abstractmethod
    def of_pairs(self) -> Tensor:
        """Log-likelihoods of the next pairs, `[1 or streams, classes of the second, classes of the first]`."""

    @abstractmethod
    def of_pairs_drawn(self, first: Tensor, second: Tensor) -> Tensor:
        """Log-likelihoods of pairs of the next codes, `[streams]`."""

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

    def take(self, rows: Tensor) -> None:
        """Goes on with these streams, `[streams]`, some of them perhaps several times."""
        for prior in self.priors:
            prior.take(rows)
        self.codes, self.log_probs, self.log_likelihoods = (
            state[rows] for state in (self.codes, self.log_probs, self.log_likelihoods)
        )
        self._own = None

    def expected(self) -> Tensor:
        """The vectors of both sources' codes so far, on average over the streams, `[2, steps, code width]`."""
        return self.codebook[self.codes].mean(dim=0)


def same_codes(codebook: Tensor, other: Tensor) -> bool:
    """Whether they hold the same codes, as far as half precision can tell."""
    return codebook.shape == other.shape and torch.allclose(codebook, other, rtol=HALF, atol=HALF)


def chance_left(logits: Tensor, chosen: Tensor, uniforms: Tensor) -> Tensor:
    """What is left of the random numbers that `pick` took classes by, for another draw: in [0, 1) again.

    Args:
        logits: `[..., classes]`.
        chosen: the classes, `[...]`.
        uniforms: `[...]`.
    """
    reached = F.pad(logits.double().softmax(-1).cumsum(-1), (1, 0))
    before, after = (reached.gather(-1, (chosen + more)[..., None])[..., 0] for more in (0, 1))
    return ((uniforms * reached[..., -1] - before) / (after - before)).clamp(0, ALMOST_ONE)
