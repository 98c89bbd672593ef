"""Long clips are worked on in overlapping blocks, so that memory does not grow with them; how long that takes."""

import math
import time

import numpy as np
from torch import Tensor

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.resampling import resample
from core.types import Iterate, Prior

BLOCK_SECONDS = 8.0
OVERLAP_SECONDS = 0.5
SILENCE = 1e-7  # root mean square under which there is nothing to work on


def split_blocks(
    regions: list[tuple[int, int]], sample_rate: int, grid: int = 1, seconds: float | None = None
) -> list[tuple[int, int]]:
    """Regions (first, last + 1) cut into overlapping blocks that start at multiples of `grid`.

    Raises:
        InputError: blocks of so few seconds that three of them would meet.
    """
    seconds = BLOCK_SECONDS if seconds is None else seconds
    if not 2 * OVERLAP_SECONDS <= seconds < math.inf:
        raise InputError(
            f"Windows of {seconds:g} s would overlap too much: each is a chain of its own and is cross-faded with its "
            f"neighbours over {OVERLAP_SECONDS:g} s, so choose at least {2 * OVERLAP_SECONDS:g} s."
        )
    length, overlap = (int(s * sample_rate) // grid * grid for s in (seconds, OVERLAP_SECONDS))
    blocks = []
    for first, last in regions:
        first = first // grid * grid
        while last - first > length + overlap:
            blocks.append((first, first + length))
            first += length - overlap
        blocks.append((first, last))
    return blocks


def at_rate(clip: Clip, sample_rate: int, *, frames: int | None = None) -> Clip:
    """The clip resampled; a constant stays one, where a resampler would ring at its ends."""
    resampled = resample(clip, sample_rate, frames=frames)
    if resampled is clip or np.ptp(clip.samples, axis=1).any():
        return resampled
    return Clip(np.broadcast_to(clip.samples[:, :1], resampled.samples.shape), sample_rate)


def silent(waveform: np.ndarray) -> np.ndarray:
    """Which rows are silence or a constant, [channels]."""
    return np.ptp(waveform, axis=1) < SILENCE


def overlap_of(blocks: list[tuple[int, int]], number: int) -> int:
    """Frames that a block shares with the one before."""
    return max(0, blocks[number - 1][1] - blocks[number][0]) if number else 0


def join(waveform: np.ndarray, block: np.ndarray, first: int, overlap: int) -> None:
    """Puts the block into the waveform, cross-faded over what the block before has already settled."""
    target = waveform[:, first : first + block.shape[1]]
    weight = np.ones(block.shape[1], dtype=np.float32)
    if overlap > 0:
        weight[:overlap] = np.linspace(0, 1, overlap, dtype=np.float32)
    # where both agree (evidence), the weighted sum is written as a step from the old value, which keeps it exact
    target += weight * (block - target)
    target[:, weight == 1] = block[:, weight == 1]


class Counted:
    """A prior that counts the samples it is asked about: over the clip's, the number of score evaluations."""

    def __init__(self, prior: Prior):
        self._prior, self.samples = prior, 0

    def __getattr__(self, name: str):
        return getattr(self._prior, name)

    def score(self, x: Tensor, level: float, condition=None):
        self.samples += x.numel()
        return self._prior.score(x, level, condition)

    def denoise(self, x: Tensor, level: float, condition=None):
        self.samples += x.numel()
        return self._prior.denoise(x, level, condition)

    def estimate(self, condition):
        self.samples += condition.mask.numel()
        return self._prior.estimate(condition)


class Clock:
    """Seconds spent, and an estimate of those left from the pace so far."""

    def __init__(self, blocks: int):
        self.blocks, self.started, self.first_update = blocks, time.monotonic(), None
        self.shares: dict[int, float] = {}  # of each block, that is done

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def tick(self, block: int, iterate: Iterate) -> tuple[float, float]:
        """(seconds, seconds left). The first update is the slowest, so the pace is counted from it on."""
        now = self.seconds
        self.shares[block] = iterate.step / max(iterate.total_steps, 1)
        done = sum(self.shares.values())
        if self.first_update is None:
            self.first_update = (now, done)
        begun, done_then = self.first_update
        pace = (
            (now - begun) / (done - done_then) if done > done_then else now / max(done, 1 / max(iterate.total_steps, 1))
        )
        return now, max(0.0, (self.blocks - done) * pace)
