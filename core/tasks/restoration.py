"""What the restoration tasks share: evidence, a prior and a sampler become a chain in every block of a clip.

A task says what was measured (`Problem`); `restore` draws audio that agrees with it and the prior.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from core import zoo
from core.samplers.diffusion import reverse_diffusion
from core.samplers.langevin import annealed_langevin
from core.samplers.pnf import pnf_langevin
from core.samplers.presets import BUDGETS, MEANS, PNF_STEP, PNF_STEPS, Plan
from core.samplers.schedules import karras, staircase
from core.signal.clip import Clip
from core.signal.companding import Domain
from core.tasks.blocks import Span, silent
from core.tasks.drawing import REACH, Drawn, Work, draw
from core.tasks.levels import level_gain
from core.tasks.progress import SOUND, Progress, Sounds
from core.tasks.report import Outcome
from core.tasks.settings import Settings
from core.types import Condition, Iterate, Observation, Prior

NOTHING_TO_DO = (
    "There was nothing to restore (silence, a constant, or no sample that is missing), so it came back as it is."
)
PHASES_OPEN_STOCHASTICITY = 0.7  # of a single draw, where several cannot be averaged


@dataclass(frozen=True)
class Problem:
    """What one task hands to `restore`, at the prior's rate.

    Args:
        start: what the simplest method makes of the evidence, [channels, frames].
        regions: spans of frames to work on, sorted, apart from each other.
        observe: (first, last + 1, gain [channels, 1], domain) -> observation of these frames, multiplied by gain; it
            can be pickled.
        grid: blocks start at multiples of this.
        hardness: by how much more PnF's sampler spends on a question like this (2 for 8x, 4 for 16x and long gaps).
        openness: by how much louder than usual the noise is that the chain starts from; over 1 where the evidence
            leaves a whole band to imagine.
        averaged: whether draws may be averaged; not where the evidence leaves phases open.
        reach: see `core.tasks.drawing.Work`.
    """

    start: np.ndarray
    regions: list[Span]
    observe: Callable[[int, int, Tensor, Domain], Observation]
    grid: int = 1
    hardness: int = 1
    openness: float = 1.0
    averaged: bool = True
    reach: float = REACH


def restore(
    problem: Problem, prior: Prior, settings: Settings, present: Callable[[np.ndarray], Sounds] | None = None
) -> Generator[Progress, None, Drawn]:
    """Runs the chain over every block.

    Args:
        present: makes sounds of a waveform that is being drawn; None takes it as it is.

    Yields:
        Progress: after every update.

    Raises:
        InputError: a setting out of range.
    """
    plan = choose_plan(problem, prior, settings)
    chain, load = partial(_restore_block, problem, plan, settings.seed), partial(zoo.load, prior.name)
    cost = 1 / plan.settings.get("draws", 1)  # the start is one estimate, an update is one of every draw
    bounds = {"reach": problem.reach, "start_cost": cost}
    work = Work(problem.start, problem.regions, chain, load, prior.name, plan.name, problem.grid, **bounds)
    return (yield from draw(work, prior, settings, present or partial(sound_of, prior.sample_rate)))


def restoration_outcome(
    task: str,
    restored: Clip,
    drawn: Drawn,
    *,
    observed: Clip,
    truth: Clip | None,
    baselines: Mapping[str, Clip],
    facts: Mapping,
    note: str | None = None,
) -> Outcome:
    """The outcome of a task that makes one sound.

    Args:
        baselines: method -> the sound that it makes.
        note: for the user; None says so where there was nothing to do.
    """
    note = note or (None if drawn.worked else NOTHING_TO_DO)
    return Outcome(
        task,
        {SOUND: restored},
        observed,
        drawn.provenance,
        truths={} if truth is None else {SOUND: truth},
        baselines={name: {SOUND: clip} for name, clip in baselines.items()},
        facts=facts,
        notes=(*((note,) if note else ()), *drawn.notes),
    )


def sound_of(sample_rate: int, waveform: np.ndarray) -> Sounds:
    """A waveform [channels, frames] as the one sound of a task."""
    return {SOUND: Clip(waveform, sample_rate)}


def choose_plan(problem: Problem, prior: Prior, settings: Settings) -> Plan:
    """The sampler that the settings ask for, spending what their quality affords.

    Raises:
        InputError: see `Settings.check_chain`.
    """
    name, quality, steps = settings.check_chain(), settings.quality, settings.steps
    if name == "original":
        steps = steps or PNF_STEPS * problem.hardness
        chain = {"sigmas": prior.levels, "steps": steps, "step_scale": PNF_STEP}
        return Plan(name, pnf_langevin, steps, chain | settings.pnf_windows(prior.sample_rate), PNF_STEP)
    start = min(prior.start_level * problem.openness, prior.levels[0])
    affordable = BUDGETS[quality] - 1  # one evaluation is the estimate's
    if name == "langevin":
        steps = steps or affordable
        return Plan(name, annealed_langevin, steps, {"sigmas": staircase(prior.levels, steps, start)})
    draws, usual = MEANS[quality] if problem.averaged else (1, affordable)
    steps = steps or usual
    chain = {"sigmas": karras(start, prior.levels[-1], steps), "draws": draws}
    chain |= {} if problem.averaged else {"stochasticity": PHASES_OPEN_STOCHASTICITY}
    return Plan(name, reverse_diffusion, steps, chain)


def _restore_block(
    problem: Problem, plan: Plan, seed: int, prior: Prior, first: int, last: int
) -> Iterator[tuple[Iterate, np.ndarray, np.ndarray]]:
    """One chain; yields each iterate with its estimate and its state, as waveforms at the input's level."""
    start = problem.start[:, first:last]
    gain = torch.from_numpy(level_gain(start, prior)).to(prior.device)
    observation = problem.observe(first, last, gain, prior.domain)
    generator = torch.Generator().manual_seed(seed + 7919 * first)  # each block has its own noise
    for iterate in _chain(prior, observation, plan, generator):
        estimate, state = (_at_input_level(prior.decode(x), gain, start) for x in (iterate.denoised, iterate.x))
        yield replace(iterate, residual=iterate.residual / gain.mean().item()), estimate, state


def _chain(prior: Prior, observation: Observation, plan: Plan, generator: torch.Generator) -> Iterator[Iterate]:
    """What the chain starts from, as step 0, then the sampler's iterates.

    The start is the best one-step estimate: of the simplest method, or of a prior that can look at the evidence. PnF's
    sampler does not look.
    """
    condition, estimate = observation.condition(), None
    if isinstance(condition, Condition):
        estimate = prior.estimate(condition) if plan.pull is None else None
        condition = None if estimate is None else replace(condition, estimate=estimate)
    if estimate is None:
        guess = x = observation.initialise(generator)
    else:
        observation, guess = observation.expecting(estimate), prior.encode(estimate)
        x = observation.project(guess)
    yield Iterate(x, x, prior.levels[0], 0, plan.steps, None, observation.residual(guess))
    yield from plan.start(prior, observation, x, generator, condition)


def _at_input_level(waveform: Tensor, gain: Tensor, start: np.ndarray) -> np.ndarray:
    """Back from the prior's level; silent rows are left as they came."""
    samples = (waveform.double() / gain).cpu().numpy().astype(np.float32)
    samples[silent(start)] = start[silent(start)]
    return samples
