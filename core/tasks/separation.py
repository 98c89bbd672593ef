"""Separation: sources with a prior each are drawn so that they add up to the mixture (PnF, sec. 4.2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from core.choices import FORMS
from core.errors import InputError
from core.jobs import JOBS
from core.observations.mixture import PNF_STRENGTH, Mixture, SharedSum
from core.priors.independent import Independent
from core.priors.remainder import Remainder
from core.samplers.diffusion import reverse_diffusion
from core.samplers.langevin import annealed_langevin
from core.samplers.pnf_separation import pnf_separation_between_borders
from core.samplers.presets import PNF_STEP, PNF_STEPS, Plan
from core.samplers.schedules import karras, staircase
from core.signal.clip import Clip
from core.signal.limits import check_clip
from core.tasks.blocks import at_rate
from core.tasks.drawing import Work, draw
from core.tasks.levels import level_gain
from core.tasks.loading import load_independent, load_sources
from core.tasks.mixing import check_levels
from core.tasks.progress import Run
from core.tasks.report import Outcome, conclude
from core.tasks.separation_baselines import make_baselines, matching_references, separation_metrics
from core.tasks.settings import Settings, resolve_devices
from core.tasks.stems import stem_names, stems_of
from core.types import Iterate, MixtureCondition, Observation, Prior

TASK = "separate"
DEFAULT_PRIORS = JOBS[TASK].priors
MOST_SOURCES = 8
SILENT_MIXTURE = "The mixture is silent or a constant, so every stem is its equal share."
RHO = 3.0  # more steps at high noise, where it is settled who a loud note belongs to
DRAWS = {"draft": 1, "standard": 4, "fine": 8}
STEPS = {"draft": 24, "standard": 40, "fine": 60}
SHARPNESS = 1.4  # of the exact posterior: 0.9 dB more than 1, single draws of three held-out mixtures
END = 0.003  # of the first level: where the exact sum makes finer levels an idle quarrel of the priors
SHARED_DRAWS = {"draft": 1, "standard": 2, "fine": 4}
SHARED_STEPS = {"draft": 6, "standard": 16, "fine": 24}
SHARED_START = 2.0  # times the loudest level: sources are told apart in the mixture, not in what a chain begins with
SHARED_END = 0.02  # of the loudest level


def separate(
    mixture: Clip,
    priors: Sequence[str] = DEFAULT_PRIORS,
    *,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    form: str | None = None,
    levels_db: Sequence[float] | None = None,
    references: Sequence[Clip] | None = None,
) -> Run:
    """Takes a mixture apart into one stem for each prior; the stems add up to it.

    What is over the priors' band (in a clip of a higher rate) goes to the stems by their share of the upper half of
    the band.

    Args:
        priors: a prior's name for each source; one may serve several.
        settings: their `prior` is not looked at.
        form: "shared", in which priors look at the mixture and share what they miss, "exact", in which the last source
            is what the others leave, or "soft", PnF's pull; None takes the first that priors and sampler fit.
        levels_db: how loud each source is expected to be, relative to the first; equally loud where not given.
        references: the truth of each source, in the priors' order, for metrics.

    Yields:
        Progress after every update, then one Result at the mixture's rate.

    Raises:
        InputError: priors that cannot be added, a setting out of range, references that do not fit.
    """
    check_clip("The mixture", mixture)
    names, levels = _names_and_levels(priors, levels_db)
    truths = {} if references is None else matching_references(references, mixture, names)
    prior = load_sources(TASK, priors, resolve_devices(settings)[0])
    plan = choose_plan(prior, settings, form, tuple(10 ** (level / 20) for level in levels))
    known = at_rate(mixture, prior.sample_rate)
    power = sum(gain**2 for gain in plan.gains)
    own_names = [own.name for own in prior.priors]
    work = Work(
        np.stack([known.samples * (gain**2 / power) for gain in plan.gains]).astype(np.float32),
        [(0, known.frames)],
        partial(_separate_block, known.samples, level_gain(known.samples, prior, power=power, together=True).item(),
                plan, settings.seed),
        partial(load_independent, own_names),
        own_names,
        plan.name,
        align=partial(_matching_order, own_names),
    )  # fmt: skip
    present = partial(stems_of, mixture, known, names)
    drawn = yield from draw(work, prior, settings, present)
    stems = present(drawn.waveform)
    misses = float(np.abs(sum(stem.samples for stem in stems.values()) - mixture.samples).max())
    outcome = Outcome(
        TASK,
        stems,
        mixture,
        drawn.provenance,
        truths=truths,
        baselines=make_baselines(mixture, truths) if truths else {},
        facts={"misses_mixture_by": misses, "form": plan.form, "levels_db": levels},
        notes=() if drawn.worked else (SILENT_MIXTURE,),
    )
    yield conclude(outcome, separation_metrics())


@dataclass(frozen=True)
class SeparationPlan(Plan):
    """A sampler of sources with its settings.

    Args:
        form: how the mixture binds the sources, one of `FORMS`; see `separate`.
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
    name, quality, steps = settings.check_chain(), settings.quality, settings.steps
    looks, loudest = MixtureCondition in prior.conditions, prior.levels[0]
    form = form or ("soft" if name == "original" else "shared" if looks else "exact")
    if form not in FORMS:
        raise InputError(f"There is no form {form} of a mixture; choose one of {', '.join(FORMS)}.")
    power = sum(gain**2 for gain in gains)
    bound = {"form": form, "gains": gains, "strength": 1 / power}  # moves sources that miss the mixture onto it
    if name == "original":
        if form != "soft" or not prior.autoregressive:
            raise InputError(
                "The original sampler pulls WaveNets' sources softly towards the mixture; choose the soft form and "
                "priors with linear classes, or another sampler."
            )
        steps, strength = steps or PNF_STEPS, 2 * PNF_STRENGTH / power
        chain = {"sigmas": prior.levels, "steps": steps, "border": prior.receptive_field, "step_scale": PNF_STEP}
        chain |= settings.pnf_windows(prior.sample_rate)
        pull = PNF_STEP * strength * power  # every source goes its share of the way to the mixture
        return SeparationPlan(
            name, pnf_separation_between_borders, steps, chain, pull, **bound | {"strength": strength}
        )
    if name == "langevin":
        steps = steps or STEPS[quality]
        return SeparationPlan(name, annealed_langevin, steps, {"sigmas": staircase(prior.levels, steps)}, **bound)
    if form == "shared":
        steps = steps or SHARED_STEPS[quality]
        sigmas = karras(loudest * (SHARED_START if looks else 1.0), loudest * SHARED_END, steps, RHO)
        return SeparationPlan(
            name, reverse_diffusion, steps, {"sigmas": sigmas, "draws": SHARED_DRAWS[quality]}, **bound
        )
    steps = steps or STEPS[quality]
    chain = {"sigmas": karras(loudest, loudest * END, steps, RHO), "draws": DRAWS[quality]}
    return SeparationPlan(name, reverse_diffusion, steps, chain, **bound, sharpness=SHARPNESS)


def _names_and_levels(priors: Sequence[str], levels_db: Sequence[float] | None) -> tuple[tuple[str, ...], list[float]]:
    """The stems' names, and how loud each is expected to be."""
    if len(priors) > MOST_SOURCES:
        raise InputError(f"A mixture is taken apart into at most {MOST_SOURCES} sources, not {len(priors)}.")
    levels = [0.0] * len(priors) if levels_db is None else [float(level) for level in levels_db]
    if len(levels) != len(priors):
        raise InputError(f"{len(priors)} priors need as many expected levels, not {len(levels)}.")
    check_levels(levels)
    return stem_names(priors), levels


def _separate_block(
    mixture: np.ndarray, gain: float, plan: SeparationPlan, seed: int, prior: Prior, first: int, last: int
) -> Iterator[tuple[Iterate, np.ndarray, np.ndarray]]:
    """One chain; yields each iterate with its estimate and its state, [sources, channels, frames]."""
    gains, generator = plan.gains, torch.Generator().manual_seed(seed + 7919 * first)
    observed = torch.from_numpy(mixture[:, first:last].astype(np.float64) * gain).float().to(prior.device)
    binding = (SharedSum if plan.form == "shared" else Mixture)(observed, gains, prior.domain, plan.strength)
    start = binding.initialise(generator)
    if plan.form == "exact":
        remainder = Remainder(prior, observed, gains, plan.sharpness)
        free = start.view(len(observed), len(gains), -1)[:, :-1].flatten(0, 1)
        chain, complete = plan.start(remainder, Observation(), free, generator), remainder.complete
    else:
        chain, complete = plan.start(prior, binding, start, generator, binding.condition()), lambda x: x

    def sources(x: Tensor) -> np.ndarray:
        waveforms = prior.decode(complete(x)).double().view(len(observed), len(gains), -1).transpose(0, 1)
        scaled = waveforms * waveforms.new_tensor(gains)[:, None, None] / gain
        return scaled.cpu().numpy().astype(np.float32)

    for iterate in chain:
        iterate = replace(iterate, residual=iterate.residual / gain)
        yield iterate, sources(iterate.denoised), sources(iterate.x)


def _matching_order(priors: Sequence[str], before: np.ndarray, after: np.ndarray) -> list[int]:
    """For every source the one of the block that goes on with it: of the same prior, and most alike in the overlap."""
    free, order = set(range(len(priors))), []
    for n, prior in enumerate(priors):
        same = [m for m in sorted(free) if priors[m] == prior]
        best = max(same, key=lambda m: float(np.sum(before[n] * after[m])))
        free.discard(best)
        order.append(best)
    return order
