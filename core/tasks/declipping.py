"""Declipping: what a waveform did beyond the level that it was cut off at (consistent declipping; survey: Zaviska et al. 2021)."""

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.observations.clipping import Clipping
from core.signal.clip import Clip
from core.signal.companding import Domain
from core.signal.interpolation import cubic_through
from core.signal.metrics import sdr_db
from core.signal.resampling import resample
from core.tasks.outcome import conclude
from core.tasks.progress import Progress, Run, Settings
from core.tasks.restoration import Problem, load_prior, restore

TASK = "declip"
DEFAULT_PRIOR = "piano-16k"
AT_LEVEL = 0.999  # samples over this share of the threshold count as clipped: files are rounded
RUN_LENGTH = 2  # consecutive samples at one extreme that betray clipping


def declip(
    clip: Clip,
    threshold: float | None = None,
    *,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    reference: Clip | None = None,
) -> Run:
    """Restores clipped samples; the others stay as they are, bit for bit.

    Args:
        threshold: in (0, 1]; found from the signal when not given.
        reference: the truth, for metrics.

    Yields:
        Progress after every update, then one Result at the clip's rate.

    Raises:
        InputError: a threshold outside (0, 1], or none given and no clipping found.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise InputError(f"The threshold must be over 0 and at most 1, not {threshold:g}.")
    prior = load_prior(TASK, settings, DEFAULT_PRIOR)
    level = find_threshold(clip) if threshold is None else threshold
    high, low = clip.samples >= AT_LEVEL * level, clip.samples <= -AT_LEVEL * level
    clipped = high | low
    at_rate = resample(clip, prior.sample_rate)
    problem = _problem(at_rate, clip, high, low)

    def insert(waveform: np.ndarray) -> Clip:
        """What the prior changed, brought to the clip's rate, in the clipped samples alone and never towards zero."""
        change = resample(Clip(waveform - at_rate.samples, prior.sample_rate), clip.sample_rate, frames=clip.frames).samples
        outward = np.where(high, np.maximum(change, 0), np.minimum(change, 0))
        return Clip(np.where(clipped, clip.samples + outward, clip.samples), clip.sample_rate)

    for moment in restore(problem, prior, settings):
        if isinstance(moment, Progress):
            yield moment
    baselines = {"cubic": Clip(np.stack([cubic_through(row, ~cut) for row, cut in zip(clip.samples, clipped, strict=True)]), clip.sample_rate)}
    extras = {"threshold": level, "clipped_share": float(clipped.mean())}
    restored = insert(moment.waveform)
    yield conclude(TASK, restored, moment, prior, settings, baselines, clip, reference, extras, _sdr)


def find_threshold(clip: Clip) -> float:
    """The level that the waveform is cut off at: its peak, where several samples in a row stay there.

    Raises:
        InputError: the waveform never stays at its peak.
    """
    magnitude = np.abs(clip.samples)
    peak = float(magnitude.max())
    if peak == 0:
        return 1.0  # silence: nothing is clipped
    at_peak = magnitude >= AT_LEVEL * peak
    runs = at_peak[:, 1:] & at_peak[:, :-1] & (np.signbit(clip.samples[:, 1:]) == np.signbit(clip.samples[:, :-1]))
    if runs.sum() < RUN_LENGTH:
        raise InputError(f"No clipping was found: the waveform never stays at its peak of {peak:.3g}. Give a threshold if it is clipped lower.")
    return min(peak, 1.0)


def _problem(at_rate: Clip, clip: Clip, high: np.ndarray, low: np.ndarray) -> Problem:
    known = torch.from_numpy(at_rate.samples.copy())
    above, below = (torch.from_numpy(_mask_at(mask, clip, at_rate)) for mask in (high, low))

    def observe(first: int, last: int, gain: Tensor, domain: Domain) -> Clipping:
        part = domain.encode(known[:, first:last].to(gain.device) * gain)
        return Clipping(part, above[:, first:last].to(gain.device), below[:, first:last].to(gain.device), domain)

    busy = (above | below).any(dim=0).nonzero()[:, 0]
    regions = [(0, at_rate.frames)] if len(busy) else []
    return Problem(at_rate.samples, regions, observe)


def _mask_at(mask: np.ndarray, clip: Clip, at_rate: Clip) -> np.ndarray:
    """Which samples of the prior's rate are made mostly of clipped ones."""
    if clip.sample_rate == at_rate.sample_rate:
        return mask
    position = (np.arange(at_rate.frames) * clip.sample_rate / at_rate.sample_rate).round().astype(int)
    return mask[:, np.minimum(position, clip.frames - 1)]


def _sdr(reference: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
    return {"sdr_db": sdr_db(reference, estimate)}
