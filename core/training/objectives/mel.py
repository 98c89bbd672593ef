"""Objective of the mel denoiser: take noise of random strength from the spectrograms of short sounds (EDM).

Karras et al. 2022: the logarithm of the noise level is normally distributed, and errors are weighed so that every level
counts alike. Labels and speakers are told most of the time and left out at random, so that one network knows sounds
with and without them (classifier-free guidance, Ho & Salimans 2022).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Generator, Tensor

from core.errors import InputError
from core.models import mel_denoiser
from core.models.mel_denoiser import NOT_TOLD, MelDenoiser
from core.priors.mel import from_checkpoint
from core.samplers.generation import generation_plan
from core.signal.mel import FRONT_ENDS, MelScaler
from core.signal.spectrogram_files import MelSpectrogram
from core.training.objective import Objective
from core.training.objectives.mel_examples import MelExamples, ShortSounds, names_in
from core.types import LabelCondition, Observation
from core.zoo.playing import vocoder_of, waveform_of

LN_SIGMA_MEAN, LN_SIGMA_STD = -0.4, 1.4
VALIDATED = (0.2, 0.5, 1.0, 3.0)  # noise levels
SCALED_BY = 512  # sounds that bands are scaled by
LISTENED, LISTENING_STEPS, GUIDANCE = 4, 12, 3.0  # labels that are drawn for the log, and how


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

    def sounds(self, model: MelDenoiser, examples: MelExamples, generator: Generator) -> dict[str, Tensor]:
        """Some that are drawn, of the first labels where it knows any, as the vocoder of the front-end plays them."""
        device = examples.mel.device
        config = asdict(model.config) | {"sample_rate": self.sample_rate}
        prior = from_checkpoint("training", config, model.state_dict(), device)
        numbers = torch.arange(1, 1 + min(LISTENED, len(prior.labels))) if prior.labels else torch.tensor([NOT_TOLD])
        told = LabelCondition(numbers, torch.full_like(numbers, NOT_TOLD), GUIDANCE)
        start = torch.zeros(len(numbers), *prior.event(prior.longest_seconds), device=device)
        plan = generation_plan("heun", prior, LISTENING_STEPS)
        *_, last = plan.start(prior, Observation(), start, generator, told)
        mels, vocoder = prior.decode(last.denoised).cpu().numpy(), vocoder_of(prior.front_end, str(device))
        names = [f"drawn/{label}" for label in prior.labels[:LISTENED]] or ["drawn"]
        waveforms = [waveform_of(MelSpectrogram(mel, prior.front_end), vocoder) for mel in mels]
        return dict(zip(names, map(torch.from_numpy, waveforms), strict=True))

    def _left_out(self, numbers: Tensor, generator: Generator) -> Tensor:
        told = torch.rand(len(numbers), generator=generator).to(numbers.device) < self.told
        return torch.where(told, numbers, NOT_TOLD)
