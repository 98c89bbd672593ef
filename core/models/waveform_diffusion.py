"""What the networks of waveform diffusions share: how they are told the step of the noise, and a mel spectrogram.

DiffWave (Kong et al. 2021), whose two backbones differ in the rest. Time comes before channels, as in the WaveNet.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import InputError

SLOPE = 0.4  # of the leaky rectifiers between the stages of an upsampler
BAND_TAPS = 3  # bands that a stage of it looks at


class StepEmbedding(nn.Module):
    """Sinusoids of the step, then two linear layers; every block adds a linear layer of its own.

    Args:
        sizes: channels of the sinusoids, of the first layer and of the second.
    """

    def __init__(self, sizes: Sequence[int]):
        super().__init__()
        sinusoids, middle, out = sizes
        spacing = math.log(10000) / (sinusoids // 2 - 1)
        self.register_buffer("frequencies", torch.exp(torch.arange(sinusoids // 2) * -spacing), persistent=False)
        self.layers = nn.Sequential(nn.Linear(sinusoids, middle), nn.SiLU(), nn.Linear(middle, out), nn.SiLU())

    def sinusoids(self, step: Tensor) -> Tensor:
        """step `[batch]`, also fractional -> `[batch, sinusoids]`."""
        phases = step[:, None] * self.frequencies
        return torch.cat([phases.sin(), phases.cos()], dim=-1)

    def forward(self, step: Tensor) -> Tensor:
        """step `[batch]` -> `[batch, 1, out]`, for every time alike."""
        return self.layers(self.sinusoids(step))[:, None]


class MelUpsampling(nn.Module):
    """A mel spectrogram from frames to samples: a transposed convolution over bands and time for every factor."""

    def __init__(self, factors: Sequence[int]):
        super().__init__()
        self.stages = nn.ModuleList(
            nn.ConvTranspose2d(1, 1, (BAND_TAPS, 2 * s), padding=(BAND_TAPS // 2, s // 2), stride=(1, s))
            for s in factors
        )

    def forward(self, mel: Tensor) -> Tensor:
        """`[batch, bands, frames]` -> `[batch, samples, bands]`."""
        mel = mel[:, None]
        for stage in self.stages:
            mel = F.leaky_relu(stage(mel), SLOPE)
        return mel[:, 0].transpose(1, 2)


class MelInput(nn.Module):
    """What a block adds of the spectrogram: upsampled, cut to the block's length, brought to its channels.

    Args:
        factors: from frames to samples.
        pooling: samples of the waveform for one of the block.
        truncated: whether a block of fewer samples than the waveform is given the spectrogram's beginning, at the
            waveform's rate, as the originals' are; else it is given all of it, at its own rate.
    """

    def __init__(self, bands: int, channels: int, factors: Sequence[int], pooling: int = 1, truncated: bool = False):
        super().__init__()
        self.upsample = MelUpsampling(factors)
        self.linear = nn.Linear(bands, channels)
        self.pooling = 1 if truncated else pooling

    def forward(self, mel: Tensor, length: int) -> Tensor:
        """mel `[batch, bands, frames]` -> `[batch, length, channels]`.

        Raises:
            InputError: the spectrogram ends before the block does.
        """
        upsampled = self.upsample(mel)
        if upsampled.shape[1] < length * self.pooling:
            raise InputError(
                f"A spectrogram of {mel.shape[-1]} frames reaches over {upsampled.shape[1]} samples, not over the "
                f"{length * self.pooling} that are to be made of it; give more frames."
            )
        upsampled = upsampled[:, : length * self.pooling]
        if self.pooling > 1:
            upsampled = upsampled.unflatten(1, (length, self.pooling)).mean(dim=2)
        return self.linear(upsampled)
