"""Cone of Silence's network: the voices inside a window of angles, from channels that were aligned to its centre.

Jenrungrot et al. 2020, sec. 3.1, a Demucs (Defossez et al. 2019) over all microphones at once: gated convolutions down,
a bidirectional LSTM over time, gated convolutions up with skips, and at every level a bias that depends on the width
of the window. The mixture is padded once, convolutions are not.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEP = 2.0**-15  # of the samples that the network sees: those of 16 bits


@dataclass(frozen=True)
class ConeConfig:
    """Sizes of the network; the defaults are those of the published ones.

    Args:
        microphones: channels in, and of each of the two outputs.
        windows: number of widths of a window of angles, which the network is conditioned on.
        kernel_size, stride: of the convolutions between the levels.
        context: taps of the decoder's gated convolutions.
        depth: levels.
        channels: of the first level.
        growth: ratio of the channels of a level to those of the level above, rounded down.
        lstm_layers: of the bottleneck.
        rescale: the deviation of fresh weights becomes the geometric mean of their own and this one.
    """

    microphones: int = 4
    windows: int = 5
    kernel_size: int = 8
    stride: int = 4
    context: int = 3
    depth: int = 6
    channels: int = 64
    growth: float = 2.0
    lstm_layers: int = 2
    rescale: float = 0.1

    @property
    def widths(self) -> list[int]:
        """Channels of the levels, from the waveform down."""
        widths = [self.channels]
        while len(widths) < self.depth:
            widths.append(int(self.growth * widths[-1]))
        return widths

    def valid_length(self, frames: int) -> int:
        """The smallest input length that the strides divide without remainder and that gives at least `frames`."""
        for _ in range(self.depth):
            frames = max(1, math.ceil((frames - self.kernel_size) / self.stride) + 1) + self.context - 1
        for _ in range(self.depth):
            frames = (frames - 1) * self.stride + self.kernel_size
        return frames


def normalise(mixtures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rounds to 16 bits, then normalises by mean and standard deviation of the channels' average; silence is kept.

    Args:
        mixtures: `[batch, mics, frames]`.

    Returns:
        Normalised mixtures; mean and standard deviation, each `[batch, 1, 1]`.
    """
    mixtures = (mixtures / STEP).round() * STEP
    reference = mixtures.mean(dim=1)
    mean = reference.mean(dim=1)[:, None, None]
    std = reference.std(dim=1, correction=min(1, reference.shape[1] - 1))[:, None, None]  # 0 of a single frame
    return (mixtures - mean) / torch.where(std > 0, std, 1), mean, std


def unnormalise(voices: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """The inverse of `normalise` for voices `[batch, mics, frames]`, without its rounding."""
    return voices * std + mean


class EncoderLevel(nn.Module):
    """A strided convolution and a gated 1 x 1 convolution, each with a bias that depends on the window."""

    def __init__(self, config: ConeConfig, inputs: int, width: int):
        super().__init__()
        self.conv = nn.Conv1d(inputs, width, config.kernel_size, config.stride)
        self.window = nn.Linear(config.windows, width)
        self.gates = nn.Conv1d(width, 2 * width, 1)
        self.gates_window = nn.Linear(config.windows, 2 * width)

    def forward(self, x: Tensor, window: Tensor) -> Tensor:
        """x `[batch, inputs, time]`, window `[batch, windows]`, one-hot -> `[batch, width, shorter time]`."""
        x = F.relu(self.conv(x) + self.window(window)[..., None])
        return F.glu(self.gates(x) + self.gates_window(window)[..., None], dim=1)


class DecoderLevel(nn.Module):
    """A gated convolution and a transposed one, each with a bias that depends on the window; the last level's
    transposed one has neither that bias nor a ReLU."""

    def __init__(self, config: ConeConfig, width: int, outputs: int, last: bool):
        super().__init__()
        self.gates = nn.Conv1d(width, 2 * width, config.context)
        self.gates_window = nn.Linear(config.windows, 2 * width)
        self.conv = nn.ConvTranspose1d(width, outputs, config.kernel_size, config.stride)
        self.window = None if last else nn.Linear(config.windows, outputs)

    def forward(self, x: Tensor, window: Tensor) -> Tensor:
        """x `[batch, width, time]`, window `[batch, windows]`, one-hot -> `[batch, outputs, longer time]`."""
        x = self.conv(F.glu(self.gates(x) + self.gates_window(window)[..., None], dim=1))
        return x if self.window is None else F.relu(x + self.window(window)[..., None])


class ConeNetwork(nn.Module):
    """The voices inside a window: `[batch, mics, frames]` -> `[batch, mics, frames]`, at the mixture's own level."""

    def __init__(self, config: ConeConfig):
        super().__init__()
        self.config = config
        widths = config.widths
        above = [config.microphones, *widths]
        outputs = [2 * config.microphones, *widths]
        self.encoder = nn.ModuleList(EncoderLevel(config, above[n], width) for n, width in enumerate(widths))
        self.lstm = nn.LSTM(widths[-1], widths[-1], config.lstm_layers, bidirectional=True)
        self.lstm_linear = nn.Linear(2 * widths[-1], widths[-1])
        self.decoder = nn.ModuleList(
            DecoderLevel(config, widths[n], outputs[n], last=n == 0) for n in reversed(range(config.depth))
        )
        for level in (*self.encoder, *self.decoder):
            for layer in level.children():
                _rescale(layer, config.rescale)

    def forward(self, mixtures: Tensor, window: Tensor) -> Tensor:
        """The voices `[batch, mics, frames]` that come from inside the window.

        Args:
            mixtures: aligned to the window's centre, `[batch, mics, frames]`.
            window: number of its width, `[batch]`, int64.
        """
        x, mean, std = normalise(mixtures)
        return unnormalise(self.heads(x, window)[:, 0], mean, std)

    def heads(self, x: Tensor, window: Tensor) -> Tensor:
        """Both outputs, the voices and one that Cone of Silence never trains: `[batch, 2, mics, frames]`.

        Args:
            x: of `normalise`; window as in `forward`.
        """
        frames = x.shape[-1]
        window = F.one_hot(window, self.config.windows).to(x.dtype)
        padding = self.config.valid_length(frames) - frames
        x = F.pad(x, (padding // 2, padding - padding // 2))
        skips = []
        for level in self.encoder:
            x = level(x, window)
            skips.append(x)
        x = self.lstm_linear(self.lstm(x.permute(2, 0, 1))[0]).permute(1, 2, 0)
        for level in self.decoder:
            x = level(x + _centre(skips.pop(), x.shape[-1]), window)
        return _centre(x, frames).unflatten(1, (2, self.config.microphones))


def _centre(x: Tensor, frames: int) -> Tensor:
    """The middle `frames` of x `[..., time]`."""
    start = (x.shape[-1] - frames) // 2
    return x[..., start : start + frames]


def _rescale(layer: nn.Module, reference: float) -> None:
    """Rescales fresh weights towards a standard deviation, as Demucs does (Defossez et al. 2019)."""
    with torch.no_grad():
        scale = (layer.weight.std() / reference).sqrt()
        layer.weight /= scale
        layer.bias /= scale
