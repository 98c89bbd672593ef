"""The chains that restore images and take them apart, by quality.

Reverse diffusion imposes the evidence on the denoised estimate, so that a prior never sees known pixels that are less
noisy than it is told; annealed Langevin dynamics, as PnF has them, put them into the noisy chain itself. Draws of the
diffusion are averaged: what they share is evidence, what differs is guesswork.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from core.errors import InputError
from core.samplers.diffusion import reverse_diffusion
from core.samplers.langevin import annealed_langevin
from core.samplers.schedules import karras
from core.tasks.settings import LARGEST_STEPS, Settings
from core.types import Iterate, Observation, Prior

DIFFUSION, LANGEVIN = SAMPLERS = ("diffusion", "langevin")
STEPS = {"draft": 10, "standard": 20, "fine": 40}  # of each draw
DRAWS = {"draft": 4, "standard": 8, "fine": 16}
QUIETEST, CROWDING = 0.03, 3.0  # the last level, as a share of white; how densely the quiet end is climbed


def check(settings: Settings, samplers: Sequence[str] = SAMPLERS) -> None:
    """Refuses what no chain can be asked for.

    Args:
        samplers: that the task knows.

    Raises:
        InputError: another sampler, quality or number of steps than there is.
    """
    if settings.sampler not in (None, *samplers):
        known = f"{', '.join(samplers[:-1])} and {samplers[-1]}"
        raise InputError(f"Images are restored by the samplers {known}, not {settings.sampler}.")
    if settings.quality not in STEPS:
        raise InputError(f"There is no quality {settings.quality:.40}; choose one of {', '.join(STEPS)}.")
    if settings.steps is not None and not 1 <= settings.steps <= LARGEST_STEPS:
        raise InputError(f"The steps must lie between 1 and {LARGEST_STEPS}, not {settings.steps}.")


def start_chain(
    prior: Prior,
    evidence: Observation,
    x: Tensor,
    settings: Settings,
    *,
    doubt: float,
    channels: int | None = None,
    averaged: bool = True,
) -> Iterator[Iterate]:
    """A run of the sampler that the settings ask for; arguments that it shares with these as they have them.

    Args:
        doubt: first noise level, as a share of black to white, as far as the prior knows noise: it has to drown what
            is wrong with the start, and no more.
        averaged: whether several draws are; sources of one prior may have changed places in each, and are drawn once.
            Those that are may begin with as many starts, which are the rows of x.
    """
    unit, loudest = prior.domain.unit, prior.levels[0]
    sigmas = karras(min(doubt * unit, loudest), QUIETEST * unit, _steps(settings, averaged), CROWDING)
    shared = {"sigmas": sigmas, "generator": torch.Generator().manual_seed(settings.seed), "channels": channels}
    if settings.sampler == LANGEVIN:
        return annealed_langevin(prior, evidence, x, **shared)
    draws = draws_of(settings, averaged)
    return reverse_diffusion(prior, evidence, x, draws=draws, begun=averaged and len(x) == draws > 1, **shared)


def facts_of(settings: Settings, averaged: bool = True) -> Mapping:
    """What a report says of a chain."""
    draws, steps = draws_of(settings, averaged), _steps(settings, averaged)
    chosen = {"sampler": settings.sampler or DIFFUSION, "quality": settings.quality, "seed": settings.seed}
    return chosen | {"draws": draws, "score_evaluations": steps * draws}


def draws_of(settings: Settings, averaged: bool = True) -> int:
    """How many there are of every image."""
    return DRAWS[settings.quality] if averaged and settings.sampler != LANGEVIN else 1


def _steps(settings: Settings, averaged: bool) -> int:
    """A chain that is not averaged takes more of them."""
    return settings.steps or STEPS[settings.quality] * (1 if averaged else 3)
