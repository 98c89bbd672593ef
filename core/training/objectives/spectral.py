"""Objective of the spectral denoiser: restore recordings from random evidence, in one step and at random noise levels.

Every update trains one network: the estimator on evidence, the denoiser on noise and evidence, the free denoiser on
noise, the gap mixer or the extractor. The loss is the logarithm of the squared error over the unknown samples, so that
every kind of evidence and every noise level has the same weight.
"""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from core.errors import InputError
from core.models import spectral
from core.models.spectral import SpectralDenoiser
from core.models.spectral_features import DATA_STD, MIXTURE_STD
from core.observations.clipping import Clipping
from core.observations.decimation import Decimation
from core.observations.gap import Gap
from core.observations.lowpass import LowpassDecimation
from core.signal.companding import Waveform
from core.training.data import PackedData
from core.training.objective import Objective
from core.training.objectives.augmentation import LARGEST_SPEED, augment
from core.training.objectives.gap_examples import GapExamples, predict_gap
from core.types import Condition

FLOOR = 1e-7 * DATA_STD**2  # of the squared error: bounds the loss of a perfect estimate
LN_SIGMA_MEAN, LN_SIGMA_STD = math.log(0.03), 1.7
SIGMA_RANGE = (5e-4, 1.0)
FREE_SIGMA_RANGE = (1e-3, 4.0)  # separation decides which source a loud note belongs to at the highest levels
EXTRACTOR_SIGMA_RANGE = (2e-2, 2.0)  # levels at which separation's `shared` form uses the extractor
MISHEARD_SHARE = 0.7  # of noisy inputs centred near a first estimate, not near the truth, as in a sampler's chain
BALANCE_DB = 6.0  # standard deviation of the level of the other sounds in a mixture
ABSENT_SHARE = 0.05  # of mixtures that do not contain the source
QUIETEST, PAUSES = 0.005, 10  # standard deviation under which a segment is a pause; pauses that are passed over
MIXTURE_FLOOR = 1e-4 * DATA_STD**2  # of the squared error: 40 dB under the source is good enough
FREE_GAIN_DB = 2.0  # standard deviation of the level around DATA_STD
RATE = 16000  # gaps are drawn in samples at this rate


class SpectralObjective(Objective):
    """Loss and validation of a `SpectralDenoiser`; `others` are sounds that the extractor learns to remove.

    Args:
        estimator_share, free_share, gap_share, extractor_share: shares of the updates that train the estimator, the
            free denoiser, the gap mixer and the extractor; the rest train the denoiser.
        noisy_share, noisy_others_share: shares of the recordings in mixtures, of the source and of other sounds, that
            get a noise floor; the noise counts as a part of its recording.
    """

    architecture = "spectral"

    def __init__(
        self,
        estimator_share: float = 0.4,
        free_share: float = 0.25,
        gap_share: float = 0.0,
        extractor_share: float = 0.0,
        noisy_share: float = 0.0,
        noisy_others_share: float = 0.0,
    ):
        self.losses = [
            self._estimator_loss,
            self._free_loss,
            self._gap_loss,
            self._extractor_loss,
            self._denoiser_loss,
        ]
        shares = [estimator_share, free_share, gap_share, extractor_share]
        if min(shares) < 0 or sum(shares) > 1 + 1e-9:
            raise InputError("The objective's shares must not be negative, nor sum to more than 1; lower some of them.")
        self.shares = torch.tensor([*shares, max(0.0, 1 - sum(shares))], dtype=torch.float64)
        self.gap_examples = GapExamples()
        self.noisy_share, self.noisy_others_share = noisy_share, noisy_others_share

    def build(self, config: dict) -> nn.Module:
        """A fresh network.

        Raises:
            InputError: gaps or mixtures are to be trained, but the network has no part for them, or there are no other
                sounds to mix with.
        """
        if self.shares[2] and not config.get("gap_channels"):
            raise InputError("objective.gap_share trains a mixer that model.gap_channels gives no channels; set both.")
        if self.shares[3] and not config.get("extractor_channels"):
            raise InputError(
                "objective.extractor_share trains what model.extractor_channels gives no channels; set both."
            )
        if self.shares[3] and not self.others:
            raise InputError("objective.extractor_share needs other sounds to mix with; give packs of them (--others).")
        return spectral.build(config)

    def loss(self, model: SpectralDenoiser, examples: Tensor, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Log squared error of one network, chosen at random, on waveforms [batch, samples]."""
        loss = self.losses[int(torch.multinomial(self.shares, 1, generator=generator))]
        return loss(model, bring_to_level(examples), generator)

    def _estimator_loss(self, model: SpectralDenoiser, clean: Tensor, generator: Generator):
        condition = draw_evidence(clean, generator, ESTIMATOR_WEIGHTS)
        unknown = 1 - condition.mask
        estimate = model.estimate(condition.interpolation, condition.known, condition.mask)
        loss = log_error(estimate, clean, unknown)
        gain = log_error(condition.interpolation, clean, unknown) - loss.detach()
        return loss, {"estimator_gain_db": _decibels(gain)}

    def _free_loss(self, model: SpectralDenoiser, clean: Tensor, generator: Generator):
        clean = clean * 10 ** (FREE_GAIN_DB / 20 * torch.randn(1, generator=generator)).to(clean)
        sigma = _draw_any_sigma(generator).to(clean).expand(len(clean))
        x = clean + sigma[:, None] * torch.randn(clean.shape, generator=generator).to(clean)
        loss = log_error(model(x, sigma), clean, torch.ones_like(clean))
        return loss, {"free_error_db": _decibels(loss.detach() - clean.square().mean().log())}

    def _gap_loss(self, model: SpectralDenoiser, clean: Tensor, generator: Generator):
        clean, guesses, gaps = self.gap_examples.draw(clean, generator)
        unknown = torch.stack([_between(*gap, clean) for gap in gaps])
        # an error 40 dB under the gap's own level is good enough
        floor = 1e-4 * (clean.square() * unknown).sum(dim=1) / unknown.sum(dim=1)
        loss = log_error(model.gaps(guesses, gaps), clean, unknown, floor)
        gain = log_error(guesses[:, 0], clean, unknown, floor) - loss.detach()
        return loss, {"gap_gain_db": _decibels(gain)}

    def _extractor_loss(self, model: SpectralDenoiser, clean: Tensor, generator: Generator):
        clean, mixture = self._mix(augment(clean, generator, self.noisy_share), generator, augmented=True)
        sigma = _draw_any_sigma(generator, EXTRACTOR_SIGMA_RANGE).to(clean).expand(len(clean))
        centre = clean
        if _chance(generator) < MISHEARD_SHARE:
            centre = clean + _chance(generator) * (self._first_estimate(model, clean, mixture, generator) - clean)
        x = centre + sigma[:, None] * torch.randn(clean.shape, generator=generator).to(clean)
        everywhere = torch.ones_like(clean)
        loss = log_error(model.extract(x, sigma, mixture), clean, everywhere, MIXTURE_FLOOR)
        before = log_error(mixture / 2, clean, everywhere, MIXTURE_FLOOR)
        return loss, {"extractor_gain_db": _decibels(before - loss.detach())}

    @torch.no_grad()
    def _first_estimate(self, model: SpectralDenoiser, clean: Tensor, mixture: Tensor, generator: Generator) -> Tensor:
        """The extractor's estimate at the highest noise level, where the mixture alone decides."""
        level = EXTRACTOR_SIGMA_RANGE[1]
        x = clean + level * torch.randn(clean.shape, generator=generator).to(clean)
        return model.extract(x, x.new_full((len(x),), level), mixture)

    def _mix(
        self, clean: Tensor, generator: Generator, balance_db: float = BALANCE_DB, augmented: bool = False
    ) -> tuple[Tensor, Tensor]:
        """The source as it is in a mixture with another sound, and the mixture, at MIXTURE_STD."""
        other, frames = self.others[_integer(0, len(self.others), generator)], clean.shape[1]
        length = math.ceil(frames * LARGEST_SPEED) if augmented else frames
        rows = torch.stack([_loud_sample(other, length, generator) for _ in clean]).to(clean)
        if augmented:
            rows = augment(rows, generator, self.noisy_others_share)[:, :frames]
        clean, other = bring_to_level(clean), bring_to_level(rows)
        other = other * 10 ** (balance_db / 20 * torch.randn(1, generator=generator)).to(clean)
        if _chance(generator) < ABSENT_SHARE:
            clean = torch.zeros_like(clean)
        mixture = clean + other
        scale = MIXTURE_STD / mixture.square().mean(dim=1, keepdim=True).sqrt().clamp_min(1e-5)
        return clean * scale, mixture * scale

    def _denoiser_loss(self, model: SpectralDenoiser, clean: Tensor, generator: Generator):
        sigma = _draw_sigma(len(clean), generator).to(clean)
        x = clean + sigma[:, None] * torch.randn(clean.shape, generator=generator).to(clean)
        condition = draw_evidence(clean, generator, DENOISER_WEIGHTS)
        unknown = 1 - condition.mask
        with torch.no_grad():
            estimate = _estimate(model, condition)
        denoised = model(x, sigma, (estimate, condition.interpolation, condition.known, condition.mask))
        loss = log_error(denoised, clean, unknown)
        return loss, {"refinement_gain_db": _decibels(log_error(estimate, clean, unknown) - loss.detach())}

    @torch.no_grad()
    def validate(self, model: SpectralDenoiser, examples: list[Tensor], generator: Generator) -> dict[str, float]:
        """Medians in dB: gain of the estimator over the interpolation, denoising error by noise level, and figures of
        the gap mixer and the extractor where there are any."""
        clean = [bring_to_level(w) for w in examples if w.std() > 1e-3]
        figures = {}
        if not clean:
            return figures
        for name, draw in VALIDATION.items():
            gains = []
            for w in clean:
                condition = draw(w, generator)
                estimate = _estimate(model, condition)
                before, after = (log_error(e, w, 1 - condition.mask) for e in (condition.interpolation, estimate))
                gains.append(_decibels(before - after))
            figures[f"{name}_gain_db"] = _median(gains)
        if model.gaps is not None:
            figures |= self._validate_gaps(model, clean)
        if model.extractor is not None and self.others:
            figures |= self._validate_extractor(model, clean)
        for level in (0.01, 0.03, 0.1, 0.5):
            sigma = torch.full((1,), level, device=clean[0].device)
            errors = []
            for w in clean:
                x = w + level * torch.randn(w.shape, generator=generator).to(w)
                errors.append(_decibels(log_error(model(x, sigma), w, torch.ones_like(w)) - math.log(DATA_STD**2)))
            figures[f"denoising_error_{level}_db"] = _median(errors)
        return figures

    def _validate_gaps(self, model: SpectralDenoiser, clean: list[Tensor]) -> dict[str, float]:
        """Median gain of the mixer over linear prediction from both sides, in dB."""
        figures = {}
        for milliseconds in VALIDATION_GAPS_MS:
            gains = []
            for w in clean:
                example = predict_gap(w[0], RATE * milliseconds // 1000, w.shape[1] // 2)
                if example is None:
                    continue
                truth, guesses, (start, stop) = example
                mixed = model.gaps(guesses[None].to(w), [(start, stop)])[0, start:stop]
                errors = [(g[start:stop] - truth[start:stop]).square().mean().log() for g in (guesses[0].to(w), mixed)]
                gains.append(_decibels(errors[0].to(w) - errors[1]))
            figures[f"gap_{milliseconds}ms_gain_db"] = _median(gains)
        return figures

    def _validate_extractor(self, model: SpectralDenoiser, clean: list[Tensor]) -> dict[str, float]:
        """Median SDR (dB) in mixtures of two equally loud sounds, at a low and a high noise level."""
        generator, figures = Generator().manual_seed(0), {}
        mixtures = [self._mix(w, generator, 0.0) for w in clean]
        mixtures = [(w, mixture) for w, mixture in mixtures if w.any()]
        for level in EXTRACTOR_LEVELS:
            ratios = []
            for w, mixture in mixtures:
                x = w + level * torch.randn(w.shape, generator=generator).to(w)
                estimate = model.extract(x, x.new_full((1,), level), mixture)
                ratios.append(_decibels((w.square().mean() / (estimate - w).square().mean()).log()))
            figures[f"extraction_sdr_{level}_db"] = _median(ratios)
        return figures

    @torch.no_grad()
    def sounds(self, model: SpectralDenoiser, examples: Tensor, generator: Generator) -> dict[str, Tensor]:
        """A held-out segment [1, samples], estimates from several kinds of evidence, and a denoised version."""
        clean = bring_to_level(examples)
        sounds = {"clean": clean[0]}
        for name, draw in VALIDATION.items():
            condition = draw(clean, generator)
            sounds[name] = _estimate(model, condition)[0]
        noisy = clean + 0.1 * torch.randn(clean.shape, generator=generator).to(clean)
        return sounds | {"noisy": noisy[0], "denoised": model(noisy, clean.new_full((1,), 0.1))[0]}


def _estimate(model: SpectralDenoiser, condition: Condition) -> Tensor:
    """The one-step estimate; in gaps the interpolation, as the prior's gap mixer would take too long here."""
    if condition.guesses is not None:
        return condition.interpolation
    return model.estimate(condition.interpolation, condition.known, condition.mask)


def bring_to_level(waveform: Tensor) -> Tensor:
    """Rows [batch, samples] scaled to a root mean square of DATA_STD."""
    return waveform * (DATA_STD / waveform.square().mean(dim=1, keepdim=True).sqrt().clamp_min(1e-5))


def log_error(estimate: Tensor, clean: Tensor, where: Tensor, floor: float | Tensor = 0.0) -> Tensor:
    """ln of the mean squared error over the samples where `where` is 1, averaged over the batch.

    Args:
        floor: added to the mean squared error, one for all rows or one for each, [batch].
    """
    error = ((estimate - clean).square() * where).sum(dim=1) / where.sum(dim=1).clamp_min(1)
    return (error + FLOOR + floor).log().mean()


def _between(start: int, stop: int, like: Tensor) -> Tensor:
    """A mask [samples]: 1 from start to stop, 0 elsewhere."""
    inside = like.new_zeros(like.shape[-1])
    inside[start:stop] = 1
    return inside


def draw_evidence(clean: Tensor, generator: Generator, weights: tuple[float, ...]) -> Condition:
    """Random evidence of one of KINDS, chosen by the weights."""
    draw = KINDS[int(torch.multinomial(torch.tensor(weights), 1, generator=generator))]
    return draw(clean, generator)


def decimated(clean: Tensor, generator: Generator, factors: tuple[int, ...]) -> Condition:
    """Evidence: every k-th sample, k one of the factors."""
    factor = factors[_integer(0, len(factors), generator)]
    return Decimation(factor, clean[:, ::factor], clean.shape[1], Waveform()).condition()


def low_passed(clean: Tensor, generator: Generator, factors: tuple[int, ...]) -> Condition:
    """Evidence: a low-passed version, decimated; the pass band ends at 0.85 to 0.97 of the kept band."""
    factor = factors[_integer(0, len(factors), generator)]
    edge = 0.85 + 0.12 * _chance(generator)
    empty = clean.new_zeros(len(clean), -(-clean.shape[1] // factor))
    kept = LowpassDecimation(factor, empty, clean.shape[1], Waveform(), edge=edge).forward(clean)
    return LowpassDecimation(factor, kept, clean.shape[1], Waveform()).condition()


def gapped(clean: Tensor, generator: Generator, shortest: float = 0.01, longest: float = 0.4) -> Condition:
    """Evidence: everything but gaps of log-uniform length (seconds), with known samples between them."""
    frames, gaps, position = clean.shape[1], [], _integer(2000, 6000, generator)
    while True:
        length = int(RATE * math.exp(math.log(shortest) + _chance(generator) * math.log(longest / shortest)))
        if position + length + 2000 > frames:
            break
        gaps.append((position, position + length))
        position += length + _integer(3000, 9000, generator)
    if not gaps:
        gaps = [(frames // 2, frames // 2 + min(length, frames // 4))]
    return Gap(clean, gaps, Waveform()).condition()


def clipped(clean: Tensor, generator: Generator, lowest: float = 0.4, highest: float = 2.2) -> Condition:
    """Evidence: the waveform clipped at a random multiple of its root mean square level."""
    threshold = DATA_STD * (lowest + (highest - lowest) * _chance(generator))
    bounded = clean.clamp(-threshold, threshold)
    return Clipping(bounded, clean >= threshold, clean <= -threshold, Waveform()).condition()


Draw = Callable[[Tensor, Generator], Condition]
KINDS: list[Draw] = [
    lambda w, g: decimated(w, g, (4,)),
    lambda w, g: decimated(w, g, (8,)),
    lambda w, g: decimated(w, g, (2, 3, 5, 6, 12, 16)),
    lambda w, g: low_passed(w, g, (2, 3, 4, 6, 8)),
    gapped,
    clipped,
]
# gaps are rare: their interpolation is slow to compute, and no estimator has beaten it
ESTIMATOR_WEIGHTS = (0.36, 0.26, 0.08, 0.16, 0.0, 0.14)
DENOISER_WEIGHTS = (0.26, 0.22, 0.06, 0.18, 0.08, 0.2)
VALIDATION: dict[str, Draw] = {
    "decimation_4": lambda w, g: decimated(w, g, (4,)),
    "decimation_8": lambda w, g: decimated(w, g, (8,)),
    "clipping": lambda w, g: clipped(w, g, 0.8, 0.8),
}


EXTRACTOR_LEVELS = (0.05, 2.0)
VALIDATION_GAPS_MS = (50, 200)


def _draw_sigma(batch: int, generator: Generator) -> Tensor:
    sigma = (LN_SIGMA_MEAN + LN_SIGMA_STD * torch.randn(1, generator=generator)).exp().clamp(*SIGMA_RANGE)
    return sigma.expand(batch)


def _draw_any_sigma(generator: Generator, ends: tuple[float, float] = FREE_SIGMA_RANGE) -> Tensor:
    """Uniform in ln(sigma), as a sampler visits every level, [1]."""
    low, high = (math.log(end) for end in ends)
    return (low + (high - low) * torch.rand(1, generator=generator)).exp()


def _loud_sample(data: PackedData, length: int, generator: Generator) -> Tensor:
    """A random segment that is not a pause, unless PAUSES in a row are."""
    for _ in range(PAUSES):
        segment = data.sample(length, generator)
        if segment.std() >= QUIETEST:
            break
    return segment


def _chance(generator: Generator) -> float:
    return torch.rand(1, generator=generator).item()


def _integer(low: int, high: int, generator: Generator) -> int:
    return int(torch.randint(low, high, (1,), generator=generator))


def _decibels(log_ratio: Tensor) -> float:
    return 10 / math.log(10) * log_ratio.item()


def _median(values: list[float]) -> float:
    return float(torch.tensor(values).median())
