"""Inpainting: fills gaps so that what is heard around them could have been played through them (PnF, sec. 4.4)."""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.observations.gap import Gap, PredictedGap
from core.signal.clip import Clip
from core.signal.companding import Domain
from core.signal.limits import check_clip
from core.signal.linear_prediction import fill_gaps, refill_crowds
from core.signal.metrics import gap_lsd_db
from core.signal.offset import offsets
from core.signal.resampling import resample
from core.tasks.blocks import at_rate
from core.tasks.loading import load_prior
from core.tasks.progress import Run
from core.tasks.report import conclude, fidelity, match_reference
from core.tasks.restoration import Problem, restoration_outcome, restore
from core.tasks.settings import Settings

TASK = "inpaint"
LEAST_AROUND = 16
LONG_GAP_SECONDS = 0.3  # the original sampler takes four times the steps for longer ones
CONTEXT_SECONDS = 1.0  # what the prior sees on each side of a gap
ISLAND_SECONDS = 1e-3  # known samples between gaps that a prior of a lower rate does not see well


def inpaint(
    clip: Clip,
    gaps: Sequence[tuple[float, float]],
    *,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    reference: Clip | None = None,
) -> Run:
    """Fills gaps; every sample outside them stays as it is, bit for bit.

    The band over the prior's own (in a clip of a higher rate) is filled by linear prediction. A constant offset of the
    clip is no sound: it is taken out before and put back.

    Args:
        gaps: (from, to) in seconds; overlapping ones are joined.
        reference: the truth, for metrics.

    Yields:
        Progress after every update, then one Result at the clip's rate.

    Raises:
        InputError: a gap is reversed or outside the clip, or nothing is left around the gaps.
    """
    check_clip("The clip", clip)
    inside = join_gaps(gaps, clip)
    prior = load_prior(TASK, settings)
    unknown = np.zeros(clip.frames, dtype=bool)
    for start, stop in inside:
        unknown[start:stop] = True
    offset = offsets(clip.samples, ~unknown)
    one_by_one = [fill_gaps(row, inside) for row in clip.samples - offset]
    baseline = Clip(np.stack(one_by_one), clip.sample_rate)
    predicted = Clip(np.stack([refill_crowds(row, inside) for row in one_by_one]), clip.sample_rate)
    predicted_at_rate = at_rate(predicted, prior.sample_rate)
    kind = Gap if settings.sampler == "original" else PredictedGap
    problem = _problem(predicted_at_rate, inside, clip.sample_rate, kind)

    def insert(waveform: np.ndarray) -> Clip:
        """What the prior changed, brought to the clip's rate and added to the linear prediction, in the gaps alone."""
        change = resample(
            Clip(waveform - predicted_at_rate.samples, prior.sample_rate), clip.sample_rate, frames=clip.frames
        )
        filled = predicted.samples + _pinned(change, inside) + offset
        return Clip(np.where(unknown, filled, clip.samples), clip.sample_rate)

    drawn = yield from restore(problem, prior, settings)
    restored = insert(drawn.waveform)
    outcome = restoration_outcome(
        TASK,
        restored,
        drawn,
        observed=Clip(np.where(unknown, np.float32(0), clip.samples), clip.sample_rate),
        truth=None if reference is None else match_reference(reference, restored),
        baselines={"linear prediction": Clip(baseline.samples + offset, clip.sample_rate)},
        facts={"gaps": [[start / clip.sample_rate, stop / clip.sample_rate] for start, stop in inside]},
    )
    yield conclude(outcome, fidelity(_gap_metrics(inside)))


def join_gaps(gaps: Sequence[tuple[float, float]], clip: Clip) -> list[tuple[int, int]]:
    """Gaps in frames, sorted, overlapping ones joined.

    Raises:
        InputError: no gap, a reversed or empty one, one outside the clip, or gaps that leave nothing.
    """
    if not gaps:
        raise InputError("No gap is given; name at least one, such as 1.0-1.2 (seconds).")
    spans = []
    for start, stop in sorted(gaps):
        if not stop > start:
            raise InputError(f"Gap {start:g}-{stop:g} s ends before it begins; give the earlier time first.")
        if start < 0 or stop > clip.seconds + 0.5 / clip.sample_rate:
            raise InputError(
                f"Gap {start:g}-{stop:g} s lies outside the clip (0-{clip.seconds:.3g} s); choose a gap inside it."
            )
        first, last = round(start * clip.sample_rate), min(round(stop * clip.sample_rate), clip.frames)
        if last == first:
            raise InputError(
                f"Gap {start:g}-{stop:g} s is shorter than a sample ({1000 / clip.sample_rate:.2g} ms); make it longer."
            )
        spans.append((first, last))
    joined = _union(spans)
    if sum(stop - start for start, stop in joined) > clip.frames - LEAST_AROUND:
        raise InputError(f"The gaps cover the whole clip; leave at least {LEAST_AROUND} samples of sound around them.")
    return joined


def _union(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted spans, those that meet joined."""
    joined: list[tuple[int, int]] = []
    for first, last in spans:
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _pinned(change: Clip, inside: list[tuple[int, int]]) -> np.ndarray:
    """The change [channels, frames], bent to nothing at islands of few known samples between gaps: a prior of a lower
    rate does not see them."""
    samples, least = change.samples.copy(), ISLAND_SECONDS * change.sample_rate
    islands = [False, *(start - stop < least for (_, stop), (start, _) in pairwise(inside)), False]
    for (start, stop), before, after in zip(inside, islands, islands[1:], strict=False):
        share = np.arange(1, stop - start + 1) / (stop - start + 1)
        if before:
            samples[:, start:stop] -= change.samples[:, [start - 1]] * (1 - share)
        if after:
            samples[:, start:stop] -= change.samples[:, [stop]] * share
    return samples


def _problem(known_clip: Clip, inside: list[tuple[int, int]], clip_rate: int, kind: type[Gap]) -> Problem:
    """Only the surroundings of the gaps are worked on. Gaps grow outwards to whole samples of the prior's rate."""
    scale = known_clip.sample_rate / clip_rate
    gaps = _union((int(start * scale), min(int(np.ceil(stop * scale)), known_clip.frames)) for start, stop in inside)
    context = int(CONTEXT_SECONDS * known_clip.sample_rate)
    regions = _union((max(0, start - context), min(known_clip.frames, stop + context)) for start, stop in gaps)
    known = torch.from_numpy(known_clip.samples.copy())
    observe = partial(_observe, known, gaps, kind)
    longest = max(stop - start for start, stop in inside) / clip_rate
    return Problem(known_clip.samples, regions, observe, hardness=4 if longest > LONG_GAP_SECONDS else 1)


def _observe(
    known: Tensor, gaps: list[tuple[int, int]], kind: type[Gap], first: int, last: int, gain: Tensor, domain: Domain
) -> Gap:
    part = domain.encode((known[:, first:last].to(gain.device) * gain).float())
    within = [(max(a, first) - first, min(b, last) - first) for a, b in gaps if a < last and b > first]
    return kind(part, within, domain)


def _gap_metrics(inside: list[tuple[int, int]]):
    """Log-spectral distance inside the gaps long enough for one frame of it, averaged."""

    def measure(reference: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
        values = [gap_lsd_db(reference, estimate, start, stop) for start, stop in inside if stop - start >= 512]
        return {"gap_lsd_db": float(np.mean(values))} if values else {}

    return measure
