"""Separation: sources with a prior each are drawn so that they add up to the mixture (PnF, sec. 4.2)."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from core import zoo
from core.errors import InputError
from core.observations.mixture import Mixture, Remainder, SharedSum
from core.priors.independent import Independent
from core.samplers.presets import SeparationPlan, choose_separation_plan
from core.signal.clip import Clip
from core.signal.limits import check_clip
from core.signal.resampling import resample
from core.tasks.blocks import Clock, at_rate, join, overlap_of, silent, split_blocks
from core.tasks.progress import Settings
from core.tasks.restoration import HEADROOM, block_seconds, own_window, resolve_devices
from core.tasks.separation_outcome import conclude, matching_references
from core.tasks.stems import SeparationRun, StemsProgress
from core.tasks.windows import run_windows
from core.types import Iterate, Prior

TASK = "separate"
DEFAULT_PRIORS = ("piano-16k", "voice-16k")
MOST_SOURCES = 8
LOUDEST_DB = 60.0
SILENT_MIXTURE = "The mixture is silent or a constant, so every stem is its equal share."


def separate(
    mixture: Clip,
    priors: Sequence[str] = DEFAULT_PRIORS,
    *,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    form: str | None = None,
    levels_db: Sequence[float] | None = None,
    references: Sequence[Clip] | None = None,
) -> SeparationRun:
    """Takes a mixture apart into one stem for each prior; the stems add up to it.

    What is over the priors' band (in a clip of a higher rate) goes to the stems by their share of the upper half of
    the band.

    Args:
        priors: a prior's name for each source; one may serve several.
        settings: their `prior` is not looked at.
        form: "shared", in which priors look at the mixture and share what they miss, "exact", in which the last source
            is what the others leave, or "soft", the original's pull; None takes the first that priors and sampler fit.
        levels_db: how loud each source is expected to be, relative to the first; equally loud where not given.
        references: the truth of each source, in the priors' order, for metrics.

    Yields:
        StemsProgress after every update, then one Separation at the mixture's rate.

    Raises:
        InputError: priors that cannot be added, a setting out of range, references that do not fit.
    """
    check_clip("The mixture", mixture)
    names, levels = _check_levels_of(priors, levels_db)
    truths = None if references is None else matching_references(references, mixture, names)
    prior = load_sources(priors, resolve_devices(settings)[0])
    gains, rate = tuple(10 ** (level / 20) for level in levels), prior.sample_rate
    windows = {"window": own_window(settings, rate), "batch": settings.batch}
    plan = choose_separation_plan(prior, settings.quality, settings.sampler, settings.steps, form, gains, **windows)
    known = at_rate(mixture, rate)
    stems = partial(_complete, mixture, known, names)
    for moment in _run(known.samples, prior, plan, settings):
        if isinstance(moment, _Separated):
            break
        heard, chain, iterate, seconds, left = moment
        yield StemsProgress(names, partial(stems, heard), partial(stems, chain), iterate, seconds, left)
    extras = {"form": plan.form, "levels_db": levels}
    yield conclude(TASK, names, stems(moment.sources), mixture, moment, prior, settings, truths, extras)


def mix(sources: Sequence[Clip], levels_db: Sequence[float]) -> tuple[Clip, list[Clip], tuple[str, ...]]:
    """Sources at chosen levels, and their sum.

    All are brought to the first one's rate and channels (mono becomes stereo where another is), shorter ones end in
    silence, and each stands `levels_db` over the first in root mean square.

    Returns:
        The mixture, the sources as they are in it, and notes.

    Raises:
        InputError: a silent source, whose level cannot be set, or levels that do not fit.
    """
    if len(sources) < 2:
        raise InputError("A mixture has at least two sources; give another one.")
    rate, channels = sources[0].sample_rate, max(source.channels for source in sources)
    brought = [_with_channels(resample(source, rate), channels) for source in sources]
    frames, notes = max(clip.frames for clip in brought), []
    if min(clip.frames for clip in brought) < frames:
        notes.append("The sources differ in length; the shorter ones end in silence.")
    levels = [0.0, *levels_db]
    if len(levels) != len(sources):
        raise InputError(f"{len(sources)} sources need {len(sources) - 1} levels relative to the first.")
    _check_levels(levels)
    first = _rms(brought[0].samples)
    placed = []
    for clip, level in zip(brought, levels, strict=True):
        rms = _rms(clip.samples)
        if min(rms, first) < 1e-7:
            raise InputError("A source is silent, so its level cannot be set; choose another sound.")
        samples = np.zeros((channels, frames), dtype=np.float32)
        samples[:, : clip.frames] = clip.samples * (first / rms * 10 ** (level / 20))
        placed.append(samples)
    peak = float(np.abs(sum(placed)).max())
    if peak > 1:
        notes.append(f"The mixture would have clipped, so all of it was turned down by {20 * np.log10(peak):.1f} dB.")
        placed = [samples / np.float32(peak) for samples in placed]
    return Clip(sum(placed), rate), [Clip(samples, rate) for samples in placed], tuple(notes)


def load_sources(names: Sequence[str], device: str) -> Independent:
    """The priors of that name as one prior over sources.

    Raises:
        InputError: an unknown prior, one that cannot separate, or priors that cannot be added.
    """
    entries = {entry.name: entry for entry in zoo.catalogue()}
    prior = _load_priors(names, device)
    for name in names:
        if TASK not in entries[name].task:
            able = ", ".join(sorted(n for n, entry in entries.items() if TASK in entry.task))
            raise InputError(f"The prior {name} can't {TASK}; choose some of {able}.")
    return prior


def _load_priors(names: Sequence[str], device: str) -> Independent:
    return Independent([zoo.load(name, device) for name in names])


def stem_names(priors: Sequence[str]) -> tuple[str, ...]:
    """A stem is called as its prior; a second one of the same prior gets "-2"."""
    names: list[str] = []
    for prior in priors:
        numbered = (f"{prior}-{n}" for n in itertools.count(2))
        names.append(next(name for name in itertools.chain([prior], numbered) if name not in names))
    return tuple(names)


@dataclass(frozen=True)
class _Separated:
    """What `_run` ends with: the sources [sources, channels, frames] at the prior's rate, and what it took."""

    sources: np.ndarray
    score_evaluations: int
    seconds: float
    sampler: str
    notes: tuple[str, ...]


def _check_levels_of(priors: Sequence[str], levels_db: Sequence[float] | None) -> tuple[tuple[str, ...], list[float]]:
    """The stems' names, and how loud each is expected to be."""
    if len(priors) > MOST_SOURCES:
        raise InputError(f"A mixture is taken apart into at most {MOST_SOURCES} sources, not {len(priors)}.")
    levels = [0.0] * len(priors) if levels_db is None else [float(level) for level in levels_db]
    if len(levels) != len(priors):
        raise InputError(f"{len(priors)} priors need as many expected levels, not {len(levels)}.")
    _check_levels(levels)
    return stem_names(priors), levels


def _check_levels(levels: Sequence[float]) -> None:
    for level in levels:
        if not abs(level) <= LOUDEST_DB:
            raise InputError(f"A level must lie within {LOUDEST_DB:g} dB of the first source's, not at {level:g} dB.")


def _run(mixture: np.ndarray, prior: Independent, plan: SeparationPlan, settings: Settings):
    """Runs a chain over every block of the mixture [channels, frames] at the prior's rate.

    Yields:
        (what is heard, what the chain is: each a function that makes [sources, channels, frames], iterate, seconds,
        seconds left), and last a _Separated.
    """
    power = sum(g**2 for g in plan.gains)
    start = np.stack([mixture * (g**2 / power) for g in plan.gains]).astype(np.float32)
    blocks = split_blocks([(0, mixture.shape[1])], prior.sample_rate, seconds=block_seconds(settings, plan.name))
    blocks = [] if silent(mixture).all() else blocks
    join_all = partial(_joined, start, blocks, [own.name for own in prior.priors])
    clock, latest, asked = Clock(len(blocks)), {}, {}
    work = partial(_separate_block, mixture, _gain(mixture, prior, power), plan, settings.seed)
    load = partial(_load_priors, [own.name for own in prior.priors])
    for moment in run_windows(work, blocks, prior, load, resolve_devices(settings)):
        number = moment.number
        seconds, left = clock.tick(number, moment.iterate)
        latest[number], asked[number] = moment.heard, moment.asked
        joined = (partial(join_all, latest | {number: part}) for part in (moment.heard, moment.chain))
        yield *joined, moment.iterate, seconds, left
    evaluations = round(sum(asked.values()) / (len(plan.gains) * max(mixture.size, 1)))
    notes = () if blocks else (SILENT_MIXTURE,)
    yield _Separated(join_all(latest), evaluations, clock.seconds, plan.name, notes)


def _separate_block(
    mixture: np.ndarray, gain: float, plan: SeparationPlan, seed: int, prior: Prior, first: int, last: int
) -> Iterator[tuple[Iterate, np.ndarray, np.ndarray]]:
    """One chain; yields each iterate with the sources that it hears and is, [sources, channels, frames]."""
    gains, generator = plan.gains, torch.Generator().manual_seed(seed + 7919 * first)
    observed = torch.from_numpy(mixture[:, first:last].astype(np.float64) * gain).float().to(prior.device)
    binding = (SharedSum if plan.form == "shared" else Mixture)(observed, gains, prior.domain, plan.strength)
    start = binding.initialise(generator)
    if plan.form == "exact":
        remainder = Remainder(prior, observed, gains, plan.sharpness)
        free = start.view(len(observed), len(gains), -1)[:, :-1].flatten(0, 1)
        chain, complete = plan.start(remainder, remainder.observation, free, generator), remainder.complete
    else:
        chain, complete = plan.start(prior, binding, start, generator), lambda x: x

    def sources(x: Tensor) -> np.ndarray:
        waveforms = prior.decode(complete(x)).double().view(len(observed), len(gains), -1).transpose(0, 1)
        scaled = waveforms * waveforms.new_tensor(gains)[:, None, None] / gain
        return scaled.cpu().numpy().astype(np.float32)

    for iterate in chain:
        iterate = replace(iterate, residual=iterate.residual / gain)
        yield iterate, sources(iterate.denoised), sources(iterate.x)


def _gain(mixture: np.ndarray, prior: Prior, power: float) -> float:
    """What brings the whole mixture to the level that independent sources at the priors' level would have."""
    gain = prior.rms * np.sqrt(power) / max(_rms(mixture), 1e-7)
    return float(min(gain, HEADROOM / max(np.abs(mixture).max(), 1e-7)) if prior.domain.bounded else gain)


def _joined(
    start: np.ndarray, blocks: list[tuple[int, int]], priors: Sequence[str], latest: Mapping[int, np.ndarray]
) -> np.ndarray:
    """The sources with what there is of the blocks put in; those of one prior may have changed places in a block, and
    change back."""
    sources = start.copy()
    for number in sorted(latest):
        block, first, overlap = latest[number], blocks[number][0], overlap_of(blocks, number)
        order = _matching_order(sources[:, :, first : first + overlap], block[:, :, :overlap], priors)
        for row, n in zip(sources, order, strict=True):
            join(row, block[n], first, overlap)
    return sources


def _matching_order(before: np.ndarray, after: np.ndarray, priors: Sequence[str]) -> list[int]:
    """For every source the one of the block that goes on with it: of the same prior, and most alike in the overlap."""
    free, order = set(range(len(priors))), []
    for n, prior in enumerate(priors):
        same = [m for m in sorted(free) if priors[m] == prior]
        best = max(same, key=lambda m: float(np.sum(before[n] * after[m]))) if before.shape[-1] else n
        free.discard(best)
        order.append(best)
    return order


def _complete(mixture: Clip, known: Clip, names: tuple[str, ...], sources) -> tuple[Clip, ...]:
    """Stems at the mixture's rate that add up to it.

    Args:
        known: the mixture at the prior's rate.
        sources: [sources, channels, frames] at the prior's rate, or a function that makes them.
    """
    sources = sources() if callable(sources) else sources
    if mixture.sample_rate == known.sample_rate:
        stems = [source.copy() for source in sources]
    else:
        lower = [resample(Clip(s, known.sample_rate), mixture.sample_rate, frames=mixture.frames) for s in sources]
        stems = [clip.samples.copy() for clip in lower]
    if mixture.sample_rate > known.sample_rate:
        over = mixture.samples - resample(known, mixture.sample_rate, frames=mixture.frames).samples
        shares = _shares_of_the_upper_band(stems, mixture.sample_rate, known.sample_rate)
        stems = [stem + over * share for stem, share in zip(stems, shares, strict=True)]
    # rounding leaves a little: the last stem takes it
    stems[-1] = mixture.samples - sum(stems[:-1])
    return tuple(Clip(stem, mixture.sample_rate) for stem in stems)


def _shares_of_the_upper_band(sources: Sequence[np.ndarray], sample_rate: int, prior_rate: int) -> np.ndarray:
    """Each source's share of the power in the upper half of the prior's band over time, [sources, 1, frames]."""
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import butter, sosfiltfilt

    highpass = butter(4, prior_rate / 4, "highpass", fs=sample_rate, output="sos")
    pad = min(sources[0].shape[-1] - 1, 512)
    powers = np.stack([np.square(sosfiltfilt(highpass, s, padlen=pad)).mean(axis=0, keepdims=True) for s in sources])
    smooth = uniform_filter1d(powers, max(1, sample_rate // 20), mode="nearest", axis=-1) + 1e-12
    return (smooth / smooth.sum(axis=0)).astype(np.float32)


def _with_channels(clip: Clip, channels: int) -> Clip:
    if clip.channels == channels:
        return clip
    return Clip(np.broadcast_to(clip.mono().samples, (channels, clip.frames)), clip.sample_rate)


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0
