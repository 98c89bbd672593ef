"""Spectral denoiser: small networks on the short-time spectrum that estimate a complex filter for every bin.

A checkpoint holds several. The `estimator` takes the evidence (an interpolation, and the known samples with zeros
between them, whose spectrum has every alias at its true frequency) and gives a one-step estimate. The `denoiser` takes
a noisy waveform at any noise level, the evidence and that estimate. The `free` denoiser takes a noisy waveform alone:
it is the unconditional prior, and small, as it is evaluated most often. The `extractor` takes a noisy waveform and a
mixture that contains the clean one (target source extraction). Filters of 3 x 3 bins follow deep filtering (Mack &
Habets 2020), noise levels and scalings Karras et al. 2022. Gaps have an estimator of their own
(`core/models/gap_mixer.py`).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.gap_mixer import GapMixer
from core.models.spectral_features import (
    DATA_STD,
    DILATIONS,
    FEATURES,
    MIXTURE_STD,
    POSITIONS,
    fold,
    spectral_features,
    unfold,
)
from core.signal.stft import istft, quarter_turns, stft

WAVES = 16  # sines and cosines that embed a number
MODULATION_RANK = 24  # of the linear map from the setting to gains and shifts of the channels
SETTING_FEATURES = 3 * WAVES  # of the noise level, the share of known samples, and the density of their edges
# densities of edges that no training shows: gaps have fewer, clipping and decimation more; between, networks blow up
UNSEEN_EDGES = (4e-4, 1.6e-2)
EDGES_BETWEEN = 2.5e-3  # the geometric mean: sparser ones are shown as those of gaps, denser ones as those of clipping


@dataclass(frozen=True)
class SpectralConfig:
    """Sizes of the networks.

    Args:
        channels, blocks: of the estimator and the denoiser; the free denoiser and the extractor have as many blocks.
        patch, free_patch, extractor_patch: neighbouring bins that are folded into one position.
        free_channels: of the free denoiser.
        gap_channels, gap_blocks: of the gap mixer; 0 channels for none, then the first prediction of a gap is used.
        extractor_channels: of the extractor; 0 for none, then the free denoiser is used.
    """

    channels: int = 64
    blocks: int = 10
    patch: int = 4
    free_channels: int = 48
    free_patch: int = 2
    gap_channels: int = 0
    gap_blocks: int = 8
    extractor_channels: int = 0
    extractor_patch: int = 2


class FilterNet(nn.Module):
    """Estimates a spectrum as the sum of filtered input spectra and a small additive spectrum.

    Args:
        spectra: number of input spectra.
        channels, blocks: of the convolutions.
        patch: neighbouring bins that are folded into one position.
    """

    def __init__(self, spectra: int, channels: int, blocks: int, patch: int):
        super().__init__()
        self.spectra, self.patch = spectra, patch
        self.fast = True
        self.to(memory_format=torch.channels_last)
        self.outputs = spectra * 18 + 2  # nine complex taps for each spectrum, one additive term
        inputs = spectra * FEATURES + POSITIONS + 1
        self.embed = nn.Conv2d(inputs * patch, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
            for dilation in (DILATIONS[n % len(DILATIONS)] for n in range(blocks))
        )
        self.modulation = nn.Sequential(
            nn.Linear(SETTING_FEATURES, MODULATION_RANK, bias=False),
            nn.Linear(MODULATION_RANK, 2 * channels * blocks),
        )
        self.head = nn.Conv2d(channels, self.outputs * patch, 1)
        nn.init.zeros_(self.head.weight), nn.init.zeros_(self.head.bias)
        nn.init.zeros_(self.modulation[1].weight), nn.init.zeros_(self.modulation[1].bias)

    def forward(
        self, spectra: Tensor, scale: float | Tensor, known_share: Tensor, setting: Tensor, base: Tensor
    ) -> Tensor:
        """Filters the spectra.

        Args:
            spectra: [batch, spectra, BINS, frames], complex.
            scale: factors that bring the spectra to unit level for the features, [spectra].
            known_share: share of known samples in each frame, [batch, frames].
            setting: embedding of noise level and evidence (`_setting`), [batch, SETTING_FEATURES].
            base: gain of each spectrum's centre tap that the network's taps are added to, [spectra].

        Returns:
            [batch, BINS, frames], complex.
        """
        features = fold(spectral_features(spectra * scale[:, None, None], known_share), self.patch)
        with torch.autocast(features.device.type, torch.bfloat16, enabled=self.fast):
            answer = self._body(features, setting)
        answer = unfold(answer.float(), self.patch)  # [batch, outputs, BINS, frames]
        added = torch.complex(answer[:, -2], answer[:, -1]) * (DATA_STD / 2)
        return _apply_filters(spectra, answer[:, :-2], base) + added

    def _body(self, features: Tensor, setting: Tensor) -> Tensor:
        h = self.embed(features)
        for block, modulation in zip(self.blocks, self.modulation(setting).chunk(len(self.blocks), dim=1), strict=True):
            gain, shift = modulation[:, :, None, None].chunk(2, dim=1)
            h = h + block(F.silu(h * (1 + gain) + shift))
        return self.head(F.silu(h))


class SpectralDenoiser(nn.Module):
    """The networks of a checkpoint; waveforms in and out, [batch, samples], at DATA_STD."""

    def __init__(self, config: SpectralConfig):
        super().__init__()
        self.config = config
        sizes = (config.channels, config.blocks, config.patch)
        self.estimator = FilterNet(2, *sizes)
        self.denoiser = FilterNet(4, *sizes)
        self.free = FilterNet(1, config.free_channels, config.blocks, config.free_patch)
        self.gaps = GapMixer(config.gap_channels, config.gap_blocks) if config.gap_channels else None
        extractor = (2, config.extractor_channels, config.blocks, config.extractor_patch)
        self.extractor = FilterNet(*extractor) if config.extractor_channels else None

    def estimate(self, interpolation: Tensor, known: Tensor, mask: Tensor) -> Tensor:
        """One-step estimate of the clean waveform from the evidence (see `core.types.Condition`)."""
        spectra = torch.stack([stft(interpolation), stft(known)], dim=1)
        scale = spectra.new_full((2,), 1 / DATA_STD).real
        base = scale.new_tensor([1.0, 0.0])
        setting = _setting(None, mask, 0.0)  # an estimator sees no gaps: what has few edges is clipped here and there
        return istft(self.estimator(spectra, scale, _known_share(mask), setting, base), mask.shape[-1])

    def forward(
        self, x: Tensor, sigma: Tensor, evidence: tuple[Tensor, Tensor, Tensor, Tensor] | None = None
    ) -> Tensor:
        """Expected clean waveform, given x = clean + sigma * noise.

        Args:
            x: [batch, samples].
            sigma: [batch]; the batch shares one level.
            evidence: estimate, interpolation, known and mask (see `core.types.Condition`), where there are any.
        """
        level = sigma[0]
        if evidence is None:
            spectra, trust = stft(x)[:, None], DATA_STD**2 / (level**2 + DATA_STD**2)
            scale = (level**2 + DATA_STD**2).rsqrt()[None]
            nothing = torch.zeros_like(x)
            filtered = self.free(spectra, scale, _known_share(nothing), _setting(sigma, nothing), trust[None])
            return istft(filtered, x.shape[-1])
        estimate, interpolation, known, mask = evidence
        spectra = torch.stack([stft(w) for w in (x, estimate, interpolation, known)], dim=1)
        scale = torch.stack([(level**2 + DATA_STD**2).rsqrt(), *level.new_full((3,), 1 / DATA_STD)])
        # a Wiener filter trusts x less where there is an estimate: only its error is left to explain
        trust = (0.2 * DATA_STD) ** 2 / (level**2 + (0.2 * DATA_STD) ** 2)
        base = torch.stack([trust, 1 - trust, trust * 0, trust * 0])
        filtered = self.denoiser(spectra, scale, _known_share(mask), _setting(sigma, mask), base)
        return istft(filtered, x.shape[-1])

    def extract(self, x: Tensor, sigma: Tensor, mixture: Tensor) -> Tensor:
        """Expected clean waveform, given x = clean + sigma * noise and a mixture = clean + other sounds.

        Args:
            x, mixture: [batch, samples]; the mixture at MIXTURE_STD.
            sigma: [batch]; the batch shares one level.
        """
        level = sigma[0]
        spectra = torch.stack([stft(x), stft(mixture)], dim=1)
        scale = torch.stack([(level**2 + DATA_STD**2).rsqrt(), level.new_tensor(1 / MIXTURE_STD)])
        # half of the mixture is the best estimate without x; its error has half the source's variance
        trust = DATA_STD**2 / (2 * level**2 + DATA_STD**2)
        base = torch.stack([trust, (1 - trust) / 2])
        nothing = torch.zeros_like(x)
        filtered = self.extractor(spectra, scale, _known_share(nothing), _setting(sigma, nothing), base)
        return istft(filtered, x.shape[-1])


def build(config: dict) -> SpectralDenoiser:
    """A fresh network from a checkpoint's or a recipe's configuration."""
    return SpectralDenoiser(SpectralConfig(**config))


def _apply_filters(spectra: Tensor, taps: Tensor, base: Tensor) -> Tensor:
    """Sum over spectra and 3 x 3 neighbours of tap * neighbour, each turned to the centre bin's demodulation."""
    batch, count, bins, frames = spectra.shape
    taps = taps.reshape(batch, count, 9, 2, bins, frames)
    padded = F.pad(spectra, (1, 1, 1, 1))
    turns = quarter_turns(frames + 2, spectra.device).roll(1)  # of the padded frames -1 .. frames
    turns[0] = -1j
    turned = {-1: padded * turns.conj(), 0: padded, 1: padded * turns}
    total = (spectra * base[:, None, None]).sum(dim=1)
    for n in range(9):
        down, right = divmod(n, 3)
        neighbour = turned[down - 1][..., down : down + bins, right : right + frames]
        total = total + (torch.complex(taps[:, :, n, 0], taps[:, :, n, 1]) * neighbour).sum(dim=1)
    return total


def _known_share(mask: Tensor) -> Tensor:
    """Share of known samples around each frame's centre, [batch, frames]."""
    return F.avg_pool1d(F.pad(mask, (256, 256))[:, None], 512, 256)[:, 0, : mask.shape[-1] // 256 + 1]


def _setting(sigma: Tensor | None, mask: Tensor, sparse: float = EDGES_BETWEEN) -> Tensor:
    """Embeds the logarithms of the noise level, the share of known samples and the density of their edges.

    Share and edges distinguish decimation (share 1 / k, edges 2 / k), gaps (few edges), clipping and band limits (no
    known samples). Densities between those of gaps and of clipping are moved to the nearer of both.

    Args:
        sparse: up to this density edges are those of gaps.

    Returns:
        [batch, SETTING_FEATURES].
    """
    share = mask.mean(dim=1)
    edges = (mask[:, 1:] - mask[:, :-1]).abs().mean(dim=1)
    fewest, most = UNSEEN_EDGES
    edges = torch.where(edges <= sparse, edges.clamp_max(fewest), edges.clamp_min(most))
    level = share.new_zeros(len(share), WAVES) if sigma is None else _waves(sigma.log(), 0.1)
    return torch.cat([level, _waves((share + 1e-3).log(), 0.2), _waves((edges + 1e-3).log(), 0.2)], dim=1)


def _waves(value: Tensor, lowest: float) -> Tensor:
    """Sines and cosines of a number at frequencies from `lowest` to 16 times that, [batch, WAVES].

    The highest is low enough for the network to interpolate between values.
    """
    frequencies = lowest * 16.0 ** (torch.arange(WAVES // 2, device=value.device) / (WAVES // 2 - 1))
    phase = value[:, None] * frequencies
    return torch.cat([phase.sin(), phase.cos()], dim=1)
