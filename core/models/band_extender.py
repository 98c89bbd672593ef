"""Band extender: what lies over the end of a sound's band, from what lies under it.

A network reads the log magnitudes of the band that is there, frame by frame, and says how loud the band over it is, bin
by bin. It shapes excitations, as in the source-filter model: the band itself, folded over its end; its rectification,
whose harmonics go on where the sound's own end (Makhoul & Berouti 1979); and noise, by which draws differ. The body is
a ConvNeXt (Liu et al. 2022) over frames.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.spectral_features import DATA_STD
from core.signal.stft import BINS, istft, stft

FLOOR = 1e-4  # of magnitudes, relative to DATA_STD
QUIET_START = -4.0  # natural logarithm of what a fresh network makes, relative to DATA_STD
RAMP_BINS = 4  # over which the band that is there gives way to what is made
BANDS = 64  # of the level of harmonics, and of the balance between the other excitations
KERNEL, DILATIONS = 7, (1, 2, 1, 4)
CUTOFF_WAVES = 8
WHITE_BINS = 25  # over which the rectified band is brought to unit level
ENDS = 512  # zeros that keep one end of a waveform from the other
NOTHING = 1e-5  # root mean square of a frame, relative to DATA_STD, under which nothing is made over it


@dataclass(frozen=True)
class ExtenderConfig:
    """channels, blocks: of the body."""

    channels: int = 160
    blocks: int = 5


class BandExtender(nn.Module):
    """Waveforms in and out, `[batch, samples]`, around DATA_STD; cut-offs are shares of half the rate, `[batch]`."""

    def __init__(self, config: ExtenderConfig):
        super().__init__()
        self.fast = True
        self.embed = nn.Linear(BINS, config.channels)
        self.embed_cutoff = nn.Linear(2 * CUTOFF_WAVES, config.channels)
        dilations = (DILATIONS[n % len(DILATIONS)] for n in range(config.blocks))
        self.blocks = nn.ModuleList(_Block(config.channels, dilation) for dilation in dilations)
        self.norm = nn.LayerNorm(config.channels)
        self.head = nn.Linear(config.channels, BINS + 2 * BANDS)
        nn.init.zeros_(self.head.weight), nn.init.zeros_(self.head.bias)

    def forward(self, waveform: Tensor, cutoff: Tensor, noise: Tensor) -> Tensor:
        """The sound with a band over its cut-off; what lies under it stays.

        Args:
            waveform: what it has over the cut-off is not looked at.
            noise: white, of unit variance, one row for each draw of each waveform, `[draws * batch, samples]`.

        Returns:
            `[draws * batch, samples]`.
        """
        low, above = stft(waveform), over_cutoff(cutoff)
        level, harmonics, balance = self.shape(low, cutoff, above)
        folded = _to_unit(fold_band(low, cutoff))
        steady = level * balance * folded + harmonics * whitened(stft(rectified(waveform)))
        loud = low.abs().square().mean(dim=1, keepdim=True).sqrt()
        gate = above * loud / (loud + NOTHING * DATA_STD)
        draws = len(noise) // len(waveform)
        steady, random = low * (1 - above) + gate * steady, gate * level * (1 - balance.square()).sqrt()
        spectrum = steady.repeat(draws, 1, 1) + random.repeat(draws, 1, 1) * _to_unit(stft(noise))
        return istft(spectrum, waveform.shape[-1])

    def shape(self, low: Tensor, cutoff: Tensor, above: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the excitations are multiplied by, each `[batch, BINS, frames]`.

        Args:
            low: spectrum of the band that is there, `[batch, BINS, frames]`.
            above: of `over_cutoff`.

        Returns:
            The level of folded band and noise together; that of harmonics; the folded band's share of the former.
        """
        magnitude = (low.abs() * (1 - above) / DATA_STD + FLOOR).log() / 3
        with torch.autocast(low.device.type, torch.bfloat16, enabled=self.fast):
            h = self.embed(magnitude.transpose(1, 2)) + self.embed_cutoff(_waves(cutoff))[:, None]
            for block in self.blocks:
                h = block(h)
            answer = self.head(self.norm(h))
        answer = answer.float().transpose(1, 2)
        levels, bands = answer[:, :BINS], answer[:, BINS:].unflatten(1, (2, BANDS))
        harmonics, balance = F.interpolate(bands, levels.shape[1:], mode="bilinear").unbind(dim=1)
        return _loudness(levels), _loudness(harmonics - 1), balance.sigmoid()


class _Block(nn.Module):
    def __init__(self, channels: int, dilation: int):
        super().__init__()
        padding = dilation * (KERNEL // 2)
        self.depthwise = nn.Conv1d(channels, channels, KERNEL, padding=padding, dilation=dilation, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen, self.narrow = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)

    def forward(self, h: Tensor) -> Tensor:
        """[batch, frames, channels]."""
        mixed = self.depthwise(h.transpose(1, 2)).transpose(1, 2)
        return h + self.narrow(F.gelu(self.widen(self.norm(mixed))))


def build(config: dict) -> BandExtender:
    """A fresh network from a checkpoint's or a recipe's configuration."""
    return BandExtender(ExtenderConfig(**config))


def over_cutoff(cutoff: Tensor) -> Tensor:
    """0 under a cut-off, 1 over it, `[batch, BINS, 1]`."""
    bins = torch.arange(BINS, device=cutoff.device)[None, :, None]
    return ((bins - cutoff[:, None, None] * BINS) / RAMP_BINS).clamp(0, 1)


def fold_band(low: Tensor, cutoff: Tensor) -> Tensor:
    """The spectrum under the cut-off, mirrored there and again at 0 Hz, as zeros between the samples would.

    Mirrored frequencies run backwards: demodulated bins are conjugated.
    """
    bins = torch.arange(BINS, device=low.device)[None]
    end = (cutoff * BINS).round().long().clamp_min(1)[:, None]
    place = bins % (2 * end)
    source = torch.minimum(place, 2 * end - place)[:, :, None].expand_as(low)
    folded = torch.gather(low, 1, source)
    return torch.where((place > end)[:, :, None], folded.conj(), folded)


def rectified(waveform: Tensor) -> Tensor:
    """|w|, at twice the rate so that little of it is aliased; its harmonics are those of w, and those over them."""
    padded = F.pad(waveform, (ENDS, ENDS))
    samples = padded.shape[-1]
    fine = torch.fft.irfft(torch.fft.rfft(padded), 2 * samples) * 2
    return torch.fft.irfft(torch.fft.rfft(fine.abs())[:, : samples // 2 + 1], samples)[:, ENDS:-ENDS] / 2


def whitened(spectrum: Tensor) -> Tensor:
    """A spectrum whose neighbouring bins have unit magnitude on average, `[batch, BINS, frames]`."""
    around = F.avg_pool2d(spectrum.abs(), (WHITE_BINS, 1), 1, (WHITE_BINS // 2, 0), count_include_pad=False)
    return spectrum / (around + FLOOR**2 * DATA_STD)


def _to_unit(spectrum: Tensor) -> Tensor:
    return spectrum / (spectrum.abs() + FLOOR**2 * DATA_STD)


def _loudness(answer: Tensor) -> Tensor:
    return DATA_STD * (3 * answer + QUIET_START).clamp(-14, 4).exp()


def _waves(cutoff: Tensor) -> Tensor:
    """Sines and cosines of the cut-off, `[batch, 2 * CUTOFF_WAVES]`."""
    phase = cutoff[:, None] * torch.pi * torch.arange(1, CUTOFF_WAVES + 1, device=cutoff.device)
    return torch.cat([phase.sin(), phase.cos()], dim=1)
