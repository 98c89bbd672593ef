"""Objective of the mel denoiser: take noise of random strength from the spectrograms of short sounds (EDM).

Karras et al. 2022: the logarithm of the noise level is normally distributed, and errors are weighed so that every level
counts alike. Labels and speakers are told most of the time and left out at random, so that one network knows sounds
with and without them (classifier-free guidance, Ho & Salimans 2022).
"""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Generator, Tensor

from core.errors import InputError
from core.models import mel_denoiser
from core.models.mel_denoiser import NOT_TOLD, MelDenoiser
from core.signal.mel import FRONT_ENDS, MelScaler
from core.training.objective import Objective
from core.training.objectives.mel_examples import MelExamples, ShortSounds, names_in

LN_SIGMA_MEAN, LN_SIGMA_STD = -0.4, 1.4
VALIDATED = (0.2, 0.5, 1.0, 3.0)  # noise levels
SCALED_BY = 512  # sounds that bands are scaled by


class MelObjective(Objective):
    """Loss and validation of a `MelDenoiser`; `training.segment` is its length in samples.

    Args:
        front_end: of the spectrograms, a name in `FRONT_ENDS`.
        told: share of the examples whose label is told; of those whose speaker is, likewise.
        speaker_recordings: fewest recordings of a speaker who can be asked for by name.
    """

    architecture = "mel-denoiser"

    def __init__(self, front_end: str = "resound-16k", told: float = 0.85, speaker_recordings: int = 30):
        self.front_end, self.told, self.speaker_recordings = front_end, told, speaker_recordings
        self.names: tuple[list[str], list[str]] | None = None

    def open_data(self, folder: Path, split: str) -> ShortSounds:
        """Of a pack; the split that is opened first, that of training, says what can be told."""
        pack = super().open_data(folder, split)
        self.names = self.names or names_in(pack, self.speaker_recordings)
        return ShortSounds(pack, FRONT_ENDS[self.front_end], *self.names)

    def build(self, config: dict) -> MelDenoiser:
        """A fresh network; names and front-end become part of the configuration."""
        config["labels"], config["speakers"] = self.names
        config["front_end"] = self.front_end
        return mel_denoiser.build(config)

    def prepare(self, model: MelDenoiser, data: ShortSounds, segment: int, generator: Generator) -> None:
        """Sets the mean and scale of every band.

        Raises:
            InputError: segments are not as long as the network's spectrograms.
        """
        hop = FRONT_ENDS[self.front_end].hop_length
        if segment != model.config.frames * hop:
            raise InputError(f"training.segment must be model.frames x {hop} = {model.config.frames * hop} samples.")
        examples = data.held_out(SCALED_BY, segment, generator)
        scaler = MelScaler.fit(example.mel[0].numpy() for example in examples)
        model.mean.copy_(torch.from_numpy(scaler.mean))
        model.scale.copy_(torch.from_numpy(scaler.scale))

    def loss(self, model: MelDenoiser, examples: MelExamples, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Weighed squared error of spectrograms with noise."""
        clean, count = model.normalise(examples.mel), len(examples.mel)
        sigma = torch.exp(LN_SIGMA_MEAN + LN_SIGMA_STD * torch.randn(count, generator=generator)).to(clean)
        label, speaker = (self._left_out(numbers, generator) for numbers in (examples.label, examples.speaker))
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        noisy = clean + sigma[:, None, None] * noise
        with torch.autocast(clean.device.type, torch.bfloat16):
            estimate = model(noisy, sigma, label, speaker)
        weight = (1 + sigma**2) / sigma**2  # EDM, table 1, for data of unit variance
        return (weight[:, None, None] * (estimate.float() - clean).square()).mean(), {}

    @torch.no_grad()
    def validate(self, model: MelDenoiser, examples: Sequence[MelExamples], generator: Generator) -> dict[str, float]:
        """Mean squared error of the estimate in dB, by noise level; labels told and not."""
        clean = model.normalise(torch.cat([example.mel for example in examples]))
        label = torch.cat([example.label for example in examples])
        nobody = torch.full_like(label, NOT_TOLD)
        figures = {}
        for level in VALIDATED:
            noise = torch.randn(clean.shape, generator=generator).to(clean)
            sigma = clean.new_full((len(clean),), level)
            for told, numbers in (("told", label), ("not told", nobody)):
                estimate = model(clean + level * noise, sigma, numbers, nobody)
                error = (estimate - clean).square().mean().item()
                figures[f"error at {level:g} {told}_db"] = 10 * math.log10(error)
        return figures

    def _left_out(self, numbers: Tensor, generator: Generator) -> Tensor:
        told = torch.rand(len(numbers), generator=generator).to(numbers.device) < self.told
        return torch.where(told, numbers, NOT_TOLD)
