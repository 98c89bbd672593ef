"""Two sources are drawn code by code so that what both add to a mixture is how it is heard.

As `core.samplers.latent`, but the mixture is the encoder's output before the nearest code is taken, and a pair's
likelihood that of `core.models.code_parts`. It is the same for all chains, so a chain's sum over all pairs is a product
of a matrix and what its priors say: no pair is left out, and no table of pairs is made for each chain.
"""

import torch
from torch import Tensor

from core.errors import InputError
from core.models.categorical import pick
from core.models.code_parts import CodeParts
from core.models.transformer import TransformerSteps
from core.samplers.code_pairs import CodePairs, chance_left

LEAST = 1e-100  # likelihood of a pair, over the likeliest one's: what explains nothing is still worth something


class SummedParts(CodePairs):
    """Pairs by what both codes add to how the mixture is heard, in standard deviations of its errors.

    The mixture is given as `LQVAE.latents` hears it, `[steps, code width]`.

    Args:
        parts: of the codebook's codes.
        priors, codebook, settings: see `CodePairs`.

    Raises:
        InputError: priors or parts of another codebook.
    """

    sigma = 1.0

    def __init__(
        self, priors: tuple[TransformerSteps, TransformerSteps], codebook: Tensor, parts: CodeParts, **settings
    ):
        super().__init__(priors, codebook, **settings)
        if parts.first.shape != codebook.shape:
            raise InputError(f"These are parts of {len(parts.first)} codes, not of {len(codebook)}; learn them anew.")
        self.parts = parts

    def begin(self, condition: Tensor | None = None) -> None:
        super().begin(condition)
        self._expected: list[Tensor] = []
        self._forget()

    def of_pairs(self) -> Tensor:
        if self._of_pairs is None:
            self._of_pairs = self.parts.log_likelihoods(self.mixture[self.codes.shape[2]])[None]
        return self._of_pairs

    def of_pairs_drawn(self, first: Tensor, second: Tensor) -> Tensor:
        return self.of_pairs()[0, second, first]

    def draw_pairs(self, uniforms: Tensor, top_k: int | None = None) -> tuple[Tensor, Tensor]:
        """Raises:
        InputError: only so many of all pairs are asked for.
        """
        if top_k is not None:
            raise InputError("No table of pairs is made whose likeliest could be counted; leave their number out.")
        likelihoods, first, _, seconds = self._weighed()
        chosen = pick(seconds.log(), uniforms)[0]
        left = chance_left(seconds.log(), chosen, uniforms)
        own = pick((first * likelihoods[chosen]).log(), left)[0]
        return chosen * self.classes + own, seconds.sum(dim=1).log() + self.of_pairs().amax()

    def advance(self, classes: Tensor) -> None:
        _, _, *sources = self._weighed()
        shares = torch.stack([(own / own.sum(dim=1, keepdim=True)).mean(dim=0) for own in sources])
        self._expected.append(shares.to(self.codebook) @ self.codebook)
        super().advance(classes)
        self._forget()

    def take(self, rows: Tensor) -> None:
        super().take(rows)
        self._forget()

    def expected(self) -> Tensor:
        """As of all pairs that could have been drawn, not of those alone that were: the same mean, with less chance."""
        return torch.stack(self._expected, dim=1) if self._expected else super().expected()

    def _weighed(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Likelihoods of all pairs, `[second, first]`, over the largest; what the first source's prior says,
        `[streams, classes]`; and how likely both sources' codes are with any of the other's, up to a factor."""
        if self._kept is None:
            of_pairs = self.of_pairs()[0].double()
            likelihoods = of_pairs.sub_(of_pairs.amax()).exp_().clamp_min_(LEAST)  # a copy, in double precision
            first, second = (own.double().exp() for own in self.of_priors())
            self._kept = likelihoods, first, first * (second @ likelihoods), second * (first @ likelihoods.t())
        return self._kept

    def _forget(self) -> None:
        """What was worked out of a step that is over."""
        self._of_pairs: Tensor | None = None
        self._kept: tuple[Tensor, Tensor, Tensor, Tensor] | None = None
