"""Super-resolution: the samples between the samples (PnF, sec. 4.3), or the band over the band.

Evidence: every k-th sample of the wanted waveform (`plain`), or its low-passed version at the k-th part of the rate
(`lowpass`, which is what real files of a low rate are).
"""

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from core.choices import EXTENDER
from core.errors import InputError
from core.generators import mapped
from core.observations.decimation import Decimation
from core.observations.lowpass import LowpassDecimation
from core.signal.clip import Clip
from core.signal.companding import Domain, Waveform
from core.signal.interpolation import spline
from core.signal.limits import check_clip
from core.signal.metrics import lsd_db
from core.tasks.band_extension import can_extend, check_extender, extend_band
from core.tasks.blocks import at_rate
from core.tasks.drawing import Drawn
from core.tasks.loading import load_prior
from core.tasks.progress import SOUND, Progress, Run, Sounds
from core.tasks.report import FRAME, conclude, fidelity, match_reference
from core.tasks.restoration import Problem, restoration_outcome, restore
from core.tasks.settings import Settings
from core.tasks.thinned import Evidence, Thinned, degrade_truth, largest_factor, thinned_as_found, thinned_by
from core.types import Prior

TASK = "super-resolve"
BAND_OPENNESS = 4.0  # a quiet start would leave the band above the cut-off empty
NOISE_LEVELS = np.geomspace(1e-5, 3e-2, 15)  # relative to the peak


def super_resolve(
    clip: Clip,
    factor: int | Literal["auto"],
    *,
    degrade: Evidence | None = None,
    evidence: Evidence | Literal["auto"] = "auto",
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    cutoff: float | None = None,
    reference: Clip | None = None,
) -> Run:
    """Makes a waveform at the prior's rate from one that holds a `factor`-th of its samples.

    Args:
        clip: brought to (prior's rate / factor) first; with `degrade` it is the truth, at any rate.
        factor: 2 to 64; "auto" finds where the clip's spectrum ends.
        degrade: makes the evidence: "plain" keeps every factor-th sample as PnF does, "lowpass" filters first.
        cutoff: where the clip's spectrum ends, in Hz, for the factor "auto"; None finds it.
        evidence: what a clip of low rate holds: "plain" samples or "lowpass" filtered ones; "auto" listens for aliases.
        reference: the truth, for metrics.

    Yields:
        Progress after every update, then one Result: at the prior's rate with `degrade`, else at the higher of the
        prior's and the clip's; what lies over the prior's band is the clip's own.

    Raises:
        InputError: a factor or prior that can't be used.
    """
    check_clip("The clip", clip)
    prior = load_prior(TASK, settings)
    if cutoff is not None and (factor != "auto" or degrade):
        raise InputError("A cut-off is where the spectrum of the sound ends; it goes with the factor auto alone.")
    if not degrade:
        thinned = _thinned(clip, factor, evidence, cutoff, prior.sample_rate)
        return (yield from _restore(thinned, prior, settings, reference))
    if factor == "auto":
        largest = largest_factor(prior.sample_rate)
        raise InputError(f"To thin a sound out first takes a factor: a whole number from 2 to {largest}.")
    truth = at_rate(clip, prior.sample_rate)
    yield from _restore(degrade_truth(truth, factor, degrade), prior, settings, truth)


def _thinned(
    clip: Clip,
    factor: int | Literal["auto"],
    evidence: Evidence | Literal["auto"],
    cutoff: float | None,
    sample_rate: int,
) -> Thinned:
    if factor == "auto":
        return thinned_as_found(clip, evidence, sample_rate, cutoff)
    return thinned_by(clip, factor, evidence, sample_rate)


def _restore(thinned: Thinned, prior: Prior, settings: Settings, reference: Clip | None) -> Run:
    def clip_of(waveform: np.ndarray) -> Clip:
        return Clip(waveform, prior.sample_rate)

    doubtful = thinned.doubt > 0 and settings.sampler != EXTENDER
    observed, restored, drawn = yield from (_make_either if doubtful else _make)(thinned, prior, settings)
    baselines = {"spline": thinned.raise_rate(clip_of(_splines(thinned)))}
    truth = None if reference is None else match_reference(at_rate(reference, restored.sample_rate), restored)
    if truth is not None:
        baselines["spline + noise"] = best_noise(baselines["spline"], truth, _known(thinned, restored))
    outcome = restoration_outcome(
        TASK,
        restored,
        drawn,
        observed=observed,
        truth=truth,
        baselines=baselines,
        facts={"factor": thinned.factor, "evidence": thinned.kind}
        | ({"evidence_doubt": round(thinned.doubt, 3)} if doubtful else {})
        | ({"cutoff_hz": [round(cutoff) for cutoff in thinned.ends]} if thinned.ends else {})
        | ({"warning": thinned.warning} if thinned.warning else {}),
        note=" ".join(filter(None, [thinned.note, _mixed_note(thinned) if doubtful else None])) or None,
    )
    yield conclude(outcome, fidelity())


def _make(
    thinned: Thinned, prior: Prior, settings: Settings, finish: Callable[[Clip], Clip] = lambda made: made
) -> Generator[Progress, None, tuple[Clip, Clip, Drawn]]:
    """What was observed, what is made of it, and how it was drawn.

    Args:
        finish: what else is done to what is made, while it is made too.
    """

    def kept(waveform: np.ndarray) -> Clip:
        return finish(thinned.keep_own(Clip(waveform, prior.sample_rate)))

    observed, drawn = yield from _draw(thinned, prior, settings, lambda made: {SOUND: kept(made)})
    waveform = drawn.waveform.copy()
    if thinned.kind == "plain":
        waveform[:, :: thinned.factor] = thinned.kept  # bit for bit, also where the prior lives in classes
    return thinned.raise_rate(Clip(observed, prior.sample_rate)), kept(waveform), drawn


def _make_either(
    thinned: Thinned, prior: Prior, settings: Settings
) -> Generator[Progress, None, tuple[Clip, Clip, Drawn]]:
    """The same of samples that may be of either kind: the mean of what is made of both, by how likely they are. The
    plain ones come first, which take the longer."""
    plain, filtered = thinned.taken_for("plain"), thinned.taken_for("lowpass")
    further = 0 if _is_extended(filtered, prior, settings) else 1
    observed, of_plain, drawn = yield from mapped(_make(plain, prior, settings), partial(_then_further, further))

    def mixed(made: Clip) -> Clip:
        mean = thinned.plain * of_plain.samples + (1 - thinned.plain) * made.samples
        return Clip(mean, made.sample_rate)

    of_filtered, mean, again = yield from _make(filtered, prior, settings, mixed)
    spent = {name: drawn.provenance[name] + again.provenance[name] for name in ("score_evaluations", "seconds")}
    drawn = replace(drawn, provenance=drawn.provenance | spent, notes=tuple(dict.fromkeys(drawn.notes + again.notes)))
    return (observed if thinned.kind == "plain" else of_filtered), mean, drawn


def _then_further(times: int, progress: Progress) -> Progress:
    """Of a run after which others come that take as long."""
    left = progress.seconds_left + times * (progress.seconds + progress.seconds_left)
    return replace(progress, seconds_left=left)


def _draw(
    thinned: Thinned, prior: Prior, settings: Settings, present: Callable[[np.ndarray], Sounds]
) -> Generator[Progress, None, tuple[np.ndarray, Drawn]]:
    """What was observed, at the prior's rate, and what is made of it: by the extender where the band has an end that it
    knows, unless another sampler is asked for."""
    if thinned.kind is None:
        settings = replace(settings, sampler=None)  # whoever is asked, nothing is missing
    if settings.sampler == EXTENDER:
        check_extender(prior, thinned.cutoffs if thinned.kind == "lowpass" else None)
    if _is_extended(thinned, prior, settings):
        band = thinned.band(prior.sample_rate)
        return band, (yield from extend_band(band, thinned.cutoffs, prior, settings, present))
    problem = _problem(thinned)
    return problem.start, (yield from restore(problem, prior, settings, present))


def _is_extended(thinned: Thinned, prior: Prior, settings: Settings) -> bool:
    if settings.sampler is not None or thinned.kind != "lowpass":
        return settings.sampler == EXTENDER
    return can_extend(prior, thinned.cutoffs)


def _mixed_note(thinned: Thinned) -> str:
    return (
        f"Whether its samples were filtered cannot be heard for sure ({100 * thinned.plain:.0f} % for plain ones), so "
        "what is made of them either way was mixed; choose the evidence where you know it."
    )


def best_noise(baseline: Clip, truth: Clip, known: np.ndarray) -> Clip:
    """The baseline with that much white noise on its unknown samples which brings its spectrum nearest to the truth.

    A log-spectral distance rewards any noise in empty bins; a result counts only against the better of the two
    baselines.
    """
    noise = np.random.default_rng(0).standard_normal(baseline.samples.shape, dtype=np.float32) * ~known
    peak = max(float(np.abs(truth.samples).max()), 1e-9)
    best, best_distance = baseline, np.inf
    for level in (0.0, *NOISE_LEVELS) if baseline.frames >= FRAME else ():
        candidate = Clip(baseline.samples + np.float32(level * peak) * noise, baseline.sample_rate)
        distance = np.mean([lsd_db(t, c) for t, c in zip(truth.samples, candidate.samples, strict=True)])
        if distance < best_distance:
            best, best_distance = candidate, distance
    return best


def _known(thinned: Thinned, restored: Clip) -> np.ndarray:
    """Which frames of the result are the evidence itself."""
    known = np.zeros(restored.frames, dtype=bool)
    if restored.frames == thinned.frames:
        known[:: thinned.factor] = thinned.kind == "plain"
    return known


def _problem(thinned: Thinned) -> Problem:
    evidence, frames, factor = torch.from_numpy(thinned.kept.copy()), thinned.frames, thinned.factor
    if thinned.kind == "plain":
        start = _splines(thinned)
    else:
        start = LowpassDecimation(factor, evidence, frames, Waveform()).adjoint(evidence).numpy() * factor
    hardness, openness = max(1, min(factor // 4, 4)), 1.0 if thinned.kind == "plain" else BAND_OPENNESS
    observe = partial(_observe, evidence, factor, thinned.kind)
    regions = [(0, frames)] if factor > 1 else []
    return Problem(start.astype(np.float32), regions, observe, factor, hardness, openness)


def _observe(
    evidence: Tensor, factor: int, kind: Evidence, first: int, last: int, gain: Tensor, domain: Domain
) -> Decimation | LowpassDecimation:
    part = (evidence[:, first // factor : -(-last // factor)].to(gain.device) * gain).float()
    if kind == "plain":
        return Decimation(factor, domain.encode(part), last - first, domain)
    return LowpassDecimation(factor, part, last - first, domain)


def _splines(thinned: Thinned) -> np.ndarray:
    return np.stack([spline(row.astype(np.float64), thinned.factor, thinned.frames) for row in thinned.kept])
