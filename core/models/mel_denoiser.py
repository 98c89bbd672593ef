"""Mel denoiser: the expected clean log mel spectrogram of a short sound in noise, told what is said and by whom or not.

A transformer over groups of frames whose norms are shifted and scaled by noise level, label and speaker (DiT, Peebles &
Xie 2023; one set of shifts for all blocks plus an offset for each, Chen et al. 2024, PixArt-alpha), with a depthwise
convolution over time in its feed-forward layers. Preconditioned as Karras et al. 2022 (EDM), table 1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NOISE_WAVES = 32  # frequencies in which the network sees the noise level
KERNEL = 5  # groups of frames that the convolutions see
MODULATIONS = 6  # shift, scale and gate of both halves of a block
NOT_TOLD = 0  # the number of no label and of no speaker; those that there are count from 1


@dataclass(frozen=True)
class MelDenoiserConfig:
    """Sizes of a `MelDenoiser`.

    Args:
        bands, frames: of the spectrograms.
        patch: frames of a group.
        channels, blocks, heads: of the transformer.
        labels, speakers: what it can be told, by name.
        front_end: of the spectrograms, a name in `core.signal.mel.FRONT_ENDS`.
    """

    bands: int = 80
    frames: int = 128
    patch: int = 2
    channels: int = 192
    blocks: int = 5
    heads: int = 6
    labels: Sequence[str] = ()
    speakers: Sequence[str] = ()
    front_end: str = "resound-16k"


class MelDenoiser(nn.Module):
    """Noisy spectrograms in, expected clean ones out, both normalised: mean 0 and deviation 1 in every band.

    The buffers `mean` and `scale`, `[bands]`, say how spectrograms are normalised.
    """

    def __init__(self, config: MelDenoiserConfig):
        super().__init__()
        self.config = config
        width, event = config.channels, config.bands * config.patch
        self.register_buffer("mean", torch.zeros(config.bands))
        self.register_buffer("scale", torch.ones(config.bands))
        self.embed = nn.Linear(event, width)
        self.places = nn.Parameter(torch.randn(config.frames // config.patch, width) * 0.02)
        self.embed_noise = nn.Sequential(nn.Linear(2 * NOISE_WAVES, width), nn.SiLU(), nn.Linear(width, width))
        self.labels = nn.Embedding(1 + len(config.labels), width)
        self.speakers = nn.Embedding(1 + len(config.speakers), width)
        self.modulate = nn.Linear(width, MODULATIONS * width)
        self.blocks = nn.ModuleList(_Block(width, config.heads) for _ in range(config.blocks))
        self.last_offset = nn.Parameter(torch.zeros(2, width))
        self.head = nn.Linear(width, event)
        for layer in (self.modulate, self.head):
            nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, sigma: Tensor, label: Tensor, speaker: Tensor) -> Tensor:
        """The denoised estimate: c_skip x + c_out F(c_in x).

        Args:
            x: normalised spectrograms with noise, `[batch, bands, frames]`.
            sigma: its standard deviation, `[batch]`.
            label, speaker: their numbers, counted from 1, or NOT_TOLD, `[batch]`.

        Returns:
            `[batch, bands, frames]`.
        """
        spread = (1 + sigma**2).sqrt()[:, None, None]
        wide = sigma[:, None, None]
        return x / spread**2 + wide / spread * self._raw(x / spread, sigma, label, speaker)

    def _raw(self, x: Tensor, sigma: Tensor, label: Tensor, speaker: Tensor) -> Tensor:
        """F of the preconditioning, whose target has unit variance at every noise level."""
        told = self.embed_noise(_waves(sigma)) + self.labels(label) + self.speakers(speaker)
        shared = self.modulate(F.silu(told)).unflatten(1, (MODULATIONS, -1))
        h = self.embed(_grouped(x, self.config.patch)) + self.places
        for block in self.blocks:
            h = block(h, shared)
        shift, scale = (shared[:, :2] + self.last_offset)[:, :, None].unbind(dim=1)
        return _ungrouped(self.head(_modulated(h, shift, scale)), self.config.patch)

    def normalise(self, mel: Tensor) -> Tensor:
        """Of log mel spectrograms, `[batch, bands, frames]`."""
        return (mel - self.mean[:, None]) / self.scale[:, None]

    def restore(self, x: Tensor) -> Tensor:
        """The inverse of `normalise`."""
        return x * self.scale[:, None] + self.mean[:, None]


class _Block(nn.Module):
    """Attention, then a feed-forward layer that sees its neighbours in time."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.offset = nn.Parameter(torch.zeros(MODULATIONS, width))
        self.query_key_value = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.depthwise = nn.Conv1d(2 * width, 2 * width, KERNEL, padding=KERNEL // 2, groups=2 * width)

    def forward(self, h: Tensor, shared: Tensor) -> Tensor:
        """[batch, groups, width]; what all blocks share of shifts, scales and gates, [batch, MODULATIONS, width]."""
        shift, scale, gate, shift_next, scale_next, gate_next = (shared + self.offset)[:, :, None].unbind(dim=1)
        h = h + gate * self._attend(_modulated(h, shift, scale))
        wide = self.widen(_modulated(h, shift_next, scale_next))
        wide = wide + self.depthwise(wide.transpose(1, 2)).transpose(1, 2)
        return h + gate_next * self.narrow(F.gelu(wide))

    def _attend(self, h: Tensor) -> Tensor:
        parts = self.query_key_value(h).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(dim=0)  # [batch, heads, groups, width / heads]
        # torch's fused attention takes a CPU four times as long to train, at so few groups
        weights = (query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])).softmax(dim=-1)
        return self.joined((weights @ value).transpose(1, 2).flatten(2))


def build(config: Mapping) -> MelDenoiser:
    """A fresh network from a checkpoint's or a recipe's configuration, with fields of `MelDenoiserConfig`."""
    return MelDenoiser(MelDenoiserConfig(**config))


def _modulated(h: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return F.layer_norm(h, h.shape[-1:]) * (1 + scale) + shift


def _waves(sigma: Tensor) -> Tensor:
    """Sines and cosines of ln(sigma) / 4, [batch, 2 * NOISE_WAVES]."""
    octaves = torch.linspace(0, 1, NOISE_WAVES, device=sigma.device)
    phase = (sigma.log() / 4)[:, None] * torch.pi * torch.exp(octaves * math.log(100.0))
    return torch.cat([phase.sin(), phase.cos()], dim=1)


def _grouped(x: Tensor, patch: int) -> Tensor:
    """[batch, bands, frames] -> [batch, frames / patch, patch * bands]."""
    return x.transpose(1, 2).unflatten(1, (-1, patch)).flatten(2)


def _ungrouped(groups: Tensor, patch: int) -> Tensor:
    """The inverse of `_grouped`."""
    return groups.unflatten(2, (patch, -1)).flatten(1, 2).transpose(1, 2)
