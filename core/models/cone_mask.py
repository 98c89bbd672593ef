"""A small network for separation by direction: it encodes a mixture once and separates any number of windows of angles.

An alternative to Cone of Silence's own (`core/models/cone.py`, Jenrungrot et al. 2020, sec. 3.1), which is run anew for
every window. An encoder sees all microphones: convolutions over time and frequency and, along time within every band,
attention, as the spatial cues of a source are the same at all times (narrow-band processing, Quan & Li 2024,
SpatialNet). It also estimates clean phase differences between the microphones. A few layers are run for every window:
their input are the phase differences steered to the window's centre, which are zero for sound from there. They estimate
complex gains for each bin: a mask on every microphone's spectrum, and a weight for each microphone (neural beamforming,
Heymann et al. 2016) whose weighted sum is added to all of them, as aligned microphones record the same voice. Silence
gives silence.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.spectral_features import DILATIONS, POSITIONS, fold, positions, unfold
from core.signal.stft import BINS, N_FFT, istft, stft

FLOOR = 1e-3  # magnitude under which phases are noise, at a mixture level of 1
ATTENTION_EVERY = 2  # blocks of the encoder
PAIRS_AT_ONCE = 2**25  # pairs of frames that attention compares: bounds the memory of long mixtures


@dataclass(frozen=True)
class ConeMaskConfig:
    """Sizes of the network.

    Args:
        microphones: channels in and out.
        windows: number of widths of a window of angles, which the network is conditioned on.
        channels, blocks: of the encoder, which is run once.
        answer_channels, answer_blocks: of the layers that are run for every window.
        patch: neighbouring bins that are folded into one position, in both.
    """

    microphones: int = 4
    windows: int = 5
    channels: int = 48
    blocks: int = 8
    answer_channels: int = 32
    answer_blocks: int = 3
    patch: int = 4

    @property
    def pairs(self) -> int:
        """Pairs of microphone 0 and another one, whose phases are compared."""
        return self.microphones - 1


@dataclass(frozen=True, eq=False)
class MixtureEncoding:
    """MixtureEncoding mixtures.

    Args:
        spectra: `[batch, mics, BINS, times]`, at level 1.
        level: of the mixtures, `[batch, 1, 1]`.
        hidden: output of the encoder, `[batch, answer_channels, BINS / patch, times]`.
        phases: differences to microphone 0, measured and as the encoder cleaned them: real and imaginary parts,
            folded, each `[batch, 2 * pairs * patch, BINS / patch, times]`.
        frames: samples of the mixtures.
    """

    spectra: Tensor
    level: Tensor
    hidden: Tensor
    phases: tuple[Tensor, Tensor]
    frames: int


class ConeMask(nn.Module):
    """The voices inside windows: mixtures `[batch, mics, frames]` -> `[batch, windows, mics, frames]`."""

    def __init__(self, config: ConeMaskConfig):
        super().__init__()
        self.config, self.fast = config, True
        channels, own, patch = config.channels, config.answer_channels, config.patch
        self.embed = nn.Conv2d((1 + 2 * config.pairs + POSITIONS) * patch, channels, 3, padding=1)
        self.encoder = nn.ModuleList(_convolution(channels, n) for n in range(config.blocks))
        self.attention = nn.ModuleList(BandAttention(channels) for _ in range(config.blocks // ATTENTION_EVERY))
        self.clean = nn.Conv2d(channels, 2 * config.pairs * patch, 1)
        self.hidden = nn.Conv2d(channels, own, 1)
        self.steer = nn.Conv2d((1 + 4 * config.pairs) * patch, own, 1)
        self.answers = nn.ModuleList(_convolution(own, n) for n in range(config.answer_blocks))
        self.modulation = nn.Embedding(config.windows, 2 * own * config.answer_blocks)
        self.head = nn.Conv2d(own, 2 * (1 + config.microphones) * patch, 1)
        for weight in (self.head.weight, self.head.bias, self.modulation.weight):
            nn.init.zeros_(weight)
        self.to(memory_format=torch.channels_last)

    def forward(self, mixtures: Tensor, delays: Tensor, windows: Tensor) -> Tensor:
        """As `separate`, of mixtures `[batch, mics, frames]`."""
        return self.separate(self.encode(mixtures), delays, windows)

    def encode(self, mixtures: Tensor) -> MixtureEncoding:
        """Encodes mixtures `[batch, mics, frames]`, not aligned to any direction."""
        patch, level = self.config.patch, root_mean_square(mixtures)
        spectra = stft((mixtures / level).flatten(0, 1)).unflatten(0, (-1, self.config.microphones))
        magnitude = spectra.abs()
        phases = spectra / (magnitude + FLOOR)
        turned = phases[:, 1:] * phases[:, :1].conj()
        real, imaginary = (fold(part, patch) for part in (turned.real, turned.imag))
        loudness = (magnitude.mean(dim=1, keepdim=True) + FLOOR).log() / 2
        places = positions(BINS, spectra.device)[None, :, :, None].expand(len(spectra), -1, -1, spectra.shape[-1])
        features = torch.cat([fold(torch.cat([loudness, places], dim=1), patch), real, imaginary], dim=1)
        with self._autocast(features):
            hidden, cleaned = self._encode(features)
        cleaned = cleaned.float().chunk(2, dim=1)
        phases = tuple(torch.cat(parts, dim=1) for parts in zip((real, imaginary), cleaned, strict=True))
        return MixtureEncoding(spectra, level, hidden, phases, mixtures.shape[-1])

    def separate(self, encoded: MixtureEncoding, delays: Tensor, windows: Tensor) -> Tensor:
        """The voices that come from inside windows, aligned to their centres: `[batch, windows, mics, frames]`.

        A fresh network gives half of the mixture.

        Args:
            delays: samples by which sound from a window's centre reaches each microphone later than microphone 0,
                `[batch, windows, mics]`.
            windows: number of each window's width, `[batch, windows]`, int64.
        """
        pairs = [(row, k) for row in range(delays.shape[0]) for k in range(delays.shape[1])]
        at_once = len(pairs) if encoded.spectra.is_cuda else 1  # more would leave a core's cache
        groups = [pairs[start : start + at_once] for start in range(0, len(pairs), at_once)]
        rows = [torch.tensor(group, device=delays.device).T for group in groups]
        voices = [self._separate(encoded, row, delays[row, k], windows[row, k]) for row, k in rows]
        return torch.cat(voices).unflatten(0, delays.shape[:2])

    def _separate(self, encoded: MixtureEncoding, rows: Tensor, delays: Tensor, windows: Tensor) -> Tensor:
        """The voices of some windows, `[windows, mics, frames]`; `rows` has the mixture of each, `[windows]`."""
        cycles = torch.arange(BINS, device=delays.device) / N_FFT
        turns = 2 * torch.pi * delays[:, :, None, None] * cycles[:, None]  # [windows, mics, BINS, 1]
        real, imaginary = (part[rows] for part in encoded.phases)
        features = self._steered(real, imaginary, fold(turns[:, 1:].float(), self.config.patch))
        with self._autocast(features):
            gains = self._gains(features, encoded.hidden[rows], windows)
        mask, beam = gains.split([1, self.config.microphones], dim=1)
        spectra = encoded.spectra[rows] * torch.polar(torch.ones_like(turns), turns).to(encoded.spectra.dtype)
        voices = mask * spectra + (beam * spectra).sum(dim=1, keepdim=True)
        return istft(voices.flatten(0, 1), encoded.frames).unflatten(0, voices.shape[:2]) * encoded.level[rows]

    def _encode(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The hidden state that every window shares, and cleaned phase differences, real parts first."""
        h = self.embed(features)
        for n, block in enumerate(self.encoder):
            h = h + block(F.silu(h))
            if (n + 1) % ATTENTION_EVERY == 0:
                h = h + self.attention[n // ATTENTION_EVERY](h)
        return self.hidden(F.silu(h)), self.clean(F.silu(h))

    def _steered(self, real: Tensor, imaginary: Tensor, turns: Tensor) -> Tensor:
        """Features of a window: log magnitude of the sum of the steered channels, and steered phase differences.

        Args:
            real, imaginary: `[windows, 2 * pairs * patch, BINS / patch, times]`.
            turns: phases to steer by in radians, `[windows, pairs * patch, BINS / patch, 1]`.
        """
        cosine, sine = (part.repeat(1, 2, 1, 1) for part in (turns.cos(), turns.sin()))
        real, imaginary = real * cosine - imaginary * sine, real * sine + imaginary * cosine
        measured = (part.unflatten(1, (2, self.config.pairs, -1))[:, 0].sum(dim=1) for part in (real, imaginary))
        along, across = measured  # of the direction, [windows, patch, BINS / patch, times]
        summed = ((1 + along).square() + across.square()).sqrt() / self.config.microphones
        return torch.cat([(summed + FLOOR).log(), real, imaginary], dim=1)

    def _gains(self, features: Tensor, hidden: Tensor, windows: Tensor) -> Tensor:
        """The mask and the weights of the microphones, `[windows, 1 + mics, BINS, times]`, complex."""
        h = self.steer(features) + hidden
        modulations = self.modulation(windows).chunk(len(self.answers), dim=1)
        for block, modulation in zip(self.answers, modulations, strict=True):
            gain, shift = modulation[:, :, None, None].chunk(2, dim=1)
            h = h + block(F.silu(h * (1 + gain) + shift))
        real, imaginary = unfold(self.head(F.silu(h)).float(), self.config.patch).chunk(2, dim=1)
        half = torch.zeros(1 + self.config.microphones, 1, 1, device=real.device)
        half[0] = 0.5  # a fresh network's mask
        return torch.complex(real + half, imaginary)

    def _autocast(self, like: Tensor) -> torch.autocast:
        return torch.autocast(like.device.type, torch.bfloat16, enabled=self.fast)


class BandAttention(nn.Module):
    """Self-attention along time within every band, `[batch, channels, bands, times]` in and out."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.ask = nn.Linear(channels, 3 * channels)
        self.join = nn.Linear(channels, channels)

    def forward(self, h: Tensor) -> Tensor:
        """Attends in groups of bands, to bound memory."""
        bands = h.permute(0, 2, 3, 1)  # [batch, bands, times, channels], as they lie in memory
        projected = self.ask(self.norm(bands)).flatten(0, 1)  # [batch * bands, times, 3 * channels]
        at_once = max(1, PAIRS_AT_ONCE // projected.shape[1] ** 2)
        attended = torch.cat([self._attention(*some.chunk(3, dim=-1)) for some in projected.split(at_once)])
        return self.join(attended.view(bands.shape)).permute(0, 3, 1, 2)

    @staticmethod
    def _attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Scaled dot-product attention of one head; torch's fused one trains four times as slowly on a CPU."""
        scores = torch.bmm(query * query.shape[-1] ** -0.5, key.transpose(1, 2))
        return torch.bmm(scores.softmax(dim=-1), value)


def _convolution(channels: int, number: int) -> nn.Conv2d:
    """The convolution of a block, by its number."""
    dilation = DILATIONS[number % len(DILATIONS)]
    return nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)


def root_mean_square(mixtures: Tensor) -> Tensor:
    """Root mean square of mixtures `[batch, mics, frames]`, `[batch, 1, 1]`, without underflow; 1 for silence."""
    peak = mixtures.abs().amax(dim=(1, 2), keepdim=True)
    peak = torch.where(peak > 0, peak, 1)
    level = peak * (mixtures / peak).square().mean(dim=(1, 2), keepdim=True).sqrt()
    return torch.where(level > 0, level, 1)
