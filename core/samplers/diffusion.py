"""Reverse diffusion with the evidence imposed on the denoised estimate (Song et al. 2021; Kawar et al. 2022).

A chain walks down a ladder of noise levels. At each it hears the clean audio in the noise, makes that agree with the
evidence and steps to the next level, its noise partly kept and partly new. Several draws averaged come closer to the
truth than any of them.
"""

import math
from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from core.samplers.noise import shared_noise
from core.types import Condition, Iterate, Observation, Prior


def reverse_diffusion(
    prior: Prior,
    observation: Observation,
    x: Tensor,
    *,
    steps: int,
    generator: Generator,
    condition: Condition | None = None,
    start_level: float | None = None,
    end_level: float | None = None,
    draws: int = 1,
    stochasticity: float = 1.0,
    rho: float = 5.0,
) -> Iterator[Iterate]:
    """Walks from noise around x to an estimate that agrees with the evidence.

    Args:
        x: clean start of the chain, [batch, frames], in the prior's domain; noise of the start level is added to it.
        steps: score evaluations of each draw.
        start_level, end_level: ends of the ladder; the prior's own where not given.
        draws: independent chains; `denoised` is their mean.
        stochasticity: share of each level's noise that is new: 0 deterministic, 1 ancestral.
        rho: how densely the ladder's low end is climbed (Karras et al., eq. 5).

    Yields:
        Iterate: after every step; x is the first draw.
    """
    ladder = karras_ladder(start_level or prior.levels[0], end_level or prior.levels[-1], steps, rho)
    batch, chains = len(x), x.repeat(draws, 1)
    chains = chains + ladder[0] * shared_noise(chains, generator, draws)
    for step, level in enumerate(ladder, start=1):
        score = prior.score(chains, level, condition)
        heard = chains + level**2 * score.gradient  # Tweedie
        agreed = impose(observation, heard, level, batch)
        next_level = ladder[step] if step < steps else 0.0
        fresh = stochasticity * next_level * math.sqrt(1 - (next_level / level) ** 2)
        kept = math.sqrt(max(next_level**2 - fresh**2, 0.0)) / level
        chains = agreed + kept * (chains - agreed)
        if fresh:
            chains = chains + fresh * shared_noise(chains, generator, draws)
        denoised = agreed.view(draws, batch, -1).mean(dim=0)
        residual = observation.residual(heard.view(draws, batch, -1).mean(dim=0))
        log_prob = None if score.log_prob is None else score.log_prob.mean().item() / x.shape[1]
        yield Iterate(chains[:batch], denoised, level, step, steps, log_prob, residual)


def karras_ladder(start: float, end: float, steps: int, rho: float) -> list[float]:
    """Noise levels from start to end, evenly spaced in level^(1 / rho) (Karras et al. 2022, eq. 5)."""
    if steps == 1:
        return [start]
    top, bottom = start ** (1 / rho), end ** (1 / rho)
    return [(top + n / (steps - 1) * (bottom - top)) ** rho for n in range(steps)]


def impose(observation: Observation, denoised: Tensor, level: float, batch: int) -> Tensor:
    """The denoised estimate moved onto the evidence: level^2 times the soft gradient, then the hard projection.

    Args:
        denoised: [draws * batch, frames]; the observation has `batch` rows.
    """
    rows = [d + level**2 * observation.gradient(d, level) for d in denoised.split(batch)]
    return torch.cat([observation.project(row) for row in rows])
