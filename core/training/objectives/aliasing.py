"""Objective of the alias detector: every recording is thinned out twice, without a filter and behind a random one.

Filters are drawn at random, so that the network learns what they have in common and not the resamplers of some
programs. What a gentle one leaves is to be called plain as far as the bands over the kept one come through it.
Recordings of `others` are examples like those of the data themselves; some examples are noise.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from core.models.aliasing import HOP, N_FFT, AliasDetector
from core.training.objective import Objective

FACTORS = (2, 3, 4, 5, 6, 8)
EDGES = (0.8, 0.96, 1.03)  # shares of the kept band where filters have halved it; half of them lie in the upper part
WIDTH = 0.16  # of the kept band that a filter's fall may take at each side of that
IDEAL_SHARE = 0.25  # of filters that pass the whole kept band and nothing else
DROOP_SHARE, DROOPS = 0.25, (0.4, 1.4)  # of filters that are means of neighbours, sinc(d f / 2) with f in kept bands
FOLDED = (0.03, 0.25)  # shares of the upper bands up to which examples count as filtered, and from which as plain:
#   between them it changes which of the two restores valid clips better
COLOURED_SHARE, SLOPE = 0.08, 1.5  # of examples that are noise; its spectrum's steepest slope, an exponent of frequency
NOISY_SHARE, NOISE_DB = 0.5, (-100.0, -45.0)  # of examples with a noise floor, at this level under the sound
CODED_SHARE, CODING_DB = 0.2, (-45.0, -12.0)  # of examples with noise that follows the sound, as that of codecs
SHAPED_SHARE, SHAPING_DB = 0.2, (-30.0, -4.0)  # of examples with noise that follows its spectrum, as that of others
MARGIN = 1024  # frames at either end of an example, where it rises and falls, that filters get and the network does not
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
        with torch.autocast(examples.device.type, torch.bfloat16):
            odds, plain = self._judge(model, torch.stack(rows), factor, generator)
        odds = odds.float()
        right = ((odds > 0) == (plain > 0.5)).float().mean().item()
        return F.binary_cross_entropy_with_logits(odds, plain), {"right_percent": 100 * right}

    @torch.no_grad()
    def validate(self, model: AliasDetector, examples: Sequence[Tensor], generator: Generator) -> dict[str, float]:
        """Percentages of plain and of filtered examples that are called so, by factor."""
        figures = {}
        for factor in VALIDATED_FACTORS:
            odds, plain = self._judge(model, torch.cat(list(examples)), factor, generator)
            for name, of_kind in (("plain", plain > 0.5), ("lowpass", plain <= 0.5)):
                right = (odds[of_kind] > 0) == (name == "plain")
                figures[f"{name}_{factor}_right_percent"] = 100 * right.float().mean().item()
        return figures

    def _judge(
        self, model: AliasDetector, waveforms: Tensor, factor: int, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Log odds of both versions of every waveform, and how far each is plain, 0 to 1."""
        rise = torch.linspace(0, 1, MARGIN).to(waveforms)
        waveforms = waveforms * torch.cat([rise, rise.new_ones(waveforms.shape[1] - 2 * MARGIN), rise.flip(0)])
        filtered, plain = behind_filters(waveforms, factor, generator)
        thinned = torch.cat([waveforms, filtered])[:, MARGIN:-MARGIN:factor]
        thinned = thinned + _noise(len(waveforms), thinned, generator)
        return model(thinned, self.sample_rate / factor), torch.cat([torch.ones_like(plain), plain])

    def _exchanged(self, row: Tensor, generator: Generator) -> Tensor:
        if torch.rand(1, generator=generator) < COLOURED_SHARE:
            return coloured_noise(len(row), generator).to(row)
        if not self.others or torch.rand(1, generator=generator) < 0.5:
            return row
        other = self.others[int(torch.randint(len(self.others), (1,), generator=generator))]
        return other.sample(len(row), generator).to(row)


def behind_filters(waveforms: Tensor, factor: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Every row behind a filter of its own, as it comes before decimation; and how far it is plain still, 0 to 1: by
    the share of the bands over the kept one that the filter lets through, on a scale of logarithms. Filters go round:
    rows that end as they begin, at 0, have nothing of them at their ends."""
    spectrum = torch.fft.rfft(waveforms)
    frequency = torch.linspace(0, factor, spectrum.shape[1], device=waveforms.device)  # in kept bands
    response = filter_responses(frequency, len(waveforms), generator)
    upper = spectrum.abs().square() * (frequency > 1)
    share = (upper * response.square()).sum(dim=1) / upper.sum(dim=1).clamp_min(1e-20)
    few, many = (math.log(bound) for bound in FOLDED)
    plain = ((share.clamp_min(1e-6).log() - few) / (many - few)).clamp(0, 1)
    return torch.fft.irfft(spectrum * response, n=waveforms.shape[1]), plain


def filter_responses(frequency: Tensor, count: int, generator: Generator) -> Tensor:
    """[count, frequencies], zero phase: a raised cosine between pass and stop band; without it; or a mean's droop."""
    lowest, middle, highest = EDGES
    kind, chance, place, width = torch.rand(4, count, 1, generator=generator).to(frequency)
    edge = torch.where(chance < 0.5, lowest + place * (middle - lowest), middle + place * (highest - middle))
    ideal = kind < IDEAL_SHARE
    edge, width = torch.where(ideal, 1.0, edge), torch.where(ideal, 0.0, width)
    fall = ((frequency - edge) / (WIDTH * width + 1e-4)).clamp(-1, 1)
    cosine = (1 - torch.sin(torch.pi / 2 * fall)) / 2
    narrowest, widest = DROOPS
    droop = torch.sinc((narrowest + place * (widest - narrowest)) * frequency / 2)
    droop = torch.where(chance < 0.5, droop.abs(), droop.square())
    return torch.where(kind > 1 - DROOP_SHARE, droop, cosine)


def coloured_noise(frames: int, generator: Generator) -> Tensor:
    """Noise whose magnitudes fall or rise with a power of the frequency, at level 1."""
    exponent = SLOPE * (2 * torch.rand(1, generator=generator) - 1)
    spectrum = torch.fft.rfft(torch.randn(frames, generator=generator))
    noise = torch.fft.irfft(spectrum * torch.linspace(0, 1, len(spectrum)).clamp_min(1e-3) ** exponent, n=frames)
    return noise / noise.std()


def _noise(count: int, thinned: Tensor, generator: Generator) -> Tensor:
    """Noise for both versions alike: that of rounding and recorders, white, and that of codecs."""
    floor, coding, shaping = (
        _levels(count, share, decibels, generator).to(thinned).repeat(2, 1)
        for share, decibels in ((NOISY_SHARE, NOISE_DB), (CODED_SHARE, CODING_DB), (SHAPED_SHARE, SHAPING_DB))
    )
    noise = torch.randn(count, thinned.shape[1], generator=generator).to(thinned).repeat(2, 1)
    white = noise * (floor * thinned.std(dim=1, keepdim=True) + coding * thinned.abs())
    return white + shaping * shaped_noise(noise, thinned)


def shaped_noise(noise: Tensor, sound: Tensor) -> Tensor:
    """Noise with the levels of the sound, bin by bin."""
    window = torch.hann_window(N_FFT, device=sound.device)
    carrier, levels = (torch.stft(x, N_FFT, HOP, window=window, return_complex=True) for x in (noise, sound))
    carrier = carrier / carrier.abs().square().mean().sqrt() * levels.abs()
    return torch.istft(carrier, N_FFT, HOP, window=window, length=sound.shape[1])


def _levels(count: int, share: float, decibels: tuple[float, float], generator: Generator) -> Tensor:
    """[count, 1]; 0 for all but a share of them."""
    chance, place = torch.rand(2, count, 1, generator=generator)
    softest, loudest = decibels
    return 10 ** ((softest + place * (loudest - softest)) / 20) * (chance < share)
