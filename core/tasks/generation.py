"""Generation: sounds that nobody recorded, drawn from a prior alone, many at once.

Every sound has a seed of its own, counted up from that of the settings, so that each can be made again by itself.
Guidance makes plain what a prior is told; told nothing, it draws what varies less. So where no label is asked for, each
sound is told one that its seed draws.

Most priors draw a sound out of noise; a WaveNet draws it sample by sample, a prior of codes code by code
(`core.tasks.sample_by_sample`).
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.choices import ANCESTRAL, DIGITS
from core.errors import InputError
from core.priors.wrapped import Counted
from core.samplers.generation import generation_plan
from core.samplers.noise import MorphedNoise, NoiseSource, SeparateNoise
from core.samplers.presets import Plan
from core.signal.clip import Clip
from core.signal.limits import LIMITS
from core.tasks.drawing import Drawn, TimeLeft, provenance
from core.tasks.emerging import Emerging, named_clips
from core.tasks.loading import load_prior
from core.tasks.progress import Progress, Result, Run
from core.tasks.report import Metrics, Outcome, conclude
from core.tasks.sample_by_sample import Streams, draw_streams
from core.tasks.settings import Settings
from core.types import AutoregressivePrior, LabelCondition, Observation, Prior

TASK = "generate"
SAMPLER = "heun"  # unless another is asked for
COMPARED_STEPS = (6, 20, 50, 200)
SHORTEST_SECONDS = 0.05
MOST_SOUNDS, MOST_SECONDS = 4096, 4096.0  # of all sounds of a run together
AT_ONCE = 16  # sounds that are drawn together
STRONGEST = 20.0  # guidance


@dataclass(frozen=True)
class Wish:
    """What is to be generated.

    Args:
        count: of sounds.
        seconds: of each; None: as long as the prior's usually are.
        label, speaker: what is said and by whom, names that the prior lists; None: a label that each sound's seed
            draws, and anybody.
        guidance: how plainly; 1 follows the data, more is clearer and less varied. With 0 nothing is told at all.
        morph: two seeds; the sounds lead from that of the first to that of the second.
        temperature: of a WaveNet: over 1 more daring, under 1 more careful.
        prime: what a WaveNet's sounds go on from; it is no part of them.
    """

    count: int = 4
    seconds: float | None = None
    label: str | None = None
    speaker: str | None = None
    guidance: float = 3.0
    morph: tuple[int, int] | None = None
    temperature: float = 1.0
    prime: Clip | None = None


def generate(wish: Wish = Wish(), *, settings: Settings = Settings()) -> Run:  # noqa: B008 (frozen)
    """Draws sounds from a prior.

    Args:
        settings: `sampler` is one of `core.choices.GENERATION_SAMPLERS`, or `ANCESTRAL` of a WaveNet; `batch` is of
            sounds drawn together.

    Yields:
        Progress after every update, with all sounds so far, named 0000, 0001, ...; then one Result.

    Raises:
        InputError: a prior that cannot be drawn from, a label that it does not know, a number out of range, or what
            the prior's way of drawing does not know.
    """
    prior, wish = _begin(wish, settings)
    if prior.autoregressive:
        yield from _generate_by_samples(wish, prior, settings)
        return
    plan = generation_plan(settings.sampler or SAMPLER, prior, settings.steps)
    at_once = settings.batch or AT_ONCE
    made = origins(wish, settings, prior)
    spans = [(first, min(first + at_once, wish.count)) for first in range(0, wish.count, at_once)]
    parts = [Part(plan, made[first:last], _noise(wish, settings.seed, first, last)) for first, last in spans]
    drawn = yield from _draw(parts, wish, prior, settings)
    yield _concluded(wish, prior, drawn, _chain_facts(wish, prior, plan.steps), made)


def generate_at_steps(
    numbers: Sequence[int] = COMPARED_STEPS,
    wish: Wish = Wish(),  # noqa: B008 (frozen)
    *,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
) -> Run:
    """The same sound, of the settings' seed, drawn anew with each of these numbers of steps; else as `generate`.

    Args:
        wish: its count is that of the numbers, and it has no morph.
    """
    prior, wish = _begin(replace(wish, count=len(numbers), morph=None), settings)
    if prior.autoregressive:
        raise InputError(f"{prior.name} is drawn sample by sample and has no steps to compare; choose another prior.")
    plans = [generation_plan(settings.sampler or SAMPLER, prior, steps) for steps in numbers]
    made = origins_at_steps(numbers, wish, settings, prior)
    noises = [SeparateNoise([_seeded(settings.seed)]) for _ in plans]
    parts = [Part(plan, [origin], noise) for plan, origin, noise in zip(plans, made, noises, strict=True)]
    drawn = yield from _draw(parts, wish, prior, settings)
    yield _concluded(wish, prior, drawn, _chain_facts(wish, prior, list(numbers)), made)


def _generate_by_samples(wish: Wish, prior: AutoregressivePrior, settings: Settings) -> Run:
    """The run of `generate` of a WaveNet."""
    made = origins(wish, settings, prior)
    seeds, names = zip(*((origin["seed"], origin.get("label", wish.label)) for origin in made), strict=True)
    at_once = settings.batch or AT_ONCE
    streams = Streams(seeds, wish.seconds, names, wish.temperature, wish.prime, at_once)
    drawn, bits = yield from draw_streams(streams, prior, settings)
    step = "sample" if prior.step_samples == 1 else "code"
    facts = {"temperature": wish.temperature, f"bits_per_{step}": round(bits, 4)}
    yield _concluded(wish, prior, drawn, facts, made)


def origin_of(report: Mapping, name: str) -> dict:
    """All that one sound can be made again with, of the report of its run."""
    shared = ("prior", "sampler", "steps", "duration_seconds", "label", "speaker", "guidance", "temperature")
    return {key: report[key] for key in shared if report.get(key) is not None} | report["sounds"][name]


def spoken(label: str) -> str:
    """A label as people say it: digits as words."""
    return DIGITS[int(label)] if label.isdecimal() and int(label) < len(DIGITS) else label


def origins(wish: Wish, settings: Settings, prior: Prior) -> list[dict]:
    """What tells every sound from the others: its seed, or its place in a morph; and a label where it is drawn.

    All of a morph has the label that its first seed draws.
    """
    if wish.morph is None:
        seeds = range(settings.seed, settings.seed + wish.count)
        return [{"seed": seed, **_drawn_label(wish, prior, seed)} for seed in seeds]
    shared = {"morph": list(wish.morph), "of": wish.count, **_drawn_label(wish, prior, wish.morph[0])}
    return [{**shared, "place": number} for number in range(wish.count)]


def origins_at_steps(numbers: Sequence[int], wish: Wish, settings: Settings, prior: Prior) -> list[dict]:
    """The same of `generate_at_steps`."""
    shared = {"seed": settings.seed, **_drawn_label(wish, prior, settings.seed)}
    return [{**shared, "steps": steps} for steps in numbers]


@dataclass(frozen=True)
class Part:
    """Sounds of a run that are drawn together: how, which, and from which noise."""

    plan: Plan
    origins: Sequence[dict]
    noise: NoiseSource


def _begin(wish: Wish, settings: Settings) -> tuple[Prior, Wish]:
    """The prior, and the wish as it takes it."""
    prior = load_prior(TASK, settings)
    _check_numbers(wish, settings)
    _check_way(wish, prior, settings)
    return prior, _for_prior(wish, prior)


def _draw(parts: Sequence[Part], wish: Wish, prior: Prior, settings: Settings) -> Generator[Progress, None, Drawn]:
    """All sounds, `[count, frames]`, one part after the other; steps are counted over all of them."""
    counted, emerging, event = Counted(prior), Emerging(prior, wish.seconds), prior.event(wish.seconds)
    time_left, before, total = TimeLeft(1), 0, sum(part.plan.steps for part in parts)
    for part in parts:
        start, told = torch.zeros(len(part.origins), *event, device=prior.device), _told(wish, prior, part.origins)
        for iterate in part.plan.start(counted, Observation(), start, part.noise, told):
            of_all = replace(iterate, step=before + iterate.step, total_steps=total)
            yield emerging.moment(*time_left.update(0, of_all), of_all)
        before += part.plan.steps
        emerging.finish(iterate.denoised)
    evaluations = round(counted.samples / (wish.count * np.prod(event)))
    made = provenance(prior.name, parts[0].plan.name, settings, prior.device, evaluations, time_left.seconds)
    return Drawn(emerging.finished, made)


def _concluded(wish: Wish, prior: Prior, drawn: Drawn, made: dict, origins: Sequence[dict]) -> Result:
    """The result with its report.

    Args:
        made: what all can be made again with, beside what they are told.
        origins: what each sound alone can be made again with.
    """
    made = made | {"label": wish.label, "speaker": wish.speaker}
    sounds = named_clips(drawn.waveform, prior.sample_rate)
    facts = {"count": wish.count, **made, "sounds": dict(zip(sounds, origins, strict=True))}
    outcome = Outcome(TASK, sounds, next(iter(sounds.values())), drawn.provenance, facts=facts)
    return conclude(outcome, Metrics((), lambda reference, estimate, observed: {}))


def _chain_facts(wish: Wish, prior: Prior, steps: int | list[int]) -> dict:
    """What the report says of sounds out of noise."""
    return {"steps": steps} | ({"guidance": wish.guidance} if prior.labels or prior.speakers else {})


def _noise(wish: Wish, seed: int, first: int, last: int) -> NoiseSource:
    """Of the sounds first to last (exclusive)."""
    if wish.morph is None:
        return SeparateNoise([_seeded(seed + number) for number in range(first, last)])
    shares = [number / max(wish.count - 1, 1) for number in range(first, last)]
    return MorphedNoise(*map(_seeded, wish.morph), shares)


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _drawn_label(wish: Wish, prior: Prior, seed: int) -> dict[str, str]:
    """The label that a seed draws where none is asked for; seeds 0 to 9 draw each of ten labels once, and so on.

    Its random numbers are not those of the noise: the sound is the same as where that label is asked for.
    """
    return {} if wish.label or wish.guidance == 0 or not prior.labels else {"label": label_of(seed, prior.labels)}


def label_of(seed: int, labels: Sequence[str]) -> str:
    """The label that a seed draws; see `_drawn_label`."""
    deal, place = divmod(seed, len(labels))
    return labels[np.random.default_rng(deal).permutation(len(labels))[place]]


def _told(wish: Wish, prior: Prior, origins: Sequence[dict]) -> LabelCondition | None:
    """What the prior is told of these sounds."""
    labels, speakers = [origin.get("label", wish.label) for origin in origins], [wish.speaker] * len(origins)
    if not any(labels + speakers):
        return None
    numbers = ([_number(name, prior.labels) for name in labels], [_number(name, prior.speakers) for name in speakers])
    return LabelCondition(*(torch.tensor(own, device=prior.device) for own in numbers), wish.guidance)


def _number(name: str | None, known: Sequence[str]) -> int:
    return 0 if name is None else 1 + known.index(name)


def check_guidance(guidance: float) -> None:
    """Refuses one that no prior can follow.

    Raises:
        InputError: see above.
    """
    if not 0 <= guidance <= STRONGEST:
        raise InputError(f"The guidance must lie between 0 and {STRONGEST:g}, not {guidance:g}.")


def _check_numbers(wish: Wish, settings: Settings) -> None:
    """Refuses, before any work, what makes no sense for any prior."""
    if not 1 <= wish.count <= MOST_SOUNDS:
        raise InputError(f"The number of sounds must lie between 1 and {MOST_SOUNDS}, not {wish.count}.")
    if wish.seconds is not None and not SHORTEST_SECONDS <= wish.seconds <= LIMITS.seconds:
        raise InputError(f"Sounds can last {SHORTEST_SECONDS:g} to {LIMITS.seconds:g} s, not {wish.seconds:g} s.")
    check_guidance(wish.guidance)
    if settings.batch is not None and not 1 <= settings.batch <= MOST_SOUNDS:
        raise InputError(f"Between 1 and {MOST_SOUNDS} sounds can be drawn at once, not {settings.batch}.")
    if wish.morph is not None and wish.count < 2:
        raise InputError("A morph leads from one sound to another, so it takes a count of at least 2.")


def _check_way(wish: Wish, prior: Prior, settings: Settings) -> None:
    """Refuses what the prior's way of drawing does not know."""
    if not prior.autoregressive:
        if settings.sampler == ANCESTRAL or wish.prime is not None or wish.temperature != 1:
            raise InputError(
                f"{prior.name} draws sounds out of noise; the sampler {ANCESTRAL}, a prime and a temperature are for "
                "WaveNets, such as piano-16k-wavenet."
            )
    elif settings.sampler not in (None, ANCESTRAL):
        raise InputError(f"{prior.name} is drawn sample by sample; choose the sampler {ANCESTRAL}, or none.")
    elif settings.steps is not None or wish.morph is not None or wish.guidance != Wish.guidance:
        raise InputError(f"{prior.name} is drawn sample by sample and knows no steps, morph or guidance.")
    elif wish.prime is not None and prior.step_samples > 1:
        raise InputError(f"{prior.name} draws codes from the first one on; a prime is for WaveNets, leave it out.")
    elif wish.label and wish.speaker:
        raise InputError(f"{prior.name} can be told one name; leave out the label or the speaker.")


def _for_prior(wish: Wish, prior: Prior) -> Wish:
    """The wish with its names as the prior spells them, and its length.

    A WaveNet has one table of names, of words or of speakers, and takes either as its label.

    Raises:
        InputError: a name that it does not know, or a length that it cannot draw.
    """
    if prior.autoregressive:
        wish = replace(wish, label=wish.label or wish.speaker, speaker=None)
    label, speaker = (
        known_name(wish.label, prior.labels, prior, "label"),
        known_name(wish.speaker, prior.speakers, prior, "speaker"),
    )
    seconds = min(prior.usual_seconds, prior.longest_seconds) if wish.seconds is None else wish.seconds
    if wish.count * seconds > MOST_SECONDS:
        raise InputError(f"All sounds together can last {MOST_SECONDS:g} s; ask for fewer or shorter ones.")
    if seconds > prior.longest_seconds:
        raise InputError(f"{prior.name} draws sounds of up to {prior.longest_seconds:.3g} s, not {seconds:g} s.")
    return replace(wish, seconds=seconds, label=label, speaker=speaker)


def known_name(name: str | None, known: Sequence[str], prior: Prior, what: str) -> str | None:
    """A name as the prior spells it; digits may be words."""
    if not name:
        return None
    wanted = name.strip().lower()
    spellings = {own.lower(): own for own in known}
    digit = str(DIGITS.index(wanted)) if wanted in DIGITS else wanted
    for spelling in (wanted, digit, spoken(wanted)):
        if spelling in spellings:
            return spellings[spelling]
    choices = f"choose one of {', '.join(known)}, or none" if known else "leave it out"
    raise InputError(f"{prior.name} knows no {what} {name[:40]!r}; {choices}.")
