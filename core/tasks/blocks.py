"""Long clips are worked on in overlapping blocks, so that memory does not grow with them."""

import math

import numpy as np

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.resampling import resample

BLOCK_SECONDS = 8.0
OVERLAP_SECONDS = 0.5
SILENCE = 1e-7  # root mean square under which there is nothing to work on

Span = tuple[int, int]  # first frame, and the one after the last


def split_blocks(regions: list[Span], sample_rate: int, grid: int = 1, seconds: float = BLOCK_SECONDS) -> list[Span]:
    """Regions cut into overlapping blocks that start at multiples of `grid`.

    Raises:
        InputError: blocks of so few seconds that three of them would meet.
    """
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
    """Which rows are silence or a constant, [..., frames] -> [...]."""
    return np.ptp(waveform, axis=-1) < SILENCE


def overlap_of(blocks: list[Span], number: int) -> int:
    """Frames that a block shares with the one before."""
    return max(0, blocks[number - 1][1] - blocks[number][0]) if number else 0


def join(waveform: np.ndarray, block: np.ndarray, first: int, overlap: int) -> None:
    """Puts the block into the waveform, [..., frames], cross-faded over what the block before has already settled."""
    target = waveform[..., first : first + block.shape[-1]]
    weight = np.ones(block.shape[-1], dtype=np.float32)
    if overlap > 0:
        weight[:overlap] = np.linspace(0, 1, overlap, dtype=np.float32)
    # where both agree (evidence), the weighted sum is written as a step from the old value, which keeps it exact
    target += weight * (block - target)
    target[..., weight == 1] = block[..., weight == 1]
