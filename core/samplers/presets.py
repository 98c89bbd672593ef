"""Which sampler runs with which settings; presets spend at most 20, 40 or 160 score evaluations."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from core.errors import InputError
from core.samplers.diffusion import reverse_diffusion
from core.samplers.langevin import annealed_langevin, original_langevin
from core.types import Iterate, Prior

BUDGETS = {"draft": 20, "standard": 40, "fine": 160}
SAMPLERS = {"diffusion": reverse_diffusion, "langevin": annealed_langevin, "original": original_langevin}
DRAWS = {"draft": 2, "standard": 4, "fine": 8}  # averaged: what they share is evidence, what differs is guesswork
ORIGINAL_STEPS = 256  # per level, as PnF has it; harder questions take more
LARGEST_STEPS = 100_000


@dataclass(frozen=True)
class Plan:
    """A sampler with its settings; `looks`: whether it is shown the evidence and an estimate to start from."""

    name: str
    sampler: Callable[..., Iterator[Iterate]]
    settings: dict = field(default_factory=dict)
    looks: bool = True


def choose_plan(
    prior: Prior, quality: str, sampler: str | None, steps: int | None, hardness: int = 1, openness: float = 1.0
) -> Plan:
    """The plan for a run.

    Args:
        sampler: None takes the diffusion.
        steps: updates of the chain in total (`original`: per level); None takes what the quality affords.
        hardness: by how much more the original sampler spends on this question (2 for 8x, 4 for 16x and long gaps).
        openness: by how much louder than the prior's own the noise is that our samplers start from.

    Raises:
        InputError: unknown quality or sampler, or a number of steps out of range.
    """
    name = sampler or "diffusion"
    if name not in SAMPLERS:
        raise InputError(f"There is no sampler {name}; choose one of {', '.join(SAMPLERS)}.")
    if quality not in BUDGETS:
        raise InputError(f"There is no quality {quality}; choose one of {', '.join(BUDGETS)}.")
    if steps is not None and not 1 <= steps <= LARGEST_STEPS:
        raise InputError(f"The number of steps must lie between 1 and {LARGEST_STEPS}, not {steps}.")
    if name == "original":
        return Plan(name, original_langevin, {"steps": steps or ORIGINAL_STEPS * hardness}, looks=False)
    settings = {"start_level": min(prior.start_level * openness, prior.levels[0])}
    if name == "diffusion":
        settings["draws"] = DRAWS[quality]
    affordable = (BUDGETS[quality] - 1) // settings.get("draws", 1)  # one evaluation is the estimate's
    return Plan(name, SAMPLERS[name], {"steps": steps or affordable, **settings})
