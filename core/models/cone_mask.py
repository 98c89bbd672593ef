"""A small network for separation by direction: a mask and a beam for every bin of the short-time spectrum.

It stands in for Cone of Silence's own (`core/models/cone.py`, Jenrungrot et al. 2020, sec. 3.1) and is asked the same:
which voices come from inside a window of angles, given channels that were aligned to its centre. What comes from there
has no phase differences between the microphones, and loses nothing when they are summed; that is what the network is
shown. It answers with complex gains for each bin: a mask that every microphone's own spectrum is multiplied by, and a
weight for each microphone (as in neural beamforming, Heymann et al. 2016) whose sum is added to them all, as aligned
microphones hear a voice alike. At microphone 0, the reference, that is any filter over the microphones. Silence stays
silence.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.spectral_features import DILATIONS, POSITIONS, fold, positions, unfold
from core.signal.stft import istft, stft

FLOOR = 1e-3  # magnitude under which phases mean nothing, where the mixture's level is 1


@dataclass(frozen=True)
class ConeMaskConfig:
    """Sizes of the network.

    Args:
        microphones: channels in and out.
        windows: widths of the window of angles that the network is told, each by its number.
        channels, blocks: of the network's body.
        patch: bins that share a position of it.
    """

    microphones: int = 4
    windows: int = 5
    channels: int = 48
    blocks: int = 10
    patch: int = 4


class ConeMask(nn.Module):
    """The voices inside a window: `[batch, mics, frames]` -> `[batch, mics, frames]`, at the mixture's own level."""

    def __init__(self, config: ConeMaskConfig):
        super().__init__()
        self.config = config
        self.fast = True
        channels = config.channels
        self.embed = nn.Conv2d(planes(config.microphones) * config.patch, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
            for dilation in (DILATIONS[n % len(DILATIONS)] for n in range(config.blocks))
        )
        self.modulation = nn.Embedding(config.windows, 2 * channels * config.blocks)
        self.head = nn.Conv2d(channels, 2 * (1 + config.microphones) * config.patch, 1)
        nn.init.zeros_(self.head.weight), nn.init.zeros_(self.head.bias)
        nn.init.zeros_(self.modulation.weight)
        self.to(memory_format=torch.channels_last)

    def forward(self, mixtures: Tensor, window: Tensor) -> Tensor:
        """The voices `[batch, mics, frames]` that come from inside the window; those of a fresh network are half of
        the mixture.

        Args:
            mixtures: aligned to the window's centre, `[batch, mics, frames]`.
            window: number of its width, `[batch]`, int64.
        """
        at_once = len(mixtures) if mixtures.is_cuda else 1  # more would leave a core's cache
        pairs = zip(mixtures.split(at_once), window.split(at_once), strict=True)
        return torch.cat([self._voices(*pair) for pair in pairs])

    def _voices(self, mixtures: Tensor, window: Tensor) -> Tensor:
        """As `forward`, at once."""
        mics, level = self.config.microphones, root_mean_square(mixtures)
        spectra = stft((mixtures / level).flatten(0, 1)).unflatten(0, (-1, mics))
        mask, beam = self._gains(spectra, window).split([1, mics], dim=1)
        voices = mask * spectra + (beam * spectra).sum(dim=1, keepdim=True)
        return istft(voices.flatten(0, 1), mixtures.shape[-1]).unflatten(0, (-1, mics)) * level

    def _gains(self, spectra: Tensor, window: Tensor) -> Tensor:
        """The mask and the weights of the microphones, `[batch, 1 + mics, BINS, times]`, complex."""
        features = fold(steered_features(spectra), self.config.patch)
        with torch.autocast(features.device.type, torch.bfloat16, enabled=self.fast):
            answer = self._body(features, window)
        real, imaginary = unfold(answer.float(), self.config.patch).chunk(2, dim=1)
        half = torch.zeros(1 + self.config.microphones, 1, 1, device=real.device)
        half[0] = 0.5  # of the mask, which the network's answer is added to
        return torch.complex(real + half, imaginary)

    def _body(self, features: Tensor, window: Tensor) -> Tensor:
        h = self.embed(features)
        for block, modulation in zip(self.blocks, self.modulation(window).chunk(len(self.blocks), dim=1), strict=True):
            gain, shift = modulation[:, :, None, None].chunk(2, dim=1)
            h = h + block(F.silu(h * (1 + gain) + shift))
        return self.head(F.silu(h))


def root_mean_square(mixtures: Tensor) -> Tensor:
    """Of mixtures `[batch, mics, frames]`, `[batch, 1, 1]`, however quiet they are; 1 of silence."""
    peak = mixtures.abs().amax(dim=(1, 2), keepdim=True)
    peak = torch.where(peak > 0, peak, 1)
    level = peak * (mixtures / peak).square().mean(dim=(1, 2), keepdim=True).sqrt()
    return torch.where(level > 0, level, 1)


def planes(microphones: int) -> int:
    """How many features `steered_features` gives of each bin."""
    return 2 + 2 * (microphones - 1) + POSITIONS


def steered_features(spectra: Tensor) -> Tensor:
    """What aligned spectra `[batch, mics, BINS, times]` say of directions: `[batch, planes, BINS, times]`.

    Log of the mean magnitude; log ratio of the magnitude of the mean (delay and sum) to it, 0 for sound from the
    direction that channels are aligned to; cosine and sine of the phase differences to microphone 0, 1 and 0 there;
    position in frequency.
    """
    batch, _, bins, times = spectra.shape
    magnitude = spectra.abs().mean(dim=1, keepdim=True)
    summed = spectra.mean(dim=1, keepdim=True).abs()
    phases = spectra / (spectra.abs() + FLOOR)
    turned = phases[:, 1:] * phases[:, :1].conj()
    loudness = (magnitude + FLOOR).log()
    grid = positions(bins, spectra.device)[None, :, :, None].expand(batch, -1, -1, times)
    return torch.cat([loudness / 2, (summed + FLOOR).log() - loudness, turned.real, turned.imag, grid], dim=1)
