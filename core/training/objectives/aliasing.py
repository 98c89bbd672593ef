"""Objective of the alias detector: every recording is thinned out twice, without a filter and behind a random one.

Filters are drawn at random, so that the network learns what low-passes have in common and not the resamplers of some
programs. Recordings of `others` are examples like those of the data themselves; some examples are noise.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from core.models.aliasing import AliasDetector
from core.training.objective import Objective

FACTORS = (2, 3, 4, 5, 6, 8)
EDGES = (0.8, 0.96, 1.0)  # shares of the kept band where filters have halved it; half of them lie in the upper part
WIDTH = 0.16  # of the kept band that a filter's fall may take at each side of that
IDEAL_SHARE = 0.15  # of filters that pass the whole kept band and nothing else
COLOURED_SHARE, SLOPE = 0.1, 1.5  # of examples that are noise; its spectrum's steepest slope, an exponent of frequency
NOISY_SHARE, NOISE_DB = 0.5, (-100.0, -45.0)  # of examples with a noise floor, at this level under the sound
CODED_SHARE, CODING_DB = 0.2, (-45.0, -12.0)  # of examples with noise that follows the sound, as that of codecs
VALIDATED_FACTORS = (2, 4)


class AliasingObjective(Objective):
    """Cross entropy of what a sound's samples are."""

    architecture = "aliasing"

    def build(self, config: dict) -> nn.Module:
        """A fresh network."""
        return AliasDetector(**config)

    def loss(self, model: AliasDetector, examples: Tensor, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Of waveforms [batch, samples]; some are exchanged for noise and, where there are others, half for those."""
        rows = [self._exchanged(row, generator) for row in examples]
        factor = FACTORS[int(torch.randint(len(FACTORS), (1,), generator=generator))]
        odds, plain = self._judge(model, torch.stack(rows), factor, generator)
        right = ((odds > 0) == plain.bool()).float().mean().item()
        return F.binary_cross_entropy_with_logits(odds, plain), {"right_percent": 100 * right}

    @torch.no_grad()
    def validate(self, model: AliasDetector, examples: Sequence[Tensor], generator: Generator) -> dict[str, float]:
        """Percentages of plain and of filtered examples that are called so, by factor."""
        figures = {}
        for factor in VALIDATED_FACTORS:
            odds, plain = self._judge(model, torch.cat(list(examples)), factor, generator)
            for name, of_kind in (("plain", plain == 1), ("lowpass", plain == 0)):
                right = (odds[of_kind] > 0) == (name == "plain")
                figures[f"{name}_{factor}_right_percent"] = 100 * right.float().mean().item()
        return figures

    def _judge(
        self, model: AliasDetector, waveforms: Tensor, factor: int, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Log odds of both versions of every waveform, and 1 for those that are plain."""
        plain, filtered = waveforms, random_lowpass(waveforms, factor, generator)
        thinned = torch.cat([plain, filtered])[:, ::factor]
        thinned = thinned + _noise(len(plain), thinned, generator)
        kinds = torch.cat([torch.ones(len(plain)), torch.zeros(len(plain))]).to(thinned)
        return model(thinned, self.sample_rate / factor), kinds

    def _exchanged(self, row: Tensor, generator: Generator) -> Tensor:
        if torch.rand(1, generator=generator) < COLOURED_SHARE:
            return coloured_noise(len(row), generator).to(row)
        if not self.others or torch.rand(1, generator=generator) < 0.5:
            return row
        other = self.others[int(torch.randint(len(self.others), (1,), generator=generator))]
        return other.sample(len(row), generator).to(row)


def random_lowpass(waveforms: Tensor, factor: int, generator: Generator) -> Tensor:
    """Every row behind a filter of its own, as it comes before decimation: zero phase, a raised cosine between pass
    and stop band."""
    lowest, middle, highest = EDGES
    ideal, chance, place, width = torch.rand(4, len(waveforms), 1, generator=generator).to(waveforms)
    edge = torch.where(chance < 0.5, lowest + place * (middle - lowest), middle + place * (highest - middle))
    edge, width = torch.where(ideal < IDEAL_SHARE, 1.0, edge), torch.where(ideal < IDEAL_SHARE, 0.0, width)
    frequency = torch.linspace(0, factor, waveforms.shape[1] // 2 + 1, device=waveforms.device)  # in kept bands
    fall = ((frequency - edge) / (WIDTH * width + 1e-4)).clamp(-1, 1)
    response = (1 - torch.sin(torch.pi / 2 * fall)) / 2
    return torch.fft.irfft(torch.fft.rfft(waveforms) * response, n=waveforms.shape[1])


def coloured_noise(frames: int, generator: Generator) -> Tensor:
    """Noise whose magnitudes fall or rise with a power of the frequency, at level 1."""
    exponent = SLOPE * (2 * torch.rand(1, generator=generator) - 1)
    spectrum = torch.fft.rfft(torch.randn(frames, generator=generator))
    noise = torch.fft.irfft(spectrum * torch.linspace(0, 1, len(spectrum)).clamp_min(1e-3) ** exponent, n=frames)
    return noise / noise.std()


def _noise(count: int, thinned: Tensor, generator: Generator) -> Tensor:
    """White noise for both versions alike, that of rounding and recorders and that of codecs."""
    floor = _levels(count, NOISY_SHARE, NOISE_DB, generator).to(thinned)
    coding = _levels(count, CODED_SHARE, CODING_DB, generator).to(thinned)
    noise = torch.randn(count, thinned.shape[1], generator=generator).to(thinned).repeat(2, 1)
    return noise * (floor.repeat(2, 1) * thinned.std(dim=1, keepdim=True) + coding.repeat(2, 1) * thinned.abs())


def _levels(count: int, share: float, decibels: tuple[float, float], generator: Generator) -> Tensor:
    """[count, 1]; 0 for all but a share of them."""
    chance, place = torch.rand(2, count, 1, generator=generator)
    softest, loudest = decibels
    return 10 ** ((softest + place * (loudest - softest)) / 20) * (chance < share)
