"""Annealed Langevin dynamics (Song & Ermon 2019, alg. 1) from a warm start, on few levels."""

import math
from collections.abc import Iterator

from torch import Generator, Tensor

from core.samplers.noise import shared_noise
from core.types import Condition, Iterate, Observation, Prior

UPDATES_PER_LEVEL = 2


def annealed_langevin(
    prior: Prior,
    observation: Observation,
    x: Tensor,
    *,
    steps: int,
    generator: Generator,
    condition: Condition | None = None,
    start_level: float | None = None,
    step_scale: float = 0.5,
) -> Iterator[Iterate]:
    """x <- x + eta * score + sqrt(2 eta) * noise with eta = step_scale * level^2, a warm start and few levels.

    The ladder is the prior's own, thinned out so that two updates a level spend the steps.

    Args:
        x: start of the chain, [batch, frames], in the prior's domain; noise of the first level is added to it.
        steps: updates in all, each one score evaluation.
        start_level: levels over it are left out.

    Yields:
        Iterate: after every update; close the generator to stop.
    """
    ladder = [level for level in prior.levels if level <= (start_level or math.inf)] or list(prior.levels[-1:])
    x = observation.project(x + ladder[0] * shared_noise(x, generator))
    rungs = max(1, min(len(ladder), steps // UPDATES_PER_LEVEL))
    for step in range(1, steps + 1):
        rung = (step - 1) * rungs // steps
        level = ladder[round(rung * (len(ladder) - 1) / max(rungs - 1, 1))]
        eta = step_scale * level**2
        score = prior.score(x, level, condition)
        denoised = x + level**2 * score.gradient  # Tweedie
        drift = score.gradient + observation.gradient(x, level)
        x = observation.project(x + eta * drift + math.sqrt(2 * eta) * shared_noise(x, generator))
        log_prob = None if score.log_prob is None else score.log_prob.mean().item() / x.shape[1]
        heard = observation.project(denoised)
        yield Iterate(x, heard, level, step, steps, log_prob, observation.residual(denoised))
