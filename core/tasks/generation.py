"""Generation: sounds that nobody recorded, drawn from a prior alone, many at once.

Every sound has a seed of its own, counted up from that of the settings, so that each can be made again by itself.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.priors.wrapped import Counted
from core.samplers.generation import generation_plan
from core.samplers.noise import MorphedNoise, NoiseSource, SeparateNoise
from core.samplers.presets import Plan
from core.signal.clip import Clip
from core.signal.limits import LIMITS
from core.tasks.drawing import Drawn, TimeLeft, provenance
from core.tasks.loading import load_prior
from core.tasks.progress import Progress, Run, Sounds
from core.tasks.rendering import Render, renderer
from core.tasks.report import Metrics, Outcome, conclude
from core.tasks.settings import Settings
from core.types import LabelCondition, Observation, Prior

TASK = "generate"
SAMPLER = "heun"  # unless another is asked for
SECONDS, SHORTEST_SECONDS = 1.0, 0.05
MOST_SOUNDS, MOST_SECONDS = 4096, 4096.0  # of all sounds of a run together
AT_ONCE = 16  # sounds that are drawn together
STRONGEST = 20.0  # guidance
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Wish:
    """What is to be generated.

    Args:
        count: of sounds.
        seconds: of each; None: 1, or as long as the prior can where that is less.
        label, speaker: what is said and by whom, names that the prior lists; None: anything, anybody.
        guidance: how plainly; 1 follows the data, more is clearer and less varied.
        morph: two seeds; the sounds lead from that of the first to that of the second.
    """

    count: int = 4
    seconds: float | None = None
    label: str | None = None
    speaker: str | None = None
    guidance: float = 1.8
    morph: tuple[int, int] | None = None


def generate(wish: Wish = Wish(), *, settings: Settings = Settings()) -> Run:  # noqa: B008 (frozen)
    """Draws sounds from a prior, from noise to sound.

    Args:
        settings: `sampler` is one of `core.choices.GENERATION_SAMPLERS`; `batch` is of sounds drawn together.

    Yields:
        Progress after every update, with all sounds so far, named 0000, 0001, ...; then one Result.

    Raises:
        InputError: a prior that cannot be drawn from, a label that it does not know, or a number out of range.
    """
    prior = load_prior(TASK, settings)
    _check_numbers(wish, settings)
    wish = _for_prior(wish, prior)
    plan = generation_plan(settings.sampler or SAMPLER, prior, settings.steps)
    drawn = yield from _draw(wish, plan, prior, settings)
    made = {"steps": plan.steps, "label": wish.label, "speaker": wish.speaker}
    made |= {"guidance": wish.guidance} if prior.labels or prior.speakers else {}
    sounds = _sounds(drawn.waveform, prior.sample_rate)
    facts = {"count": wish.count, **made, "sounds": dict(zip(sounds, _origins(wish, settings), strict=True))}
    outcome = Outcome(TASK, sounds, next(iter(sounds.values())), drawn.provenance, facts=facts)
    yield conclude(outcome, Metrics((), lambda reference, estimate, observed: {}))


def origin_of(report: Mapping, name: str) -> dict:
    """All that one sound can be made again with, of the report of its run."""
    shared = ("prior", "sampler", "steps", "duration_seconds", "label", "speaker", "guidance")
    return {key: report[key] for key in shared if report.get(key) is not None} | report["sounds"][name]


def _draw(wish: Wish, plan: Plan, prior: Prior, settings: Settings) -> Generator[Progress, None, Drawn]:
    """All sounds, `[count, frames]`, some at a time."""
    counted, render = Counted(prior), renderer(prior, wish.seconds)
    at_once = settings.batch or AT_ONCE
    spans = [(first, min(first + at_once, wish.count)) for first in range(0, wish.count, at_once)]
    time_left, done = TimeLeft(len(spans)), np.zeros((0, round(wish.seconds * prior.sample_rate)), np.float32)
    event = prior.event(wish.seconds)
    for number, (first, last) in enumerate(spans):
        start = torch.zeros(last - first, *event, device=prior.device)
        chain = plan.start(
            counted, Observation(), start, _noise(wish, settings.seed, first, last), _told(wish, prior, last - first)
        )
        for iterate in chain:
            seconds, left = time_left.update(number, iterate)
            state = iterate.x * (prior.rms / np.hypot(prior.rms, iterate.level))
            shown = [_presented(done, render, x, prior.sample_rate) for x in (iterate.denoised, state)]
            yield Progress(seconds, left, iterate, None, *shown)
        done = np.concatenate([done, render(iterate.denoised)])
    evaluations = round(counted.samples / (wish.count * np.prod(event)))
    return Drawn(done, provenance(prior.name, plan.name, settings, prior.device, evaluations, time_left.seconds))


def _noise(wish: Wish, seed: int, first: int, last: int) -> NoiseSource:
    """Of the sounds first to last (exclusive)."""
    if wish.morph is None:
        return SeparateNoise([_seeded(seed + number) for number in range(first, last)])
    shares = [number / max(wish.count - 1, 1) for number in range(first, last)]
    return MorphedNoise(*map(_seeded, wish.morph), shares)


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _told(wish: Wish, prior: Prior, rows: int) -> LabelCondition | None:
    if wish.label is None and wish.speaker is None:
        return None
    numbers = (_number(name, known) for name, known in ((wish.label, prior.labels), (wish.speaker, prior.speakers)))
    label, speaker = (torch.full((rows,), number, device=prior.device) for number in numbers)
    return LabelCondition(label, speaker, wish.guidance)


def _number(name: str | None, known: Sequence[str]) -> int:
    return 0 if name is None else 1 + known.index(name)


def _presented(done: np.ndarray, render: Render, x: Tensor, sample_rate: int) -> Callable[[], Sounds]:
    return lambda: _sounds(np.concatenate([done, render(x)]), sample_rate)


def _sounds(waveforms: np.ndarray, sample_rate: int) -> Sounds:
    return {f"{number:04d}": Clip(waveform[None], sample_rate) for number, waveform in enumerate(waveforms)}


def _origins(wish: Wish, settings: Settings) -> list[dict]:
    """The seed of every sound; of a morph its place in it."""
    if wish.morph is None:
        return [{"seed": settings.seed + number} for number in range(wish.count)]
    return [{"morph": list(wish.morph), "place": number, "of": wish.count} for number in range(wish.count)]


def _check_numbers(wish: Wish, settings: Settings) -> None:
    """Refuses, before any work, what makes no sense for any prior."""
    if not 1 <= wish.count <= MOST_SOUNDS:
        raise InputError(f"The number of sounds must lie between 1 and {MOST_SOUNDS}, not {wish.count}.")
    if wish.seconds is not None and not SHORTEST_SECONDS <= wish.seconds <= LIMITS.seconds:
        raise InputError(f"Sounds can last {SHORTEST_SECONDS:g} to {LIMITS.seconds:g} s, not {wish.seconds:g} s.")
    if wish.count * (wish.seconds or SECONDS) > MOST_SECONDS:
        raise InputError(f"All sounds together can last {MOST_SECONDS:g} s; ask for fewer or shorter ones.")
    if not 0 <= wish.guidance <= STRONGEST:
        raise InputError(f"The guidance must lie between 0 and {STRONGEST:g}, not {wish.guidance:g}.")
    if settings.batch is not None and not 1 <= settings.batch <= MOST_SOUNDS:
        raise InputError(f"Between 1 and {MOST_SOUNDS} sounds can be drawn at once, not {settings.batch}.")
    if wish.morph is not None and wish.count < 2:
        raise InputError("A morph leads from one sound to another, so it takes a count of at least 2.")


def _for_prior(wish: Wish, prior: Prior) -> Wish:
    """The wish with its names as the prior spells them, and its length.

    Raises:
        InputError: a name that it does not know, or a length that it cannot draw.
    """
    label, speaker = (
        _known(wish.label, prior.labels, prior, "label"),
        _known(wish.speaker, prior.speakers, prior, "speaker"),
    )
    seconds = min(SECONDS, prior.longest_seconds) if wish.seconds is None else wish.seconds
    if seconds > prior.longest_seconds:
        raise InputError(f"{prior.name} draws sounds of up to {prior.longest_seconds:.3g} s, not {seconds:g} s.")
    return replace(wish, seconds=seconds, label=label, speaker=speaker)


def _known(name: str | None, known: Sequence[str], prior: Prior, what: str) -> str | None:
    """A name as the prior spells it; digits may be words."""
    if not name:
        return None
    wanted = name.strip().lower()
    spellings = {own.lower(): own for own in known}
    digit = str(NUMBERS.index(wanted)) if wanted in NUMBERS else wanted
    word = NUMBERS[int(wanted)] if wanted.isdigit() and int(wanted) < len(NUMBERS) else wanted
    for spelling in (wanted, digit, word):
        if spelling in spellings:
            return spellings[spelling]
    choices = f"choose one of {', '.join(known)}, or none" if known else "leave it out"
    raise InputError(f"{prior.name} knows no {what} {name[:40]!r}; {choices}.")
