"""PnF's annealed Langevin dynamics for images (Jayaram & Thickstun 2021, sec. 4), as the original runs it.

Unlike `pnf_langevin` it moves the whole of x at once. Sources that are told apart are moved one after the other.
"""

import math
from collections.abc import Iterator, Sequence

from torch import Generator, Tensor

from core.samplers.noise import noise_like
from core.types import AnyCondition, Iterate, Observation, Prior

STEPS, STEP_SCALE = 300, 0.03  # PnF: 3e-6 (level / 0.01)^2


def pnf_images(
    prior: Prior,
    observation: Observation,
    x: Tensor,
    *,
    sigmas: Sequence[float],
    steps: int = STEPS,
    generator: Generator,
    condition: AnyCondition | None = None,
    step_scale: float = STEP_SCALE,
    sources: int = 1,
) -> Iterator[Iterate]:
    """x <- x + eta * score + sqrt(2 eta) * noise with eta = step_scale * level^2, `steps` times a level.

    Args:
        x: start of the chain, `[images * sources, colours, height, width]`, in the prior's domain.
        sigmas: noise levels, coarse to fine.
        sources: neighbouring rows that are sources of one image. All scores are taken first; then each feels the
            evidence as those before it have left it.

    Yields:
        Iterate: after every update; close the generator to stop.
    """
    total, done = steps * len(sigmas), 0
    for level in sigmas:
        eta = step_scale * level**2
        for _ in range(steps):
            score = prior.score(x, level, condition)
            denoised = x + level**2 * score.gradient  # Tweedie
            noise = noise_like(x, generator, 1)
            for source in range(sources):
                soft = observation.gradient(x, level)
                moved, own = x.clone(), slice(source, None, sources)
                moved[own] += eta * (score.gradient + soft)[own] + math.sqrt(2 * eta) * noise[own]
                x = moved
            x, done = observation.project(x), done + 1
            shown, residual = observation.project(denoised), observation.residual(denoised)
            yield Iterate(x, shown, level, done, total, score.log_prob_per_element(x), residual)
