"""Super-resolution: the samples between the samples (PnF, sec. 4.3), or the band over the band.

Evidence: every k-th sample of the wanted waveform (`plain`), or its low-passed version at the k-th part of the rate
(`lowpass`, which is what real files of a low rate are).
"""

from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.observations.decimation import Decimation
from core.observations.lowpass import LowpassDecimation
from core.signal.clip import Clip
from core.signal.companding import Domain, Waveform
from core.signal.interpolation import spline
from core.signal.limits import check_clip
from core.signal.metrics import lsd_db
from core.tasks.blocks import at_rate
from core.tasks.loading import load_prior
from core.tasks.progress import Run
from core.tasks.report import FRAME, conclude, fidelity, match_reference
from core.tasks.restoration import Problem, restoration_outcome, restore
from core.tasks.settings import Settings

TASK = "super-resolve"
LARGEST_FACTOR = 64
SLOWEST_RATE = 250  # Hz that must remain of the prior's rate
BAND_OPENNESS = 4.0  # a quiet start would leave the band above the cut-off empty
NOISE_LEVELS = np.geomspace(1e-5, 3e-2, 15)  # relative to the peak
SHORTEST_SPECTRUM = 128  # samples under which the top of the band can't be judged
Evidence = Literal["plain", "lowpass"]


def super_resolve(
    clip: Clip,
    factor: int,
    *,
    degrade: Evidence | None = None,
    evidence: Evidence | Literal["auto"] = "auto",
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    reference: Clip | None = None,
) -> Run:
    """Makes a waveform at the prior's rate from one that holds a `factor`-th of its samples.

    Args:
        clip: brought to (prior's rate / factor) first; with `degrade` it is the truth, at any rate.
        factor: 2 to 64.
        degrade: makes the evidence: "plain" keeps every factor-th sample as PnF does, "lowpass" filters first.
        evidence: what a clip of low rate holds: "plain" samples or "lowpass" filtered ones; "auto" looks at its band.
        reference: the truth, for metrics.

    Yields:
        Progress after every update, then one Result at the prior's rate.

    Raises:
        InputError: a factor or prior that can't be used.
    """
    check_clip("The clip", clip)
    prior = load_prior(TASK, settings)
    _check_factor(factor, prior.sample_rate)
    if degrade:
        reference = at_rate(clip, prior.sample_rate)
        kept, kind = _degrade(reference, factor, degrade), degrade
        frames = reference.frames
    else:
        kept = _bring_to(clip, prior.sample_rate, factor)
        kind = _kind_of(kept) if evidence == "auto" else evidence
        frames = round(clip.seconds * prior.sample_rate)
        kept = kept[:, : -(-frames // factor)]
    problem = _problem(kept, frames, factor, kind)
    drawn = yield from restore(problem, prior, settings)
    waveform = drawn.waveform.copy()
    if kind == "plain":
        waveform[:, ::factor] = kept  # bit for bit, also where the prior lives in classes
    restored = Clip(waveform, prior.sample_rate)
    truth = None if reference is None else match_reference(at_rate(reference, prior.sample_rate), restored)
    baselines = {"spline": Clip(_splines(kept, frames, factor), prior.sample_rate)}
    if truth is not None:
        known = np.zeros(frames, dtype=bool)
        known[::factor] = kind == "plain"
        baselines["spline + noise"] = best_noise(baselines["spline"], truth, known)
    outcome = restoration_outcome(
        TASK,
        restored,
        drawn,
        observed=Clip(problem.start, prior.sample_rate),
        truth=truth,
        baselines=baselines,
        facts={"factor": factor, "evidence": kind},
    )
    yield conclude(outcome, fidelity())


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


def _check_factor(factor: int, sample_rate: int) -> None:
    largest = min(LARGEST_FACTOR, sample_rate // SLOWEST_RATE)
    if not isinstance(factor, int) or not 2 <= factor <= largest:
        raise InputError(f"The factor must be a whole number from 2 to {largest}, not {factor}.")


def _degrade(truth: Clip, factor: int, kind: Evidence) -> np.ndarray:
    if kind == "plain":
        return truth.samples[:, ::factor].copy()
    waveform = torch.from_numpy(truth.samples.copy())
    empty = torch.zeros(truth.channels, -(-truth.frames // factor))
    return LowpassDecimation(factor, empty, truth.frames, Waveform()).forward(waveform).numpy()


def _bring_to(clip: Clip, sample_rate: int, factor: int) -> np.ndarray:
    """The clip at sample_rate / factor, which need not be a whole number of hertz."""
    if clip.sample_rate * factor == sample_rate:
        return clip.samples
    frames = -(-round(clip.seconds * sample_rate) // factor)
    scaled = Clip(clip.samples, clip.sample_rate * factor)  # the same samples, counted `factor` times as fast
    return at_rate(scaled, sample_rate, frames=frames).samples


def _kind_of(kept: np.ndarray) -> Evidence:
    """Low-passed waveforms have next to nothing at the top of their band; aliases fill it up to the end."""
    if kept.shape[1] < SHORTEST_SPECTRUM or not np.ptp(kept):
        return "plain"
    power = np.square(np.abs(np.fft.rfft(kept.astype(np.float64) / np.abs(kept).max(), axis=1))).sum(axis=0)
    count = len(power)
    top, under = power[int(0.97 * count) :].mean(), power[int(0.75 * count) : int(0.88 * count)].mean()
    return "lowpass" if top < 1e-2 * under else "plain"


def _problem(kept: np.ndarray, frames: int, factor: int, kind: Evidence) -> Problem:
    evidence = torch.from_numpy(kept.copy())

    if kind == "plain":
        start = _splines(kept, frames, factor)
    else:
        start = LowpassDecimation(factor, evidence, frames, Waveform()).adjoint(evidence).numpy() * factor
    hardness, openness = max(1, min(factor // 4, 4)), 1.0 if kind == "plain" else BAND_OPENNESS
    observe = partial(_observe, evidence, factor, kind)
    return Problem(start.astype(np.float32), [(0, frames)], observe, factor, hardness, openness)


def _observe(
    evidence: Tensor, factor: int, kind: Evidence, first: int, last: int, gain: Tensor, domain: Domain
) -> Decimation | LowpassDecimation:
    part = (evidence[:, first // factor : -(-last // factor)].to(gain.device) * gain).float()
    if kind == "plain":
        return Decimation(factor, domain.encode(part), last - first, domain)
    return LowpassDecimation(factor, part, last - first, domain)


def _splines(kept: np.ndarray, frames: int, factor: int) -> np.ndarray:
    return np.stack([spline(row.astype(np.float64), factor, frames) for row in kept])
