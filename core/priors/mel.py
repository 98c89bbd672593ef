"""Prior over the mel spectrograms of short sounds: a mel denoiser, told what is said and by whom or not."""

from collections.abc import Mapping

import torch
from torch import Tensor

from core.models import mel_denoiser
from core.models.mel_denoiser import MelDenoiser
from core.signal.mel import FRONT_ENDS
from core.types import AnyCondition, LabelCondition, Prior, Score

SIGMA_MAX, SIGMA_MIN, LADDER_STEPS = 40.0, 0.01, 40  # of spectrograms of unit variance


class Normalised:
    """x is a log mel spectrogram of mean 0 and unit variance in every band, as a `MelDenoiser` knows it."""

    bounded, additive = False, False

    def __init__(self, model: MelDenoiser):
        self.encode, self.decode = model.normalise, model.restore


class MelPrior(Prior):
    """What a trained `MelDenoiser` knows of spectrograms; x is one, normalised, `[batch, bands, frames]`."""

    spectrograms = True
    rms = 1.0
    start_level = 1.0
    levels = tuple(SIGMA_MAX * (SIGMA_MIN / SIGMA_MAX) ** (n / (LADDER_STEPS - 1)) for n in range(LADDER_STEPS))
    conditions = frozenset({LabelCondition})

    def __init__(self, name: str, sample_rate: int, model: MelDenoiser):
        self.name, self.sample_rate = name, sample_rate
        self.model = model.eval().requires_grad_(False)
        self.device = next(model.parameters()).device
        self.domain = Normalised(model)
        config = model.config
        self.front_end = FRONT_ENDS[config.front_end]
        self.labels, self.speakers = tuple(config.labels), tuple(config.speakers)
        self.longest_seconds = config.frames * self.front_end.hop_length / sample_rate

    def event(self, seconds: float) -> tuple[int, ...]:
        return self.model.config.bands, self.model.config.frames

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        """Gradient of log p at one noise level; a denoiser has no density."""
        return Score((self.denoise(x, level, condition) - x) / level**2)

    @torch.no_grad()
    def denoise(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Tensor:
        """Expected clean spectrograms; guided by labels and speakers where they are told."""
        nothing = torch.zeros(len(x), dtype=torch.long, device=x.device)
        sigma = x.new_full((len(x),), level)
        if not isinstance(condition, LabelCondition) or condition.guidance == 0:
            return self.model(x, sigma, nothing, nothing)
        label, speaker = condition.label.to(x.device), condition.speaker.to(x.device)
        told = self.model(x, sigma, label, speaker)
        if condition.guidance == 1:
            return told
        untold = self.model(x, sigma, nothing, nothing)
        return untold + condition.guidance * (told - untold)


def from_checkpoint(name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str) -> MelPrior:
    """A prior from a checkpoint's configuration (the network's sizes and names, `sample_rate`) and weights."""
    sizes = dict(config)
    sample_rate = sizes.pop("sample_rate")
    model = mel_denoiser.build(sizes)
    model.load_state_dict(state)
    return MelPrior(name, sample_rate, model.to(device))
