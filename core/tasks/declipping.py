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
from core.signal.offset import offsets
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
NEAR_STEPS = 0.75  # the same in quantisation steps, where these are larger: the extreme's own step alone
REPEATED, LEAST_LEVELS = 4, 16  # a quantised waveform has each of its values so often; one of fewer is too coarse
PILE_RATIO = 4.0  # how many more there are than beside the pile; a sine's peak has 1.4
PILE_RATIO_OF_STEPS = 2.0  # the same where steps are larger: a coarse rail gathers less
REACH = 10.0  # times the clipped waveform's loudest that a restored peak may be
FALL_RATIO = 3.0  # the same against what the steps before let expect; a sine has 1.9
PEAK_RISE = 1.3  # by which smooth peaks have more samples on the second step than on the third
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
        threshold: in (0, 1], of both sides of every channel; when not given, each side's own is found from the signal.
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
    rails = np.tile([-threshold, threshold], (clip.channels, 1)) if threshold else find_rails(clip)
    offset = offsets(clip.samples)
    low, high = _beyond(clip.samples, rails, offset)
    clipped = high | low
    centred = Clip(clip.samples - offset, clip.sample_rate)
    known = at_rate(centred, prior.sample_rate)
    problem = _problem(known, clip, high, low)

    def insert(waveform: np.ndarray) -> Clip:
        """What the prior changed, brought to the clip's rate, in the clipped samples alone and never towards zero."""
        change = resample(
            Clip(waveform - known.samples, prior.sample_rate), clip.sample_rate, frames=clip.frames
        ).samples
        outward = np.where(high, np.maximum(change, 0), np.minimum(change, 0))
        return Clip(np.where(clipped, clip.samples + outward, clip.samples), clip.sample_rate)

    drawn = yield from restore(problem, prior, settings)
    restored = insert(drawn.waveform)
    cubic = np.stack([cubic_through(row, ~cut) for row, cut in zip(centred.samples, clipped, strict=True)]) + offset
    outcome = restoration_outcome(
        TASK,
        restored,
        drawn,
        observed=clip,
        truth=None if reference is None else match_reference(reference, restored),
        baselines={"cubic": Clip(cubic, clip.sample_rate)},
        facts=_facts(rails) | {"clipped_share": float(clipped.mean())},
    )
    yield conclude(outcome, fidelity(_sdr))


def find_rails(clip: Clip) -> np.ndarray:
    """Where each channel is cut off at the bottom and at the top; infinite where it is not, [channels, 2].

    Clipped waveforms pile up at their extremes: neighbours stay there, and there are many more samples at the extreme
    than just beside it, where a sine has about as many.

    Raises:
        InputError: no channel is cut off (silence and constants pass).
    """
    channels = clip.samples.astype(np.float64)
    rails = np.array([(-_pile(-channel), _pile(channel)) for channel in channels])
    if np.ptp(clip.samples, axis=1).any() and not np.isfinite(rails).any():
        peak = np.abs(clip.samples).max()
        raise InputError(
            f"No clipping was found: the waveform does not stay at its peak ({peak:.3g}). Give a threshold."
        )
    return rails


def _pile(channel: np.ndarray) -> float:
    """The upper extreme, where samples pile up at it; else infinite."""
    top, span = channel.max(), np.ptp(channel)
    if top <= min(0.0, np.median(channel)) or not span:
        return np.inf
    step = _step_at_top(channel)
    near = max(NEAR * span, NEAR_STEPS * step)
    piled, beside = channel >= top - near, ((channel < top - near) & (channel >= top - 3 * near)).sum()
    fewest = PILE_RATIO * beside if near > NEAR_STEPS * step else _fewest_on_a_step(channel, step, beside)
    clipped = (piled[1:] & piled[:-1]).sum() >= LEAST_IN_A_ROW and piled.sum() > fewest
    return float(top) if clipped and span >= LEAST_LEVELS * step else np.inf


def _fewest_on_a_step(channel: np.ndarray, step: float, beside: int) -> float:
    """How many samples on the extreme's own step are too many: more than on the next two together, or than those fall
    towards it and chance adds."""
    top = channel.max()
    next_one, next_two = (max((np.abs(channel - (top - n * step)) < step / 2).sum(), 1) for n in (1, 2))
    expected = next_one * min(next_one / next_two, PEAK_RISE)
    return min(PILE_RATIO_OF_STEPS * beside, FALL_RATIO * expected + 4 * np.sqrt(expected))


def _step_at_top(channel: np.ndarray) -> float:
    """The quantisation step at the upper extreme; 0 of a waveform that is not quantised."""
    values = np.unique(channel)
    return values[-1] - values[-2] if REPEATED * len(values) <= len(channel) else 0.0


def _beyond(samples: np.ndarray, rails: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which samples [channels, frames] are at the bottom rail and which at the top one, or beyond."""
    margin = (1 - AT_LEVEL) * np.abs(np.where(np.isfinite(rails), rails - offset, 0.0))
    return samples <= (rails[:, :1] + margin[:, :1]), samples >= (rails[:, 1:] - margin[:, 1:])


def _facts(rails: np.ndarray) -> dict:
    """What the report says of where the waveform is cut off."""
    found = np.abs(rails[np.isfinite(rails)])
    each = [[float(rail) if np.isfinite(rail) else None for rail in channel] for channel in rails]
    return {"threshold": float(found.max()) if len(found) else None, "rails": each}


def _problem(known: Clip, clip: Clip, high: np.ndarray, low: np.ndarray) -> Problem:
    waveform = torch.from_numpy(known.samples.copy())
    above, below = (torch.from_numpy(_mask_at(mask, clip, known)) for mask in (high, low))
    regions = [(0, known.frames)] if (above | below).any() else []
    return Problem(known.samples, regions, partial(_observe, waveform, above, below), reach=REACH)


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
