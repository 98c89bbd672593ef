"""A small network that hears whether a sound of low rate holds aliases: whether its samples were kept without a filter.

The spectrum alone does not say so where a filter falls as late as natural sounds rise and fall; what is in it does:
noise of sibilants where vowels belong, partials between the partials, hiss whose end a filter rounded. Convolutions
over times and frequencies look for that; every moment gives its own log odds and says how much they count, and the
sound's are their weighted mean.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_FFT, HOP = 256, 128
SHORTEST = N_FFT + HOP  # frames of the sound under which nothing is said
BINS = N_FFT // 2  # up to half the rate, without 0 Hz
FLOOR_DB = -110.0  # under the loudest bin
DECIBELS = 20.0  # that make a unit of what the network sees
KERNELS = ((3, 5), (3, 3), (3, 3), (3, 3))  # times, frequencies
STRIDES = ((1, 2), (1, 2), (2, 2), (2, 2))


class AliasDetector(nn.Module):
    """Log odds that samples were kept of a sound without a filter.

    Args:
        channels: of its convolutions, one after the other.
        hidden: width of the layer that sees all frequencies of a moment.
    """

    def __init__(self, channels: tuple[int, ...] = (16, 24, 32, 32), hidden: int = 32):
        super().__init__()
        widths = (4, *channels)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, kernel, stride, padding=(kernel[0] // 2, kernel[1] // 2))
            for before, after, kernel, stride in zip(widths, channels, KERNELS, STRIDES, strict=False)
        )
        bands = BINS // math.prod(stride for _, stride in STRIDES)
        self.moment = nn.Linear(channels[-1] * bands, hidden)
        self.head = nn.Linear(hidden, 2)

    def forward(self, waveform: Tensor, sample_rate: float) -> Tensor:
        """[batch, frames of at least SHORTEST] at its low rate -> [batch]."""
        h = _features(waveform, sample_rate)  # [batch, features, times, bins]
        h = h.contiguous(memory_format=torch.channels_last)  # faster on CPUs
        for convolution in self.convolutions:
            h = F.gelu(convolution(h))
        moments = F.gelu(self.moment(h.permute(0, 2, 1, 3).flatten(2)))  # [batch, times, hidden]
        odds, weight = self.head(moments).unbind(dim=-1)
        return (odds * weight.softmax(dim=1)).sum(dim=1)


def from_checkpoint(
    name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str
) -> AliasDetector:
    """A detector from a checkpoint's configuration (the network's widths) and weights."""
    model = AliasDetector(config["channels"], config["hidden"])
    model.load_state_dict(state)
    return model.eval().requires_grad_(False).to(device)


def _features(waveform: Tensor, sample_rate: float) -> Tensor:
    """[batch, 4, times, BINS]: levels relative to the loudest bin and to the frame's mean, frequencies, the rate."""
    window = torch.hann_window(N_FFT, device=waveform.device)
    spectrum = torch.stft(waveform, N_FFT, HOP, window=window, center=False, return_complex=True)
    power = spectrum[:, 1:].abs().square().transpose(1, 2)
    loudest = power.amax(dim=(1, 2), keepdim=True).clamp_min(1e-30)
    level = 10 * torch.log10(power / loudest + 10 ** (FLOOR_DB / 10)) / DECIBELS
    place = torch.linspace(-1, 1, BINS, device=waveform.device).expand_as(level)
    rate = torch.full_like(level, math.log2(sample_rate / 8000))
    return torch.stack([level + 2, level - level.mean(dim=2, keepdim=True), place, rate], dim=1)
