"""Which sampler runs with which settings; presets of restoration spend at most 20, 40 or 160 score evaluations."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor

from core.errors import InputError
from core.observations.mixture import ORIGINAL_STRENGTH
from core.priors.independent import Independent
from core.samplers.diffusion import reverse_diffusion
from core.samplers.langevin import annealed_langevin
from core.samplers.pnf import original_langevin
from core.samplers.pnf_separation import BORDER_CENTRE, original_separation
from core.samplers.stability import windows_at_once
from core.types import Iterate, Observation, Prior

BUDGETS = {"draft": 20, "standard": 40, "fine": 160}
SAMPLERS = {"diffusion": reverse_diffusion, "langevin": annealed_langevin, "original": original_langevin}
DRAWS = {"draft": 2, "standard": 4, "fine": 8}  # averaged: what they share is evidence, what differs is guesswork
ORIGINAL_WINDOW, ORIGINAL_STEP = 20000, 0.05  # samples, and eta / level^2 (PnF)
ORIGINAL_STEPS = 256  # per level, as PnF has it; harder questions take more
LARGEST_STEPS = 100_000
FORMS = ("shared", "exact", "soft")
SEPARATION_DRAWS = {"draft": 1, "standard": 4, "fine": 8}
SEPARATION_STEPS = {"draft": 24, "standard": 40, "fine": 60}
SHARED_DRAWS = {"draft": 1, "standard": 2, "fine": 4}
SHARED_STEPS = {"draft": 6, "standard": 16, "fine": 24}
SHARED_START = 2.0  # times the loudest level: who is who is heard in the mixture, not in what a chain begins with
SHARED_END = 0.02  # of the loudest level
SEPARATION_RHO = 3.0  # more steps at high noise, where it is settled who a loud note belongs to
SEPARATION_SHARPNESS = 1.4  # of the exact posterior: 0.9 dB more than 1, single draws of three held-out mixtures
SEPARATION_END = 0.003  # of the first level: where the exact sum makes finer levels an idle quarrel of the priors


@dataclass(frozen=True)
class Plan:
    """A sampler with its settings; `looks`: whether it is shown the evidence and an estimate to start from."""

    name: str
    sampler: Callable[..., Iterator[Iterate]]
    settings: dict = field(default_factory=dict)
    looks: bool = True

    def settings_for(self, frames: int) -> dict:
        """The settings for a chain of as many frames; only the original sampler's depend on it."""
        return _uncrowded(self.settings, frames, ORIGINAL_STEP) if self.sampler is original_langevin else self.settings


def choose_plan(
    prior: Prior,
    quality: str,
    sampler: str | None,
    steps: int | None,
    *,
    hardness: int = 1,
    openness: float = 1.0,
    averaged: bool = True,
    window: int | None = None,
    batch: int | None = None,
) -> Plan:
    """The plan for a run.

    Args:
        sampler: None takes the diffusion.
        steps: updates of the chain in total (`original`: per level); None takes what the quality affords.
        hardness: by how much more the original sampler spends on this question (2 for 8x, 4 for 16x and long gaps).
        openness: by how much louder than the prior's own the noise is that our samplers start from.
        averaged: whether draws may be averaged; else there is one, some of whose noise is kept from step to step.
        window, batch: samples of the original sampler's windows, and how many it moves at once; None takes PnF's.

    Raises:
        InputError: unknown quality or sampler, a number of steps out of range, a batch for another sampler.
    """
    name = _check_choice(quality, sampler, steps, batch)
    if name == "original":
        windows = {"window": window or ORIGINAL_WINDOW, "batch": batch}
        return Plan(name, original_langevin, {"steps": steps or ORIGINAL_STEPS * hardness, **windows}, looks=False)
    settings = {"start_level": min(prior.start_level * openness, prior.levels[0])}
    if name == "diffusion":
        settings |= {"draws": DRAWS[quality]} if averaged else {"draws": 1, "stochasticity": 0.7}
    affordable = (BUDGETS[quality] - 1) // settings.get("draws", 1)  # one evaluation is the estimate's
    return Plan(name, SAMPLERS[name], {"steps": steps or affordable, **settings})


@dataclass(frozen=True)
class SeparationPlan:
    """A sampler of sources with its settings.

    Args:
        form: how the mixture binds the sources (see `core.observations.mixture`): "shared", "exact" or "soft".
        strength: of the soft form's pull (see `core.observations.mixture.Mixture`).
        gains: of the sources in the mixture.
        sharpness: of the exact form's posterior (see `core.observations.mixture.Remainder`).
    """

    name: str
    sampler: Callable[..., Iterator[Iterate]]
    settings: dict
    form: str
    strength: float
    gains: tuple[float, ...]
    sharpness: float = 1.0

    def start(self, prior: Prior, observation: Observation, x: Tensor, generator: Generator) -> Iterator[Iterate]:
        """The chain from x; what the original pads with borders comes back without them."""
        border = self.settings.get("border", 0)
        settings = self.settings
        if self.sampler is original_separation:
            # every source goes its share of the way to the mixture
            pull = ORIGINAL_STEP * self.strength * sum(g**2 for g in self.gains)
            settings = _uncrowded(settings, x.shape[1], pull)
        told = settings | {"condition": observation.condition()}
        padded = torch.nn.functional.pad(x, (border, border), value=BORDER_CENTRE)
        for iterate in self.sampler(prior, observation, padded, generator=generator, **told):
            if border:
                inside = slice(border, border + x.shape[1])
                iterate = replace(iterate, x=iterate.x[:, inside], denoised=iterate.denoised[:, inside])
            yield iterate


def choose_separation_plan(
    prior: Independent,
    quality: str,
    sampler: str | None,
    steps: int | None,
    form: str | None,
    gains: tuple[float, ...],
    window: int | None = None,
    batch: int | None = None,
) -> SeparationPlan:
    """The plan for taking a mixture apart.

    Args:
        sampler: None takes the diffusion.
        steps: updates of each chain (`original`: per level); None takes what the quality affords.
        form: one of FORMS; None takes the soft one for the original sampler, else the shared one where all priors hear
            in mixtures, else the exact one.

    Raises:
        InputError: an unknown quality, sampler or form, a number of steps out of range, or the original sampler with
            an exact mixture or with priors that are not in classes.
    """
    name = _check_choice(quality, sampler, steps, batch)
    form = form or ("soft" if name == "original" else "shared" if prior.hears_mixtures else "exact")
    if form not in FORMS:
        raise InputError(f"There is no form {form} of a mixture; choose one of {', '.join(FORMS)}.")
    nearest = 1 / sum(g**2 for g in gains)  # moves sources that miss the mixture onto it
    if name == "original":
        if form != "soft" or not prior.receptive_field:
            raise InputError(
                "The original sampler pulls WaveNets' sources softly towards the mixture; choose the soft form and "
                "priors with linear classes, or another sampler."
            )
        settings = {"steps": steps or ORIGINAL_STEPS, "border": prior.receptive_field}
        settings |= {"window": window or ORIGINAL_WINDOW, "batch": batch}
        return SeparationPlan(name, original_separation, settings, form, 2 * ORIGINAL_STRENGTH * nearest, gains)
    settings = {"steps": steps or SEPARATION_STEPS[quality], "start_level": prior.levels[0]}
    if form == "shared" and name == "diffusion":
        settings = {"steps": steps or SHARED_STEPS[quality], "draws": SHARED_DRAWS[quality], "rho": SEPARATION_RHO}
        settings["start_level"] = prior.levels[0] * (SHARED_START if prior.hears_mixtures else 1.0)
        settings["end_level"] = prior.levels[0] * SHARED_END
        return SeparationPlan(name, reverse_diffusion, settings, form, nearest, gains)
    if name == "diffusion":
        settings |= {"draws": SEPARATION_DRAWS[quality], "end_level": prior.levels[0] * SEPARATION_END}
        settings["rho"] = SEPARATION_RHO
        return SeparationPlan(name, reverse_diffusion, settings, form, nearest, gains, SEPARATION_SHARPNESS)
    return SeparationPlan(name, SAMPLERS[name], settings, form, nearest, gains)


def _uncrowded(settings: dict, frames: int, pull: float) -> dict:
    """With a batch that does not blow up."""
    return settings | {"batch": windows_at_once(settings["batch"], settings["window"], frames, pull)}


def _check_choice(quality: str, sampler: str | None, steps: int | None, batch: int | None) -> str:
    """The sampler's name, all four checked."""
    name = sampler or "diffusion"
    if name not in SAMPLERS:
        raise InputError(f"There is no sampler {name}; choose one of {', '.join(SAMPLERS)}.")
    if quality not in BUDGETS:
        raise InputError(f"There is no quality {quality}; choose one of {', '.join(BUDGETS)}.")
    if steps is not None and not 1 <= steps <= LARGEST_STEPS:
        raise InputError(f"The number of steps must lie between 1 and {LARGEST_STEPS}, not {steps}.")
    if batch is not None and name != "original":
        raise InputError("A batch is of windows that the original sampler moves at once; other samplers have none.")
    return name
