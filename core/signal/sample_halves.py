"""16-bit samples in two halves of 256 classes each, as WaveRNNs predict them (Kalchbrenner et al. 2018, sec. 2).

A sample v is -32768 to 32767, its coarse half floor((v + 32768) / 256), its fine half the rest. As waveforms samples
stand in the middle of their steps, so that full scale is reached on both sides.
"""

import torch
from torch import Tensor

CLASSES = 256  # of either half
OFFSET, SCALE = 32768, 32767.5


def quantised(waveform: Tensor) -> Tensor:
    """The 16-bit samples of a waveform in [-1, 1], int64; what is louder is cut off."""
    return (waveform.clamp(-1, 1) * SCALE - 0.5).trunc().long()


def as_waveform(samples: Tensor) -> Tensor:
    """What 16-bit samples stand for, float32 in [-1, 1]."""
    return (samples.float() + 0.5) / SCALE


def split(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Coarse and fine halves of 16-bit samples, int64."""
    shifted = samples.long() + OFFSET
    return shifted // CLASSES, shifted % CLASSES


def joined(coarse: Tensor, fine: Tensor) -> Tensor:
    """16-bit samples of their halves, int64."""
    return coarse * CLASSES + fine - OFFSET


def scaled(half: Tensor) -> Tensor:
    """Classes of a half as networks are given them, float32 in [-1, 1]."""
    return half.float() / 127.5 - 1


def stacked(coarse: Tensor, fine: Tensor) -> Tensor:
    """What a WaveRNN hears at each sample: its halves and the coarse half of the next, float32 `[batch, frames, 3]`.

    Args:
        coarse, fine: classes, `[batch, frames + 1]` and `[batch, frames]`.
    """
    return torch.stack([scaled(coarse[:, :-1]), scaled(fine), scaled(coarse[:, 1:])], dim=-1)
