"""What a sound of low rate holds, what is missing from it, and what of it stays in the result."""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch

from core import zoo
from core.errors import InputError
from core.models import aliasing
from core.observations.lowpass import EDGE, LowpassDecimation
from core.signal.bandwidth import band_end, band_ends, lower_part, splice_bands
from core.signal.clip import Clip
from core.signal.companding import Waveform
from core.tasks.blocks import at_rate, silent
from core.zoo.families import DETECTOR

LARGEST_FACTOR = 64
SLOWEST_RATE = 250  # Hz that must remain of the prior's rate
PASSED = 0.88  # share of a kept band that resamplers pass at the least
FULL = 0.95  # share of the prior's band from which on nothing is missing
AUDIBLE = 3e-4  # share of a sound's level from which on a band of it is more than a filter's rest
DETECTOR_NAME = "aliasing"
SETTLED = 0.04  # doubt under which the other kind does not count
Evidence = Literal["plain", "lowpass"]
KINDS: tuple[Evidence, ...] = get_args(Evidence)


@dataclass(frozen=True)
class Thinned:
    """Samples that were kept of a sound.

    Args:
        kept: at the prior's rate / factor, [channels, ceil(frames / factor)].
        frames: of the wanted sound, at the prior's rate.
        factor: 1 where nothing is missing.
        kind: what the samples are; None where nothing is missing.
        own: the sound that they are of, whose own bands stay in the result; None where it is the truth itself.
        cutoffs: one a channel in Hz, that count where the samples are low-passed; under them the result is `own`. None
            of plain samples of the truth.
        warning: what of `own` is lost.
        note: what was found out about it.
        doubt: how likely it is that the samples are of the other kind, up to a half; 0 where that is settled.
    """

    kept: np.ndarray
    frames: int
    factor: int
    kind: Evidence | None
    own: Clip | None = None
    cutoffs: tuple[float, ...] | None = None
    warning: str | None = None
    note: str | None = None
    doubt: float = 0.0

    @property
    def ends(self) -> list[float]:
        """The cut-offs over which something is missing."""
        return [cutoff for cutoff in self.cutoffs if cutoff < math.inf] if self.kind == "lowpass" else []

    @property
    def plain(self) -> float:
        """How likely it is that the samples are plain."""
        return 1 - self.doubt if self.kind == "plain" else self.doubt

    def taken_for(self, kind: Evidence) -> "Thinned":
        """The same, once it is settled what the samples are."""
        return replace(self, kind=kind, doubt=0.0)

    def raise_rate(self, made: Clip) -> Clip:
        """What was made, at least at `own`'s rate, with what `own` has over the band of what was made."""
        if self.own is None or self.own.sample_rate <= made.sample_rate:
            return made
        raised = at_rate(made, self.own.sample_rate, frames=self.own.frames)
        return splice_bands(raised, self.own, made.sample_rate / 2)

    def keep_own(self, made: Clip) -> Clip:
        """The same with `own` under the cut-offs."""
        made = self.raise_rate(made)
        if self.own is None or self.kind == "plain":
            return made
        own = at_rate(self.own, made.sample_rate, frames=made.frames)
        pairs = zip(_channels(own), _channels(made), self.cutoffs, strict=True)
        return Clip(np.concatenate([splice_bands(*pair).samples for pair in pairs]), made.sample_rate)

    def band(self, sample_rate: int) -> np.ndarray:
        """Of low-passed samples: the sound with nothing made, [channels, frames] at a rate, the prior's."""
        if self.own is not None:
            return at_rate(self.own, sample_rate, frames=self.frames).samples
        kept = torch.from_numpy(self.kept)
        return (LowpassDecimation(self.factor, kept, self.frames, Waveform()).adjoint(kept) * self.factor).numpy()


def degrade_truth(truth: Clip, factor: int, kind: Evidence) -> Thinned:
    """Every factor-th sample of the truth, filtered first or not.

    Raises:
        InputError: a factor that can't be used, or no such kind of evidence.
    """
    _check_factor(factor, truth.sample_rate)
    _check_evidence(kind, KINDS)
    if kind == "plain":
        return Thinned(truth.samples[:, ::factor].copy(), truth.frames, factor, kind)
    waveform = torch.from_numpy(truth.samples.copy())
    empty = torch.zeros(truth.channels, -(-truth.frames // factor))
    kept = LowpassDecimation(factor, empty, truth.frames, Waveform()).forward(waveform).numpy()
    cutoffs = (EDGE * truth.sample_rate / factor / 2,) * truth.channels
    return Thinned(kept, truth.frames, factor, kind, cutoffs=cutoffs)


def thinned_by(clip: Clip, factor: int, evidence: Evidence | Literal["auto"], sample_rate: int) -> Thinned:
    """A clip that holds a factor-th of the samples wanted at a rate, the prior's.

    Raises:
        InputError: a factor that can't be used, or no such kind of evidence.
    """
    _check_factor(factor, sample_rate)
    _check_evidence(evidence, ("auto", *KINDS))
    frames = round(clip.seconds * sample_rate)
    kept = _bring_to(clip, sample_rate, factor)[:, : -(-frames // factor)]
    filtered = clip.sample_rate * factor != sample_rate  # on the way to another rate
    kind, doubt = (evidence, 0.0) if evidence != "auto" else _kind_of(kept, sample_rate / factor, filtered)
    cutoffs = (EDGE * min(sample_rate / factor, clip.sample_rate) / 2,) * clip.channels
    warning = _warning(clip, sample_rate / factor / 2, sample_rate / 2)
    return Thinned(kept, frames, factor, kind, clip, cutoffs, warning, doubt=doubt)


def thinned_as_found(
    clip: Clip, evidence: Evidence | Literal["auto"], sample_rate: int, cutoff: float | None = None
) -> Thinned:
    """A clip from which is missing what lies between the end of its spectrum and half the rate wanted.

    Args:
        cutoff: where it ends, in Hz; None finds it.

    Raises:
        InputError: a cut-off that can't be used, or no such kind of evidence.
    """
    _check_evidence(evidence, ("auto", *KINDS))
    ends = band_ends(clip) if cutoff is None else [_checked_cutoff(cutoff, sample_rate)] * clip.channels
    end, half = min(ends), sample_rate / 2
    if end > FULL * half:
        note = (
            f"The spectrum reaches {_khz(end)} and the prior makes nothing over {_khz(half)}, so the sound came back "
            "as it is."
        )
        kept, note = at_rate(clip, sample_rate), note + _of_lower_part(clip, half)
        return Thinned(kept.samples, kept.frames, 1, None, clip, (math.inf,) * clip.channels, note=note)
    factor = max(2, min(math.ceil(PASSED * half / end), largest_factor(sample_rate)))
    found = thinned_by(clip, factor, evidence if cutoff is None else "lowpass", sample_rate)
    sure = EDGE * clip.sample_rate / 2
    cutoffs = tuple(min(end, sure) if end <= FULL * half else math.inf for end in ends)
    said = dict.fromkeys(_khz(end) for end in (cutoffs if found.kind == "lowpass" else ends) if end < math.inf)
    note = f"The spectrum ends at {' and '.join(said)}; what lies over it was made."
    note += "" if cutoff else _of_lower_part(clip, end)
    return replace(found, cutoffs=cutoffs, warning=None, note=note)


def largest_factor(sample_rate: int) -> int:
    """Of a prior of this rate."""
    return min(LARGEST_FACTOR, sample_rate // SLOWEST_RATE)


def _checked_cutoff(cutoff: float, sample_rate: int) -> float:
    lowest, highest = sample_rate / largest_factor(sample_rate) / 2, sample_rate / 2
    if not lowest <= cutoff <= highest:
        raise InputError(f"The cut-off must lie between {lowest:g} and {highest:g} Hz, not at {cutoff:g}.")
    return cutoff


def _channels(clip: Clip) -> list[Clip]:
    return [Clip(channel[None], clip.sample_rate) for channel in clip.samples]


def _check_factor(factor: int, sample_rate: int) -> None:
    largest = largest_factor(sample_rate)
    if not isinstance(factor, int) or not 2 <= factor <= largest:
        raise InputError(f"The factor must be a whole number from 2 to {largest}, not {factor}.")


def _check_evidence(kind: str, kinds: tuple[str, ...]) -> None:
    if kind not in kinds:
        raise InputError(f"There is no evidence {str(kind):.40}; choose one of {', '.join(kinds)}.")


def _bring_to(clip: Clip, sample_rate: int, factor: int) -> np.ndarray:
    """The clip at sample_rate / factor, which need not be a whole number of hertz."""
    if clip.sample_rate * factor == sample_rate:
        return clip.samples
    frames = -(-round(clip.seconds * sample_rate) // factor)
    scaled = Clip(clip.samples, clip.sample_rate * factor)  # the same samples, counted `factor` times as fast
    return at_rate(scaled, sample_rate, frames=frames).samples


def _kind_of(kept: np.ndarray, sample_rate: float, filtered: bool) -> tuple[Evidence, float]:
    """By whether aliases are heard in what was kept, and how likely that is wrong; constants and a few samples, which
    say nothing, are plain."""
    heard = torch.from_numpy(kept[~silent(kept)])
    if not len(heard):
        return "plain", 0.0  # a filter would ring at the ends of a constant
    if filtered:
        return "lowpass", 0.0
    if kept.shape[1] < aliasing.SHORTEST:
        return "plain", 0.0
    log_odds = zoo.load_model(DETECTOR, DETECTOR_NAME)(heard, sample_rate).mean().item()
    doubt = 1 / (1 + math.exp(abs(log_odds)))
    return "plain" if log_odds > 0 else "lowpass", doubt if doubt > SETTLED else 0.0


def _warning(clip: Clip, kept: float, made: float) -> str | None:
    """Says that the clip has a band between what is kept of it and what is made, in Hz, which is lost."""
    end = min(band_end(clip), made)
    if end * PASSED < kept:
        return None
    under = splice_bands(clip, Clip(np.zeros_like(clip.samples), clip.sample_rate), kept / PASSED)
    if np.linalg.norm(clip.samples - under.samples) < AUDIBLE * np.linalg.norm(clip.samples):
        return None
    return (
        f"The sound has a band between {_khz(kept)} and {_khz(end)} of its own, which is replaced by what the prior "
        "makes; let the factor be found (auto) to keep it."
    )


def _of_lower_part(clip: Clip, end: float) -> str:
    """A further sentence where a part of the sound ends lower than the whole."""
    part = lower_part(clip, end)
    if part is None:
        return ""
    start, stop, lower = part
    return f" From {start:g} to {stop:g} s it ends lower, at {_khz(lower)}; choose that part to have more of it made."


def _khz(hertz: float) -> str:
    return f"{hertz / 1000:.3g} kHz"
