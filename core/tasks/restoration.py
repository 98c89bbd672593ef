"""What the restoration tasks share: blocks of a long clip, their levels, the chain in each, and progress on the way.

A task says what was measured (`Problem`); `restore` draws audio that agrees with it and the prior, block after block,
so that memory does not grow with the clip.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from core import zoo
from core.errors import InputError
from core.samplers.presets import Plan, choose_plan
from core.signal.clip import Clip
from core.signal.companding import Domain
from core.tasks.blocks import SILENCE, Clock, join, overlap_of, silent, split_blocks
from core.tasks.progress import Progress, Settings
from core.tasks.windows import run_windows
from core.types import Condition, Iterate, Observation, Prior

MOST_WORKERS = 64
SHORTEST_WINDOW_SECONDS = 0.1
HEADROOM = 0.98  # peak in domains that end at full scale
NOTHING_TO_DO = (
    "There was nothing to restore (silence, a constant, or no sample that is missing), so it came back as it is."
)


@dataclass(frozen=True)
class Problem:
    """What one task hands to `restore`, at the prior's rate.

    Args:
        start: what the simplest method makes of the evidence, [channels, frames].
        regions: (first, last + 1) frames to work on, sorted, apart from each other.
        observe: (first, last + 1, gain [channels, 1], domain) -> observation of these frames, multiplied by gain; it
            can be pickled.
        grid: blocks start at multiples of this.
        hardness: by how much more the original sampler spends on a question like this.
        openness: by how much louder than usual the noise is that the chain starts from; over 1 where the evidence
            leaves a whole band to imagine.
        averaged: whether draws may be averaged; not where the evidence leaves phases open.
    """

    start: np.ndarray
    regions: list[tuple[int, int]]
    observe: Callable[[int, int, Tensor, Domain], Observation]
    grid: int = 1
    hardness: int = 1
    openness: float = 1.0
    averaged: bool = True


@dataclass
class Restored:
    """What `restore` ends with: the waveform [channels, frames], and what it took."""

    waveform: np.ndarray
    score_evaluations: int
    seconds: float
    sampler: str
    notes: tuple[str, ...]


def load_prior(task: str, settings: Settings, default: str) -> Prior:
    """The prior that the settings ask for, on their device.

    Raises:
        InputError: no such prior or device, or a prior that cannot do this task.
    """
    name = settings.prior or default
    entries = {entry.name: entry for entry in zoo.catalogue()}
    able = sorted(n for n, entry in entries.items() if task in entry.task)
    if name in entries and name not in able:
        raise InputError(f"The prior {name} can't {task}; choose one of {', '.join(able)}.")
    return zoo.load(name, resolve_devices(settings)[0])


def resolve_devices(settings: Settings) -> list[str]:
    """Where windows are worked on, one entry for each process.

    Raises:
        InputError: a device that this machine does not have, or a number of processes that makes no sense.
    """
    if not 1 <= settings.workers <= MOST_WORKERS:
        raise InputError(f"The number of workers must lie between 1 and {MOST_WORKERS}, not {settings.workers}.")
    if settings.device == "all":
        devices = [f"cuda:{k}" for k in range(torch.cuda.device_count())] or ["cpu"]
    else:
        devices = [resolve_device(settings.device)]
    if settings.workers > 1 and devices != ["cpu"]:
        raise InputError("Workers are processes on a CPU; for GPUs choose the device all, or leave workers out.")
    return devices * settings.workers


def resolve_device(name: str) -> str:
    """ "auto" is the first GPU where there is one.

    Raises:
        InputError: a device that this machine does not have.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    count = torch.cuda.device_count()
    if name in ["cpu", *(["cuda"] if count else []), *(f"cuda:{k}" for k in range(count))]:
        return name
    have = f"cpu or cuda:0 to cuda:{count - 1}" if count else "only cpu"
    raise InputError(f"There is no device {name} here; this machine has {have}.")


def restore(problem: Problem, prior: Prior, settings: Settings) -> Iterator[Progress | Restored]:
    """Runs the chain over every block; yields Progress after every update and Restored in the end."""
    plan = choose_plan(
        prior,
        settings.quality,
        settings.sampler,
        settings.steps,
        hardness=problem.hardness,
        openness=problem.openness,
        averaged=problem.averaged,
        window=own_window(settings, prior.sample_rate),
        batch=settings.batch,
    )
    blocks = split_blocks(problem.regions, prior.sample_rate, problem.grid, block_seconds(settings, plan.name))
    loud = [n for n, (first, last) in enumerate(blocks) if not silent(problem.start[:, first:last]).all()]
    join_all = partial(_joined, problem.start, blocks, prior.sample_rate)
    clock, latest, asked = Clock(len(loud)), {}, {}
    work, load = partial(_restore_block, problem, plan, settings.seed), partial(zoo.load, prior.name)
    for moment in run_windows(work, [blocks[n] for n in loud], prior, load, resolve_devices(settings)):
        number = loud[moment.number]
        seconds, left = clock.tick(number, moment.iterate)
        latest[number], asked[number] = moment.heard, moment.asked
        clips = [partial(join_all, latest | {number: part}) for part in (moment.heard, moment.chain)]
        yield Progress(*clips, moment.iterate, seconds, left)
    samples = problem.start.shape[0] * sum(last - first for first, last in blocks)
    evaluations = round(sum(asked.values()) / max(samples, 1))
    notes = () if loud else (NOTHING_TO_DO,)
    yield Restored(join_all(latest).samples, evaluations, clock.seconds, plan.name, notes)


def block_seconds(settings: Settings, sampler: str) -> float | None:
    """Length of the blocks that are chains of their own; the original sampler's windows lie within them."""
    return None if sampler == "original" else settings.window_seconds


def own_window(settings: Settings, sample_rate: int) -> int | None:
    """Samples of the original sampler's windows, where they are set.

    Raises:
        InputError: no length of a window.
    """
    if settings.window_seconds is None:
        return None
    if not SHORTEST_WINDOW_SECONDS <= settings.window_seconds < math.inf:
        raise InputError(f"A window must last at least {SHORTEST_WINDOW_SECONDS:g} s, not {settings.window_seconds:g}.")
    return round(settings.window_seconds * sample_rate)


def _restore_block(
    problem: Problem, plan: Plan, seed: int, prior: Prior, first: int, last: int
) -> Iterator[tuple[Iterate, np.ndarray, np.ndarray]]:
    """One chain; yields each iterate with what it hears and what it is, as waveforms at the input's level."""
    start = problem.start[:, first:last]
    gain = gain_of(start, prior)
    observation = problem.observe(first, last, gain, prior.domain)
    generator = torch.Generator().manual_seed(seed + 7919 * first)  # each block has its own noise
    for iterate in _chain(prior, observation, plan, generator):
        heard, chain = (_at_input_level(prior.decode(x), gain, start) for x in (iterate.denoised, iterate.x))
        yield replace(iterate, residual=iterate.residual / gain.mean().item()), heard, chain


def _chain(prior: Prior, observation: Observation, plan: Plan, generator: torch.Generator) -> Iterator[Iterate]:
    """What the chain starts from, as step 0, then the sampler's iterates.

    The start is the best one-step estimate: of the simplest method, or of a prior that can look at the evidence.
    """
    condition, estimate = observation.condition(), None
    if isinstance(condition, Condition):
        estimate = _estimate(prior, condition) if plan.looks else None
        condition = None if estimate is None else replace(condition, estimate=estimate)
    if estimate is None:
        guess = x = observation.initialise(generator)
    else:
        observation, guess = observation.expecting(estimate), prior.encode(estimate)
        x = observation.project(guess)
    yield Iterate(x, x, prior.levels[0], 0, plan.settings["steps"], None, observation.residual(guess))
    settings = plan.settings_for(x.shape[1])
    yield from plan.sampler(prior, observation, x, condition=condition, generator=generator, **settings)


def _estimate(prior: Prior, condition: Condition) -> Tensor | None:
    return prior.estimate(condition) if condition.estimate is None else condition.estimate


def gain_of(waveform: np.ndarray, prior: Prior) -> Tensor:
    """What brings each row to the prior's level, or under full scale where its domain ends, [channels, 1], float64."""
    samples = waveform.astype(np.float64)
    gain = prior.rms / np.maximum(np.sqrt(np.mean(samples**2, axis=1, keepdims=True)), SILENCE)
    peak = np.maximum(np.abs(samples).max(axis=1, keepdims=True), SILENCE)
    return torch.from_numpy(np.minimum(gain, HEADROOM / peak) if prior.domain.bounded else gain).to(prior.device)


def _at_input_level(waveform: Tensor, gain: Tensor, start: np.ndarray) -> np.ndarray:
    """Back from the prior's level; silent rows are left as they came."""
    samples = (waveform.double() / gain).cpu().numpy().astype(np.float32)
    samples[silent(start)] = start[silent(start)]
    return samples


def _joined(
    start: np.ndarray, blocks: list[tuple[int, int]], sample_rate: int, latest: Mapping[int, np.ndarray]
) -> Clip:
    """The start with what there is of the blocks put in."""
    waveform = start.astype(np.float32)
    for number in sorted(latest):
        join(waveform, latest[number], blocks[number][0], overlap_of(blocks, number))
    return Clip(waveform, sample_rate)
