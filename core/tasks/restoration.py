"""What the restoration tasks share: blocks of a long clip, their levels, the chain in each, and progress on the way.

A task says what was measured (`Problem`); `restore` draws audio that agrees with it and the prior, block after block,
so that memory does not grow with the clip.
"""

from collections.abc import Callable, Iterator
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
from core.tasks.blocks import SILENCE, Clock, Counted, join, silent, split_blocks
from core.tasks.progress import Progress, Settings
from core.types import Condition, Iterate, Observation, Prior

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
        observe: (first, last + 1, gain [channels, 1], domain) -> observation of these frames, multiplied by gain.
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
    return zoo.load(name, resolve_device(settings.device))


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
    )
    blocks = split_blocks(problem.regions, prior.sample_rate, problem.grid)
    prior = Counted(prior)
    clock, waveform, quiet = Clock(len(blocks)), problem.start.astype(np.float32), 0
    for number, (first, last) in enumerate(blocks):
        if silent(problem.start[:, first:last]).all():
            quiet += 1
            continue
        overlap = max(0, blocks[number - 1][1] - first) if number else 0
        for iterate, heard, chain in _restore_block(problem, prior, plan, settings.seed, first, last):
            seconds, left = clock.tick(number, iterate)
            clips = [
                partial(_joined_clip, prior.sample_rate, waveform, part, first, overlap) for part in (heard, chain)
            ]
            yield Progress(*clips, iterate, seconds, left)
        waveform = join(waveform, heard, first, overlap)
    evaluations = round(prior.samples / max(problem.start.shape[0] * sum(last - first for first, last in blocks), 1))
    yield Restored(waveform, evaluations, clock.seconds, plan.name, (NOTHING_TO_DO,) if quiet == len(blocks) else ())


def _restore_block(
    problem: Problem, prior: Prior, plan: Plan, seed: int, first: int, last: int
) -> Iterator[tuple[Iterate, np.ndarray, np.ndarray]]:
    """One chain; yields each iterate with what it hears and what it is, as waveforms at the input's level."""
    start = problem.start[:, first:last]
    gain = _gain(start, prior)
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
    yield from plan.sampler(prior, observation, x, condition=condition, generator=generator, **plan.settings)


def _estimate(prior: Prior, condition: Condition) -> Tensor | None:
    return prior.estimate(condition) if condition.estimate is None else condition.estimate


def _gain(waveform: np.ndarray, prior: Prior) -> Tensor:
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


def _joined_clip(sample_rate: int, waveform: np.ndarray, block: np.ndarray, first: int, overlap: int) -> Clip:
    return Clip(join(waveform, block, first, overlap), sample_rate)
