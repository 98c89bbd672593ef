"""A small network that hears whether a sound of low rate holds aliases: whether its samples were kept without a filter.

The spectrum alone does not say so where a filter falls as late as natural sounds rise and fall; what is in it does:
noise of sibilants where vowels belong, partials between the partials. Every pair of neighbouring frames gives its own
log odds, and their mean is the sound's.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

N_FFT, HOP = 256, 128
SHORTEST = N_FFT + HOP  # frames of the sound under which there is no pair
BANDS, BAND = 24, 5  # bands of neighbouring bins up to half the rate; bins of each
EDGE = 8  # the last bins, looked at one by one
FLOOR_DB, AUDIBLE_DB = -110.0, -45.0  # under the loudest bin; frames under the loudest frame
DECIBELS = 10.0  # that make a unit of what the network sees


class AliasDetector(nn.Module):
    """Log odds that samples were kept of a sound without a filter.

    Args:
        hidden: width of its two layers.
    """

    def __init__(self, hidden: int = 48):
        super().__init__()
        inputs = 2 * (2 * BANDS + EDGE) + 1
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, 1)
        )

    def forward(self, waveform: Tensor, sample_rate: float) -> Tensor:
        """[batch, frames of at least SHORTEST] at its low rate -> [batch]."""
        frames, audible = _frames(waveform)  # [batch, times, features], [batch, times]
        pairs = torch.cat([frames[:, :-1], frames[:, 1:]], dim=-1)
        rate = pairs.new_full((*pairs.shape[:2], 1), math.log2(sample_rate / 8000))
        both = audible[:, :-1] & audible[:, 1:]
        both = both | ~both.any(dim=1, keepdim=True)
        odds = torch.zeros_like(both, dtype=pairs.dtype)
        odds[both] = self.layers(torch.cat([pairs, rate], dim=-1)[both])[:, 0]
        return odds.sum(dim=1) / both.sum(dim=1)


def from_checkpoint(
    name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str
) -> AliasDetector:
    """A detector from a checkpoint's configuration (the network's width) and weights."""
    model = AliasDetector(config["hidden"])
    model.load_state_dict(state)
    return model.eval().requires_grad_(False).to(device)


def _frames(waveform: Tensor) -> tuple[Tensor, Tensor]:
    """What the network sees of every frame, relative to the frame's level; and which frames are loud enough."""
    window = torch.hann_window(N_FFT, device=waveform.device)
    spectrum = torch.stft(waveform, N_FFT, HOP, window=window, center=False, return_complex=True)
    power = spectrum.abs().square().transpose(1, 2)  # [batch, times, bins]
    loudest = power.amax(dim=(1, 2), keepdim=True).clamp_min(1e-30)
    level = 10 * torch.log10(power / loudest + 10 ** (FLOOR_DB / 10))
    bands = level[..., -BANDS * BAND :].unflatten(-1, (BANDS, BAND))
    means, valleys, edge = bands.mean(dim=-1), bands.amin(dim=-1), level[..., -EDGE:]
    features = torch.cat([means, valleys, edge], dim=-1) - means.mean(dim=-1, keepdim=True)
    loudness = power.mean(dim=-1)
    return features / DECIBELS, loudness > loudness.amax(dim=1, keepdim=True) * 10 ** (AUDIBLE_DB / 10)
