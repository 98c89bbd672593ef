"""The spectral denoiser as a prior: score = (denoised - x) / sigma^2 (Tweedie); it can look at the evidence."""

import math

import torch
from torch import Tensor

from core.models import band_extender
from core.models.band_extender import BandExtender
from core.models.gap_mixer import mix_gaps
from core.models.spectral import SpectralDenoiser, build
from core.models.spectral_features import DATA_STD, MIXTURE_STD
from core.signal.companding import Waveform
from core.types import AnyCondition, BandCondition, Condition, MixtureCondition, Prior, Score

EXTENDER = "band-extender"  # the architecture of a part that makes the band over a cut-off
SIGMA_MAX, SIGMA_MIN, LADDER_STEPS = 1.0, 0.002, 24
QUIETEST = 1e-3  # root mean square of a mixture that is brought to level; what is quieter stays quieter


class DenoiserPrior(Prior):
    """What a trained `SpectralDenoiser` knows about audio, and a `BandExtender` about the band over a cut-off, where
    there is one. x is the waveform, at root mean square level `rms`."""

    domain = Waveform()
    rms = DATA_STD
    start_level = 0.03
    levels = tuple(
        SIGMA_MAX * math.exp(math.log(SIGMA_MIN / SIGMA_MAX) * n / (LADDER_STEPS - 1)) for n in range(LADDER_STEPS)
    )

    def __init__(self, name: str, sample_rate: int, model: SpectralDenoiser, extender: BandExtender | None = None):
        self.name, self.sample_rate = name, sample_rate
        self.model = model.eval().requires_grad_(False)
        self.device = next(model.parameters()).device
        self.extender = None if extender is None else extender.eval().requires_grad_(False)
        known = {MixtureCondition: model.extractor, BandCondition: extender}
        self.conditions = frozenset({Condition, *(kind for kind, network in known.items() if network is not None)})

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        """Gradient of log p at one noise level; a denoiser has no density."""
        return Score((self.denoise(x, level, condition) - x) / level**2)

    @torch.no_grad()
    def denoise(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Tensor:
        """Expected clean waveform, [batch, frames]; a condition may have one row for several of x."""
        if isinstance(condition, MixtureCondition) and MixtureCondition in self.conditions:
            return self._extract(x, level, condition.mixture)
        rows, sigma = self._rows(x, level)
        if not isinstance(condition, Condition):
            return torch.cat([self.model(x[r], sigma) for r in rows])
        estimate = self.estimate(condition) if condition.estimate is None else condition.estimate
        parts = (estimate, condition.interpolation, condition.known, condition.mask)
        evidence = torch.stack(parts).repeat(1, len(x) // len(estimate), 1)
        return torch.cat([self.model(x[r], sigma, evidence[:, r].unbind()) for r in rows])

    @torch.no_grad()
    def estimate(self, condition: Condition | BandCondition) -> Tensor:
        """The networks' answer to the evidence, [batch, frames]: the estimator's, of gaps the mixer's, of a band the
        extender's."""
        if isinstance(condition, BandCondition):
            return self.extender(condition.waveform, condition.cutoff, condition.noise)
        if condition.guesses is not None:
            return self._fill(condition)
        return self.model.estimate(condition.interpolation, condition.known, condition.mask)

    def _extract(self, x: Tensor, level: float, mixture: Tensor) -> Tensor:
        """At the level at which the network knows mixtures; [draws * channels, frames], one mixture row a channel."""
        scale = MIXTURE_STD / mixture.square().mean().sqrt().clamp_min(QUIETEST).item()
        mixture = mixture.repeat(len(x) // len(mixture), 1) * scale
        rows, sigma = self._rows(x, level * scale)
        return torch.cat([self.model.extract(x[r] * scale, sigma, mixture[r]) for r in rows]) / scale

    def _rows(self, x: Tensor, level: float) -> tuple[list[slice], Tensor]:
        """The rows that are worked on together, and the level of each of them."""
        at_once = 1 if self.device.type == "cpu" else len(x)  # a CPU is twice as fast with one at a time
        return [slice(n, n + at_once) for n in range(0, len(x), at_once)], x.new_full((at_once,), level)

    def _fill(self, condition: Condition) -> Tensor:
        if self.model.gaps is None:
            return condition.interpolation
        return mix_gaps(self.model.gaps, condition.guesses, condition.mask)


def from_checkpoint(name: str, config: dict, state: dict[str, Tensor], device: torch.device | str) -> DenoiserPrior:
    """A prior from a checkpoint's configuration (the network's sizes, `sample_rate` and the extender's sizes) and
    weights."""
    sizes = dict(config)
    sample_rate, of_extender = sizes.pop("sample_rate"), sizes.pop(EXTENDER, None)
    extender = None
    if of_extender is not None:
        mine = [key for key in state if key.startswith(f"{EXTENDER}.")]
        extender = band_extender.build(of_extender)
        extender.load_state_dict({key.removeprefix(f"{EXTENDER}."): state.pop(key) for key in mine})
        extender.to(device)
    model = build(sizes)
    model.load_state_dict(state)
    return DenoiserPrior(name, sample_rate, model.to(device, memory_format=torch.channels_last), extender)
