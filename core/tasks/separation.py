"""Separation: sources with a prior each are drawn so that they add up to the mixture (PnF, sec. 4.2)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from core.choices import WAVEFORM
from core.errors import InputError
from core.jobs import JOBS
from core.observations.mixture import Mixture, SharedSum
from core.priors.independent import Independent
from core.priors.remainder import Remainder
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
from core.tasks.separation_plan import SeparationPlan, choose_plan
from core.tasks.settings import Settings, resolve_devices
from core.tasks.stems import stem_names, stems_of
from core.types import Iterate, Observation, Prior

TASK = "separate"
DEFAULT_PRIORS = JOBS[TASK].priors
MOST_SOURCES = 8
SILENT_MIXTURE = "The mixture is silent or a constant, so every stem is its equal share."


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
    present = partial(stems_of, mixture, known, names)
    drawn = yield from draw(_work(known.samples, prior, plan, settings.seed), prior, settings, present)
    stems = present(drawn.waveform)
    misses = float(np.abs(sum(stem.samples for stem in stems.values()) - mixture.samples).max())
    outcome = Outcome(
        TASK,
        stems,
        mixture,
        drawn.provenance,
        truths=truths,
        baselines=make_baselines(mixture, truths) if truths else {},
        facts={"method": WAVEFORM, "misses_mixture_by": misses, "form": plan.form, "levels_db": levels},
        notes=drawn.notes if drawn.worked else (SILENT_MIXTURE,),
    )
    yield conclude(outcome, separation_metrics())


def _work(mixture: np.ndarray, prior: Independent, plan: SeparationPlan, seed: int) -> Work:
    """The sources of a mixture [channels, frames] at the priors' rate; silent blocks of it are shared out equally."""
    power = sum(gain**2 for gain in plan.gains)
    # the whole mixture is brought to the level that independent sources at the priors' level would have together
    level = level_gain(mixture, prior, power=power, together=True).item()
    names = [own.name for own in prior.priors]
    return Work(
        start=np.stack([mixture * (gain**2 / power) for gain in plan.gains]).astype(np.float32),
        regions=[(0, mixture.shape[1])],
        chain=partial(_separate_block, mixture, level, plan, seed),
        load=partial(load_independent, names),
        prior=names,
        sampler=plan.name,
        align=partial(_matching_order, names),
    )


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
