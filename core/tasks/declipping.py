"""Declipping: what a waveform did beyond the level that it was cut off at (survey: Zaviska et al. 2021)."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.observations.clipping import Clipping
from core.signal.clip import Clip
from core.signal.companding import Domain
from core.signal.interpolation import cubic_through
from core.signal.limits import check_clip
from core.signal.metrics import sdr_db
from core.signal.resampling import resample
from core.tasks.blocks import at_rate
from core.tasks.loading import load_prior
from core.tasks.progress import Run
from core.tasks.report import conclude, fidelity, match_reference
from core.tasks.restoration import Problem, restoration_outcome, restore
from core.tasks.settings import Settings

TASK = "declip"
AT_LEVEL = 0.999  # samples over this share of the threshold count as clipped: files are rounded
NEAR = 5e-4  # distance to an extreme, as a share of the range, within which samples pile up when clipped
PILE_RATIO = 4.0  # how many more there are than beside the pile; a sine's peak has 1.4
LEAST_IN_A_ROW = 2  # neighbours that are both piled up: single peaks of a periodic waveform are alike, too


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
    check_clip("The clip", clip)
    if threshold is not None and not 0 < threshold <= 1:
        raise InputError(f"The threshold must be over 0 and at most 1, not {threshold:g}.")
    prior = load_prior(TASK, settings)
    thresholds = np.full(clip.channels, threshold) if threshold else find_thresholds(clip)
    high, low = (side * clip.samples >= AT_LEVEL * thresholds[:, None] for side in (1, -1))
    clipped = high | low
    known = at_rate(clip, prior.sample_rate)
    problem = _problem(known, clip, high, low)

    def insert(waveform: np.ndarray) -> Clip:
        """What the prior changed, brought to the clip's rate, in the clipped samples alone and never towards zero."""
        change = resample(
            Clip(waveform - known.samples, prior.sample_rate), clip.sample_rate, frames=clip.frames
        ).samples
        outward = np.where(high, np.maximum(change, 0), np.minimum(change, 0))
        return Clip(np.where(clipped, clip.samples + outward, clip.samples), clip.sample_rate)

    drawn = yield from restore(problem, prior, settings)
    restored, found = insert(drawn.waveform), thresholds[np.isfinite(thresholds)]
    cubic = np.stack([cubic_through(row, ~cut) for row, cut in zip(clip.samples, clipped, strict=True)])
    outcome = restoration_outcome(
        TASK,
        restored,
        drawn,
        observed=clip,
        truth=None if reference is None else match_reference(reference, restored),
        baselines={"cubic": Clip(cubic, clip.sample_rate)},
        facts={"threshold": float(found.max()) if len(found) else None, "clipped_share": float(clipped.mean())},
    )
    yield conclude(outcome, fidelity(_sdr))


def find_thresholds(clip: Clip) -> np.ndarray:
    """The level at which each channel is cut off; infinite for channels that are not, [channels].

    Clipped waveforms pile up at their extremes: neighbours stay there, and there are many more samples at the extreme
    than just beside it, where a sine has about as many.

    Raises:
        InputError: no channel is cut off (silence and constants pass).
    """
    levels = np.array([max(_pile(channel), _pile(-channel)) for channel in clip.samples.astype(np.float64)])
    if not np.ptp(clip.samples, axis=1).any():
        return np.full(clip.channels, np.inf)
    if not np.isfinite(levels[levels > 0]).any() or not (levels > 0).any():
        peak = np.abs(clip.samples).max()
        raise InputError(
            f"No clipping was found: the waveform does not stay at its peak ({peak:.3g}). Give a threshold."
        )
    return np.where(levels > 0, levels, np.inf)


def _pile(channel: np.ndarray) -> float:
    """The upper extreme, where samples pile up at it; else 0."""
    top, span = channel.max(), np.ptp(channel)
    distance = (top - channel) / max(span, 1e-30)
    piled, beside = distance <= NEAR, ((distance > NEAR) & (distance <= 3 * NEAR)).sum()
    in_a_row = (piled[1:] & piled[:-1]).sum()
    return float(top) if top > 0 and in_a_row >= LEAST_IN_A_ROW and piled.sum() > PILE_RATIO * beside else 0.0


def _problem(known: Clip, clip: Clip, high: np.ndarray, low: np.ndarray) -> Problem:
    waveform = torch.from_numpy(known.samples.copy())
    above, below = (torch.from_numpy(_mask_at(mask, clip, known)) for mask in (high, low))
    regions = [(0, known.frames)] if (above | below).any() else []
    return Problem(known.samples, regions, partial(_observe, waveform, above, below))


def _observe(
    waveform: Tensor, above: Tensor, below: Tensor, first: int, last: int, gain: Tensor, domain: Domain
) -> Clipping:
    part = domain.encode((waveform[:, first:last].to(gain.device) * gain).float())
    return Clipping(part, above[:, first:last].to(gain.device), below[:, first:last].to(gain.device), domain)


def _mask_at(mask: np.ndarray, clip: Clip, known: Clip) -> np.ndarray:
    """Which samples of the prior's rate are made mostly of clipped ones."""
    if clip.sample_rate == known.sample_rate:
        return mask
    position = (np.arange(known.frames) * clip.sample_rate / known.sample_rate).round().astype(int)
    return mask[:, np.minimum(position, clip.frames - 1)]


def _sdr(reference: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
    return {"sdr_db": sdr_db(reference, estimate)}
