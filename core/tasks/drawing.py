"""Draws sound in blocks: which blocks, who works on them, how far they are, and what they are joined to.

A task says what a block's chain is (`Work`); nothing else of it knows about blocks of long clips, processes or time.
Whatever the sampler, what comes of a chain passes here, and is given up where it ran away.
"""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from core.tasks.blocks import BLOCK_SECONDS, Span, join, overlap_of, silent, split_blocks
from core.tasks.progress import Progress, Sounds
from core.tasks.runaway import keep_to_start
from core.tasks.settings import Settings, resolve_devices
from core.tasks.workers import Chain, Load, run_blocks
from core.types import Iterate, Prior

REACH = 4.0
RAN_AWAY = (
    "The sampler ran away in {seconds:.2g} s of the sound, so what it started from stands there. Another seed, "
    "sampler or prior may do better."
)
Align = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Work:
    """Sound that is to be drawn, at the prior's rate.

    Args:
        start: what there is before, [..., frames]; blocks that are silent in it are left as they are, and it is what
            stands in the end where a chain ran away.
        regions: spans of frames to work on, sorted, apart from each other.
        chain: runs the chain of a block; to be spread over processes it must be picklable, as must load.
        load: loads the prior on a device.
        prior: name of the prior, or of those of the sources.
        sampler: name of the chains' sampler.
        grid: blocks start at multiples of this.
        align: (what was settled in an overlap, the same of a new block) -> the order of the new block's first axis; for
            sources that may have changed places.
        reach: how many times as loud as the start around it a result may be.
        block_seconds: length of the blocks, where the settings say nothing.
        start_cost: what step 0 of a chain takes, where there is one, as a share of an update.
    """

    start: np.ndarray
    regions: list[Span]
    chain: Chain
    load: Load
    prior: str | Sequence[str]
    sampler: str
    grid: int = 1
    align: Align | None = None
    reach: float = REACH
    start_cost: float = 1.0
    block_seconds: float = BLOCK_SECONDS


@dataclass(frozen=True)
class Drawn:
    """What was drawn.

    Args:
        waveform: [..., frames] at the prior's rate.
        provenance: what the report says of how it was drawn.
        worked: whether there was anything to work on.
        notes: what a user should know about it.
    """

    waveform: np.ndarray
    provenance: Mapping
    worked: bool = True
    notes: tuple[str, ...] = ()


class TimeLeft:
    """Seconds spent, and an estimate of those left from the pace so far."""

    def __init__(self, blocks: int, start_cost: float = 1.0):
        self.blocks, self.started, self.first_update = blocks, time.monotonic(), None
        self.start_cost = start_cost
        self.shares: dict[int, float] = {}  # of each block, that is done

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def update(self, block: int, iterate: Iterate) -> tuple[float, float]:
        """(seconds, seconds left). The first update is the slowest, so the pace is counted from it on."""
        now, steps = self.seconds, max(iterate.total_steps, 1)
        self.shares[block] = iterate.step / steps
        done = sum(self.shares.values())
        if self.first_update is None:
            self.first_update = (now, done)
        begun, done_then = self.first_update
        pace = (now - begun) / (done - done_then) if done > done_then else now / max(done, self.start_cost / steps)
        return now, max(0.0, (self.blocks - done) * pace)

    def change_pace(self) -> None:
        """What follows is work of another kind, which the pace so far says nothing of."""
        self.first_update = (self.seconds, sum(self.shares.values()))


def draw(
    work: Work, prior: Prior, settings: Settings, present: Callable[[np.ndarray], Sounds]
) -> Generator[Progress, None, Drawn]:
    """Runs a chain over every block that is not silent.

    Args:
        settings: where, in which blocks.
        present: makes sounds of a waveform that is being drawn, [..., frames].

    Yields:
        Progress: after every update.

    Raises:
        InputError: no such device, or a length of blocks that makes no sense.
    """
    seconds = work.block_seconds if settings.block_seconds is None else settings.block_seconds
    every = split_blocks(work.regions, prior.sample_rate, work.grid, seconds)
    loud = [n for n, (first, last) in enumerate(every) if not silent(work.start[..., first:last]).all()]
    time_left, estimates, asked, astray = TimeLeft(len(loud), work.start_cost), {}, {}, {}
    assembled = partial(_assembled, work, every)

    def sounds(number: int, waveform: np.ndarray) -> Callable[[], Sounds]:
        blocks = estimates | {number: waveform}  # as far as they are now
        return lambda: present(assembled(blocks))

    updates = run_blocks(work.chain, [every[n] for n in loud], prior, work.load, resolve_devices(settings))
    for update in updates:
        number = loud[update.number]
        seconds, left = time_left.update(number, update.iterate)
        start = work.start[..., slice(*every[number])]
        estimates[number], astray[number] = keep_to_start(update.estimate, start, prior.sample_rate, work.reach)
        asked[number] = update.asked
        state = np.where(np.isfinite(update.state), update.state, start)
        shown = {"make_sounds": sounds(number, estimates[number]), "make_chains": sounds(number, state)}
        yield Progress(seconds, left, update.iterate, **shown)
    rows = work.start[..., 0].size
    samples = rows * sum(last - first for first, last in every)
    evaluations = round(sum(asked.values()) / max(samples, 1))
    made = provenance(work.prior, work.sampler, settings, prior.device, evaluations, time_left.seconds)
    lost = sum(np.count_nonzero(frames) for frames in astray.values()) / prior.sample_rate
    notes = (RAN_AWAY.format(seconds=lost),) if lost else ()
    return Drawn(assembled(estimates), made, bool(loud), notes)


def provenance(
    prior: str | Sequence[str], sampler: str, settings: Settings, device: object, score_evaluations: int, seconds: float
) -> dict:
    """What a report says of how something was drawn.

    Args:
        score_evaluations: for each sample that was worked on.
    """
    return {
        "prior": prior,
        "sampler": sampler,
        "quality": settings.quality,
        "seed": settings.seed,
        "device": str(device),
        "score_evaluations": score_evaluations,
        "seconds": round(seconds, 3),
    }


def _assembled(work: Work, every: Sequence[Span], blocks: Mapping[int, np.ndarray]) -> np.ndarray:
    """The start with what there is of the blocks put in."""
    waveform = work.start.astype(np.float32)
    for number in sorted(blocks):
        block, first, overlap = blocks[number], every[number][0], overlap_of(every, number)
        if work.align is not None and overlap:
            block = block[work.align(waveform[..., first : first + overlap], block[..., :overlap])]
        join(waveform, block, first, overlap)
    return waveform
