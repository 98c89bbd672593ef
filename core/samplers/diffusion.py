"""Reverse diffusion with the evidence imposed on the denoised estimate (Song et al. 2021; Kawar et al. 2022).

A chain walks down a ladder of noise levels. At each it estimates the clean audio in the noise, makes that agree with
the evidence and steps to the next level, its noise partly kept and partly new. Several draws averaged come closer to
the truth than any of them, and soonest where pairs of them have opposite noise (antithetic variates): what an estimate
owes to the noise, to first order, cancels.

Without evidence, on the levels of a diffusion over discrete steps, this is its ancestral sampling (DDPM: Ho et al.
2020), and its implicit sampling (DDIM: Song et al. 2021) where none of the noise is new.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from core.samplers.noise import NoiseSource, noise_like
from core.types import AnyCondition, Iterate, Observation, Prior


def reverse_diffusion(
    prior: Prior,
    observation: Observation,
    x: Tensor,
    *,
    sigmas: Sequence[float],
    generator: NoiseSource,
    condition: AnyCondition | None = None,
    channels: int | None = None,
    draws: int = 1,
    begun: bool = False,
    stochasticity: float = 1.0,
) -> Iterator[Iterate]:
    """Walks from noise around x to an estimate that agrees with the evidence.

    Args:
        x: clean start of the chain, [batch, *event], in the prior's domain; noise of the first level is added to it.
        sigmas: noise levels, one score evaluation each, coarse to fine.
        channels: neighbouring rows of x that share their noise; None: all of them.
        draws: chains; `denoised` is their mean. Of an even number, one half has the other's noise, negated.
        begun: whether x has a start for each of the draws, [draws * batch, *event].
        stochasticity: share of each level's noise that is new: 0 deterministic, 1 ancestral.

    Yields:
        Iterate: after every step; x is the first draw.
    """
    batch = len(x) // draws if begun else len(x)
    chains = x if begun else x.repeat(draws, *(1 for _ in x.shape[1:]))
    channels = channels or batch
    chains = chains + sigmas[0] * _noise(chains, draws, generator, channels)
    for step, level in enumerate(sigmas, start=1):
        score = prior.score(chains, level, condition)
        estimate = chains + level**2 * score.gradient  # Tweedie
        agreed = impose(observation, estimate, level, batch)
        next_level = sigmas[step] if step < len(sigmas) else 0.0
        fresh = stochasticity * next_level * math.sqrt(1 - (next_level / level) ** 2)
        kept = math.sqrt(max(next_level**2 - fresh**2, 0.0)) / level
        chains = agreed + kept * (chains - agreed)
        if fresh:
            chains = chains + fresh * _noise(chains, draws, generator, channels)
        mean, denoised = (rows.unflatten(0, (draws, batch)).mean(dim=0) for rows in (estimate, agreed))
        residual = observation.residual(mean) if score.residual is None else score.residual
        yield Iterate(chains[:batch], denoised, level, step, len(sigmas), score.log_prob_per_element(x), residual)


def impose(observation: Observation, denoised: Tensor, level: float, batch: int) -> Tensor:
    """The denoised estimate moved onto the evidence: level^2 times the soft gradient, then the hard projection.

    Args:
        denoised: [draws * batch, *event]; the observation has `batch` rows.
    """
    rows = [d + level**2 * observation.gradient(d, level) for d in denoised.split(batch)]
    return torch.cat([observation.project(row) for row in rows])


def _noise(chains: Tensor, draws: int, generator: NoiseSource, channels: int) -> Tensor:
    """White noise, opposite in the two halves of an even number of draws."""
    if draws % 2:
        return noise_like(chains, generator, channels)
    half = noise_like(chains[: len(chains) // 2], generator, channels)
    return torch.cat([half, -half])
