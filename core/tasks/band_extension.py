"""The band over the end of a sound's own, made by the extender of a prior in one step.

Blocks look at more of the sound than they make, and their noise depends on the seed and the place in the sound alone,
so that neighbours agree where they are joined.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from core import zoo
from core.choices import EXTENDER
from core.errors import InputError
from core.signal.stft import HOP_LENGTH
from core.tasks.blocks import silent
from core.tasks.drawing import Drawn, Work, draw
from core.tasks.levels import level_gain
from core.tasks.progress import Progress, Sounds
from core.tasks.settings import Settings
from core.tasks.workers import Update
from core.types import BandCondition, Iterate, Prior

CONTEXT = 32 * HOP_LENGTH  # frames on each side of a block that are looked at, more than the network sees
NOISE_TILE = 64 * HOP_LENGTH  # frames of noise that have a seed of their own
BLOCK_SECONDS = 4.0
LOWEST_CUTOFF = 1200.0  # Hz, that extenders were shown


def can_extend(prior: Prior, cutoffs: Sequence[float]) -> bool:
    """Whether a prior has an extender that knows such cut-offs, in Hz."""
    return BandCondition in prior.conditions and min(cutoffs) >= LOWEST_CUTOFF


def check_extender(prior: Prior, cutoffs: Sequence[float] | None) -> None:
    """Refuses the extender where it has nothing to do.

    Args:
        cutoffs: in Hz; None where the evidence has none.

    Raises:
        InputError: it says why.
    """
    if BandCondition not in prior.conditions:
        raise InputError(f"{prior.name!r} has no extender; choose another prior, or another sampler.")
    if cutoffs is None:
        raise InputError(
            "The extender makes what lies over the end of a band, and this sound has none (plain samples); choose "
            "another sampler, or the evidence lowpass."
        )
    if min(cutoffs) < LOWEST_CUTOFF:
        raise InputError(
            f"The extender takes sounds whose spectrum ends at {LOWEST_CUTOFF:g} Hz or higher, and this one's ends at "
            f"{min(cutoffs):.0f} Hz; choose another sampler."
        )


def extend_band(
    band: np.ndarray,
    cutoffs: Sequence[float],
    prior: Prior,
    settings: Settings,
    present: Callable[[np.ndarray], Sounds],
) -> Generator[Progress, None, Drawn]:
    """Makes what lies over each channel's cut-off; what lies under it stays.

    Args:
        band: the sound at the prior's rate, [channels, frames]; what it has over the cut-offs is not looked at.
        cutoffs: in Hz, one for each channel; from half the rate on nothing is made.
        present: makes sounds of a waveform that is being made.

    Yields:
        Progress: after every block.

    Raises:
        InputError: a setting out of range.
    """
    replace(settings, sampler=None).check_chain()
    gain = torch.from_numpy(level_gain(band, prior)).float()
    shares = torch.tensor([min(2 * cutoff / prior.sample_rate, 1.0) for cutoff in cutoffs], dtype=torch.float32)
    chain, load = partial(_extend_block, band, gain, shares, settings.seed), partial(zoo.load, prior.name)
    work = Work(band, [(0, band.shape[1])], chain, load, prior.name, EXTENDER, HOP_LENGTH, block_seconds=BLOCK_SECONDS)
    return (yield from draw(work, prior, settings, present))


def _extend_block(
    band: np.ndarray, gain: Tensor, shares: Tensor, seed: int, prior: Prior, first: int, last: int
) -> Iterator[Update]:
    before, after = max(0, first - CONTEXT), min(band.shape[1], last + CONTEXT)
    part = torch.from_numpy(band[:, before:after].copy()) * gain
    noise = place_noise(seed, before, after).expand(len(band), -1)
    x = prior.estimate(BandCondition(*(tensor.to(prior.device) for tensor in (part, shares, noise))))
    made = (x.cpu() / gain)[:, first - before : last - before].numpy()
    made[silent(band)] = band[silent(band), first:last]
    yield Iterate(x, x, 0.0, 1, 1, None, 0.0), made, made


def place_noise(seed: int, first: int, last: int) -> Tensor:
    """White noise of unit variance of the frames first to last (exclusive), the same whoever asks, [1, frames]."""
    tiles = range(first // NOISE_TILE, -(-last // NOISE_TILE))
    noise = [torch.randn(NOISE_TILE, generator=torch.Generator().manual_seed(seed + 7919 * tile)) for tile in tiles]
    return torch.cat(noise)[None, first - tiles.start * NOISE_TILE :][:, : last - first]
