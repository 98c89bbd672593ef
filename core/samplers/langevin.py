"""Annealed Langevin dynamics (Song & Ermon 2019, alg. 1) from a warm start."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from torch import Generator, Tensor

from core.samplers.noise import noise_like
from core.types import AnyCondition, Iterate, Observation, Prior


def annealed_langevin(
    prior: Prior,
    observation: Observation,
    x: Tensor,
    *,
    sigmas: Sequence[float],
    generator: Generator,
    condition: AnyCondition | None = None,
    channels: int | None = None,
    step_scale: float = 0.5,
) -> Iterator[Iterate]:
    """x <- x + eta * score + sqrt(2 eta) * noise with eta = step_scale * level^2.

    Where evidence is of clean x alone, not x is projected but the estimate that the score pulls to, and x is left with
    just the noise of the next level: a prior knows neither projected noise nor other noise than it is told of.

    Args:
        x: start of the chain, [batch, *event], in the prior's domain; noise of the first level is added to it.
        sigmas: noise levels, one score evaluation each, coarse to fine.
        channels: neighbouring rows of x that share their noise; None: all of them.

    Yields:
        Iterate: after every update; close the generator to stop.
    """
    channels = channels or len(x)
    x = x + sigmas[0] * noise_like(x, generator, channels)
    x = x if observation.of_clean_alone else observation.project(x)
    for step, (level, following) in enumerate(pairwise([*sigmas, sigmas[-1]]), start=1):
        score = prior.score(x, level, condition)
        denoised = x + level**2 * score.gradient  # Tweedie
        shown = observation.project(denoised)
        noise = noise_like(x, generator, channels)
        if observation.of_clean_alone:
            kept = min(1 - step_scale, following / level)
            x = shown + kept * (x - shown) + math.sqrt(max(following**2 - (kept * level) ** 2, 0.0)) * noise
        else:
            eta = step_scale * level**2
            drift = score.gradient + observation.gradient(x, level)
            x = observation.project(x + eta * drift + math.sqrt(2 * eta) * noise)
        residual = observation.residual(denoised) if score.residual is None else score.residual
        yield Iterate(x, shown, level, step, len(sigmas), score.log_prob_per_element(x), residual)
