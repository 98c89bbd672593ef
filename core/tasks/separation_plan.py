"""Which sampler takes a mixture apart, with which settings, and how the mixture binds the sources."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.choices import FORMS
from core.errors import InputError
from core.observations.mixture import PNF_STRENGTH
from core.priors.independent import Independent
from core.samplers.diffusion import reverse_diffusion
from core.samplers.langevin import annealed_langevin
from core.samplers.pnf_separation import pnf_separation_between_borders
from core.samplers.presets import PNF_STEP, PNF_STEPS, Plan
from core.samplers.schedules import karras, staircase
from core.tasks.settings import Settings
from core.types import MixtureCondition

RHO = 3.0  # more steps at high noise, where it is settled who a loud note belongs to
LOOKING_START = 2.0  # of the loudest level, for priors that tell sources apart in the mixture and not in the start
SHARPNESS = 1.4  # of the exact posterior: 0.9 dB more than 1, single draws of three held-out mixtures


@dataclass(frozen=True)
class Spending:
    """What a diffusion spends on a form: steps and draws by quality, and its last level, a share of the loudest."""

    steps: Mapping[str, int]
    draws: Mapping[str, int]
    end: float


SHARED = Spending({"draft": 6, "standard": 16, "fine": 24}, {"draft": 1, "standard": 2, "fine": 4}, end=0.02)
# where the sum is exact, finer levels than 0.003 are an idle quarrel of the priors
ALONE = Spending({"draft": 24, "standard": 40, "fine": 60}, {"draft": 1, "standard": 4, "fine": 8}, end=0.003)


@dataclass(frozen=True)
class SeparationPlan(Plan):
    """A sampler of sources with its settings.

    Args:
        form: how the mixture binds the sources, one of `FORMS`; see `core.tasks.separation.separate`.
        gains: of the sources in the mixture.
        strength: of the soft form's pull (see `core.observations.mixture.Mixture`).
        sharpness: of the exact form's posterior (see `core.priors.remainder.Remainder`).
    """

    form: str = "shared"
    gains: tuple[float, ...] = ()
    strength: float = PNF_STRENGTH
    sharpness: float = 1.0


def choose_plan(prior: Independent, settings: Settings, form: str | None, gains: tuple[float, ...]) -> SeparationPlan:
    """The sampler that the settings ask for, and how the mixture binds the sources.

    Args:
        form: one of `FORMS`; None takes the soft one for PnF's sampler, else the shared one where all priors look at
            mixtures, else the exact one.

    Raises:
        InputError: see `Settings.check_chain`; an unknown form, or PnF's sampler with an exact mixture or with priors
            that are not autoregressive.
    """
    name, quality = settings.check_chain(), settings.quality
    looks, loudest = MixtureCondition in prior.conditions, prior.levels[0]
    form = form or ("soft" if name == "original" else "shared" if looks else "exact")
    if form not in FORMS:
        raise InputError(f"There is no form {form:.40} of a mixture; choose one of {', '.join(FORMS)}.")
    if name == "original":
        return _pnf_plan(prior, settings, form, gains)
    strength = 1 / sum(gain**2 for gain in gains)  # moves sources that miss the mixture onto it
    bound = {"form": form, "gains": gains, "strength": strength}
    if name == "langevin":
        steps = settings.steps or ALONE.steps[quality]
        return SeparationPlan(name, annealed_langevin, steps, {"sigmas": staircase(prior.levels, steps)}, **bound)
    spending, start, sharpness = ALONE, loudest, SHARPNESS
    if form == "shared":
        spending, start, sharpness = SHARED, loudest * (LOOKING_START if looks else 1.0), 1.0
    steps = settings.steps or spending.steps[quality]
    chain = {"sigmas": karras(start, loudest * spending.end, steps, RHO), "draws": spending.draws[quality]}
    return SeparationPlan(name, reverse_diffusion, steps, chain, **bound, sharpness=sharpness)


def _pnf_plan(prior: Independent, settings: Settings, form: str, gains: tuple[float, ...]) -> SeparationPlan:
    if form != "soft" or not prior.autoregressive:
        raise InputError(
            "The original sampler pulls WaveNets' sources softly towards the mixture; choose the soft form and "
            "priors with linear classes, or another sampler."
        )
    power, steps = sum(gain**2 for gain in gains), settings.steps or PNF_STEPS
    strength = 2 * PNF_STRENGTH / power
    chain = {"sigmas": prior.levels, "steps": steps, "border": prior.receptive_field, "step_scale": PNF_STEP}
    chain |= settings.pnf_windows(prior.sample_rate)
    pull = PNF_STEP * strength * power  # every source goes its share of the way to the mixture
    return SeparationPlan(
        "original", pnf_separation_between_borders, steps, chain, pull, form=form, gains=gains, strength=strength
    )
