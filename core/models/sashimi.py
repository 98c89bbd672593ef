"""SaShiMi as the backbone of a waveform diffusion (Goel et al. 2022): S4 layers at several rates of time.

Down to slower rates, through blocks in the centre and up again, in the form that sees both ways and predicts the noise
in a waveform (DiffWave).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.s4 import S4
from core.models.waveform_diffusion import MelInput, StepEmbedding


@dataclass(frozen=True)
class SaShiMiConfig:
    """Sizes of a SaShiMi.

    Args:
        channels: at the waveform's rate; `expand` times as many after each pooling.
        layers: blocks of a stage.
        pooling: by how much each pooling slows time.
        widening: channels within a feed-forward layer, over those around it.
        unet: whether there are blocks on the way down, and skips from each of them, not only between the poolings.
        embedding: channels of the step's sinusoids, and of the two layers on them.
        bands: of the mel spectrogram that every block is told; 0 for none.
        upsampling: factors from frames to samples; their product is the hop length.
        truncated_mel: see `MelInput`; what the original was trained with.
        length: samples that it is trained at; no S4 kernel reaches farther.
        kernel: of the S4 layers, see `core.models.state_space_kernels`: the original's, that of its branch
            `checkpoints`, or the diagonal one.
        state: of the S4 layers.
    """

    channels: int = 64
    layers: int = 6
    pooling: Sequence[int] = (4, 4)
    expand: int = 2
    widening: int = 2
    unet: bool = True
    embedding: Sequence[int] = (128, 512, 512)
    bands: int = 0
    upsampling: Sequence[int] = ()
    truncated_mel: bool = False
    length: int = 16000
    kernel: Literal["s4", "s4-older", "s4d"] = "s4d"
    state: int = 64

    @property
    def fixed_length(self) -> int | None:
        """The only length that it is valid at, where there is just one."""
        return self.length if self.kernel == "s4-older" else None


class ChannelNorm(nn.Module):
    """Each time by itself to mean m and deviation s over the channels; the original divides by zero where all of them
    are alike."""

    smallest = 1e-8  # variance

    def __init__(self):
        super().__init__()
        self.m, self.s = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
        return self.s / variance.clamp_min(self.smallest).sqrt() * (x - mean + self.m)


class Down(nn.Module):
    """Slows time: neighbouring times become channels, `pool` after each other, and these are mixed."""

    def __init__(self, channels: int, out: int, pool: int):
        super().__init__()
        self.pool, self.mix = pool, nn.Linear(pool * channels, out)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, time, channels]` -> `[batch, time / pool, out]`."""
        return self.mix(x.unflatten(1, (-1, self.pool)).flatten(2))


class Up(nn.Module):
    """Undoes the pooling of `Down`."""

    def __init__(self, channels: int, out: int, pool: int):
        super().__init__()
        self.pool, self.mix = pool, nn.Linear(channels, pool * out)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, time, channels]` -> `[batch, time * pool, out]`."""
        return self.mix(x).unflatten(-1, (self.pool, -1)).flatten(1, 2)


class Block(nn.Module):
    """An S4 layer along time and a feed-forward layer over the channels, each added to what it is given."""

    def __init__(self, config: SaShiMiConfig, channels: int, pooling: int):
        super().__init__()
        self.norm1, self.norm2 = ChannelNorm(), ChannelNorm()
        self.step = nn.Linear(config.embedding[-1], channels)
        self.s4 = S4(channels, config.kernel, config.state, config.length // pooling)
        wide = config.widening * channels
        self.feed = nn.Sequential(nn.Linear(channels, wide), nn.GELU(), nn.Linear(wide, channels))
        mel = (config.bands, channels, config.upsampling, pooling, config.truncated_mel)
        self.mel = MelInput(*mel) if config.bands else None

    def forward(self, x: Tensor, embedding: Tensor, mel: Tensor | None) -> Tensor:
        """`[batch, time, channels]` to the same shape."""
        y = self.s4(self.norm1(x) + self.step(embedding))
        if self.mel is not None:
            y = y + self.mel(mel, x.shape[1])
        x = x + y
        return x + self.feed(self.norm2(x))


class SaShiMi(nn.Module):
    """The noise in a waveform at a step of the diffusion."""

    def __init__(self, config: SaShiMiConfig):
        super().__init__()
        self.config = config
        self.embed = StepEmbedding(config.embedding)
        self.first = nn.Linear(1, config.channels)
        self.down, self.centre, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels, pooling = config.channels, 1

        def stage() -> list[Block]:
            return [Block(config, channels, pooling) for _ in range(config.layers)]

        for pool in config.pooling:
            self.down.extend(stage() if config.unet else [])
            self.down.append(Down(channels, config.expand * channels, pool))
            channels, pooling = config.expand * channels, pooling * pool
        self.centre.extend(stage())
        for pool in reversed(config.pooling):
            self.up.append(Up(channels, channels // config.expand, pool))
            channels, pooling = channels // config.expand, pooling // pool
            self.up.extend(stage())
        self.norm = ChannelNorm()
        self.head = nn.Linear(channels, channels)
        self.noise = nn.Linear(channels, 1)
        nn.init.zeros_(self.noise.weight)
        nn.init.zeros_(self.noise.bias)

    def forward(self, x: Tensor, step: Tensor, mel: Tensor | None = None) -> Tensor:
        """Predicted noise; arguments, result and error as of `DiffWave`."""
        frames = x.shape[1]
        x = F.pad(x, (0, -frames % math.prod(self.config.pooling)))
        embedding, skips = self.embed(step), []
        x = F.relu(self.first(x[..., None]))
        for layer in self.down:
            skips.append(x)
            x = layer(x) if isinstance(layer, Down) else layer(x, embedding, mel)
        skips.append(x)
        for block in self.centre:
            x = block(x, embedding, mel)
        x = x + skips.pop()
        for layer in self.up:
            x = layer(x) if isinstance(layer, Up) else layer(x, embedding, mel)
            if isinstance(layer, Up) or self.config.unet:
                x = x + skips.pop()
        return self.noise(F.relu(self.head(self.norm(x))))[:, :frames, 0]
