"""How far short sounds are from each other: the root mean square difference of their log mel spectrograms.

Both are trimmed, at one level and centred first, so that neither silence around a sound, its level nor its place count.
The unit is a decade of magnitude. Of 2,000 recorded digits the nearest one is 0.25 from an unseen recording of the same
speakers (median), and 0.36 from a recording where it must be another speaker's; two that are picked at random, 0.65.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.signal.clip import Clip
from core.signal.log_mel import log_mel
from core.signal.mel import MelFrontEnd
from core.signal.resampling import resample
from core.signal.short_sounds import at_level, centred, trimmed

SECONDS = 1.0  # of the window that sounds are compared in
WINDOW_SECONDS, HOP_SECONDS = 0.064, 0.016
BANDS = 48
FLOOR = 1e-4  # about 60 dB under the loudest bands: what is fainter is background


def comparable_mel(waveform: Tensor, sample_rate: int, seconds: float = SECONDS) -> Tensor:
    """The log10 mel magnitudes of a sound as sounds are compared; all that are compared have one rate and one window.

    Args:
        waveform: `[frames]`.
        seconds: length of the window; of a longer sound its middle counts.

    Returns:
        `[bands, frames]`.
    """
    sound = at_level(trimmed(waveform, sample_rate))
    return log_mel(centred(sound, round(seconds * sample_rate))[None], _front_end(sample_rate))[0]


def comparable_mels(clips: Sequence[Clip], sample_rate: int) -> Tensor:
    """The same of the first channels of clips, brought to a rate, `[clips, bands, frames]`."""
    waveforms = (resample(clip, sample_rate).samples[0] for clip in clips)
    return torch.stack([comparable_mel(torch.from_numpy(np.array(own)), sample_rate) for own in waveforms])


def nearest(mels: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """How far the nearest of `[other count, bands, frames]` is from every one of `[count, bands, frames]`, and which it
    is, each `[count]`."""
    distances, numbers = mel_distances(mels, others).min(dim=1)
    return distances, numbers


def mel_distances(mels: Tensor, others: Tensor) -> Tensor:
    """Of every one of `[count, bands, frames]` to every other, `[count, other count]`, in decades."""
    distances = torch.cdist(mels.flatten(1), others.flatten(1))
    return distances / (mels.shape[1] * mels.shape[2]) ** 0.5


def _front_end(sample_rate: int) -> MelFrontEnd:
    window, hop = (round(part * sample_rate) for part in (WINDOW_SECONDS, HOP_SECONDS))
    return MelFrontEnd(sample_rate, window, hop, BANDS, 0.0, sample_rate / 2, "log10", FLOOR)
