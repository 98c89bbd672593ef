"""Heun's method of second order, with new noise at every step or with none (Karras et al. 2022, alg. 1 and 2)."""

import math
from collections.abc import Iterator, Sequence

from torch import Tensor

from core.samplers.diffusion import impose
from core.samplers.noise import NoiseSource, noise_like
from core.types import AnyCondition, Iterate, Observation, Prior

MOST_CHURN = math.sqrt(2) - 1  # of a step: it adds no more noise than there is


def heun(
    prior: Prior,
    observation: Observation,
    x: Tensor,
    *,
    sigmas: Sequence[float],
    generator: NoiseSource,
    condition: AnyCondition | None = None,
    channels: int | None = None,
    churn: float = 0.0,
) -> Iterator[Iterate]:
    """Follows the probability flow dx / dlevel = (x - denoised) / level from noise around x down to none.

    A step's slope is the mean of those at both of its ends, of which the last, at level 0, has only one.

    Args:
        x: clean start of the chain, [batch, *event], in the prior's domain; noise of the first level is added to it.
        sigmas: noise levels, coarse to fine, two score evaluations each but the last.
        channels: neighbouring rows of x that share their noise; None: all of them.
        churn: noise added over all steps, in units of the level that is there: each step first goes up by its share.

    Yields:
        Iterate: after every step.
    """
    channels = channels or len(x)
    share = min(churn / len(sigmas), MOST_CHURN)
    x = x + sigmas[0] * noise_like(x, generator, channels)
    for step, level in enumerate(sigmas, start=1):
        next_level = sigmas[step] if step < len(sigmas) else 0.0
        raised = min(level * (1 + share), sigmas[0])  # no prior need know noise over its ladder
        if raised > level:
            x = x + math.sqrt(raised**2 - level**2) * noise_like(x, generator, channels)
        score = prior.score(x, raised, condition)
        estimate = x + raised**2 * score.gradient  # Tweedie
        denoised = impose(observation, estimate, raised, len(x))
        slope = (x - denoised) / raised
        following = x + (next_level - raised) * slope
        if next_level:
            corrected = prior.denoise(following, next_level, condition)
            corrected = impose(observation, corrected, next_level, len(x))
            slope = (slope + (following - corrected) / next_level) / 2
            following = x + (next_level - raised) * slope
        x = following if next_level else denoised
        residual = observation.residual(estimate) if score.residual is None else score.residual
        yield Iterate(x, denoised, level, step, len(sigmas), score.log_prob_per_element(x), residual)
