"""Objectives of waveform diffusions: predict the noise in recordings at a random step (Kong et al. 2021, DiffWave).

One for each backbone, DiffWave's WaveNet and SaShiMi; they differ in the network alone. As in the originals recordings
keep their level, and those that are shorter than a segment are followed by silence. A network with `bands` is told the
mel spectrogram of its segment: made on the fly, or the one that the recording was packed with.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from core.errors import InputError
from core.models.noise_schedule import NoiseSchedule
from core.priors.waveform_diffusion import NETWORKS, from_checkpoint
from core.samplers.generation import generation_plan
from core.signal.log_mel import log_mel
from core.signal.mel import FRONT_ENDS, MelFrontEnd, name_of
from core.training.data import PackedData
from core.training.objective import Objective
from core.training.told_recordings import ToldRecordings, ToldWaveforms
from core.types import MelCondition, Observation

VALIDATED = (0.02, 0.1, 0.3, 0.7)  # steps, as shares of the schedule
LISTENING_STEPS = 20
Examples = Tensor | ToldWaveforms  # waveforms `[batch, frames]`, with spectrograms where they were packed with them


class WaveformDiffusionObjective(Objective):
    """Mean squared error of the noise, all steps alike.

    The recipe's `[model]` section has the network's sizes, `steps` and `betas` (first and last) of the noise, and where
    there are `bands` the `front_end` that makes them.
    """

    float32 = ("*.kernel.*",)  # of S4 layers
    packed_front_end: MelFrontEnd | None = None

    def open_data(self, folder: Path, split: str) -> PackedData | ToldRecordings:
        """Of a pack; recordings come with their spectrograms where it holds some."""
        pack = super().open_data(folder, split)
        self.packed_front_end = pack.front_end
        return pack if pack.front_end is None else ToldRecordings(pack)

    def build(self, config: dict) -> nn.Module:
        """A fresh network.

        Raises:
            InputError: the front-end is unknown or not the one of the data's spectrograms, or the factors of the
                upsampling do not make its hop length.
        """
        self.config = dict(config)
        sizes = dict(config)
        self.schedule = NoiseSchedule.linear(sizes.pop("steps"), *sizes.pop("betas"))
        self.played = _front_end(sizes, sizes.pop("front_end", ""))
        if self.played and self.packed_front_end not in (None, self.played):
            raise InputError(
                f"The spectrograms in the data are those of {name_of(self.packed_front_end)}; set model.front_end to "
                "that, or pack the recordings without them."
            )
        network, settings = NETWORKS[self.architecture]
        return network(settings(**sizes))

    def loss(self, model: nn.Module, examples: Examples, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Of examples each at a step of its own."""
        clean, mel = self._parts(examples)
        steps = torch.randint(len(self.schedule), (len(clean),), generator=generator)
        with torch.autocast(clean.device.type, torch.bfloat16):
            return self._error(model, clean, mel, steps, generator), {}

    @torch.no_grad()
    def validate(self, model: nn.Module, examples: Sequence[Examples], generator: Generator) -> dict[str, float]:
        """Mean squared error of the noise in dB, by step."""
        figures, parts = {}, [self._parts(example) for example in examples]
        for share in VALIDATED:
            step = torch.tensor([round(share * (len(self.schedule) - 1))])
            errors = [self._error(model, clean, mel, step.expand(len(clean)), generator) for clean, mel in parts]
            figures[f"error at step {step.item()}_db"] = 10 * math.log10(torch.stack(errors).mean().item())
        return figures

    def sounds(self, model: nn.Module, examples: Examples, generator: Generator) -> dict[str, Tensor]:
        """One that is drawn, of the example's spectrogram where the network is told one."""
        clean, mel = self._parts(examples)
        return {"drawn": self._draw(model, torch.zeros_like(clean), mel, generator)}

    def play(self, model: nn.Module, mel: Tensor, generator: Generator) -> Tensor:
        start = torch.zeros(1, (mel.shape[-1] - 1) * self.played.hop_length, device=mel.device)
        return self._draw(model, start, mel, generator)

    def _draw(self, model: nn.Module, start: Tensor, mel: Tensor | None, generator: Generator) -> Tensor:
        config = self.config | {"sample_rate": self.sample_rate}
        prior = from_checkpoint("training", config, model.state_dict(), start.device, self.architecture)
        plan = generation_plan("ddim", prior, LISTENING_STEPS)
        condition = None if mel is None else MelCondition(mel, self.played.hop_length, 0)
        *_, last = plan.start(prior, Observation(), start, generator, condition)
        return last.denoised[0]

    def _error(
        self, model: nn.Module, clean: Tensor, mel: Tensor | None, steps: Tensor, generator: Generator
    ) -> Tensor:
        kept = self.schedule.alpha_bars[steps][:, None].to(clean)
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        noisy = kept.sqrt() * clean + (1 - kept).sqrt() * noise
        return (model(noisy, steps.to(clean), mel).float() - noise).square().mean()

    def _parts(self, examples: Examples) -> tuple[Tensor, Tensor | None]:
        """Waveforms, and the spectrograms that a network with `bands` is told."""
        told = isinstance(examples, ToldWaveforms)
        clean = examples.waveform if told else examples
        if self.played is None:
            return clean, None
        return clean, examples.mel if told else log_mel(clean, self.played)


class DiffWaveObjective(WaveformDiffusionObjective):
    """With DiffWave's own backbone."""

    architecture = "diffwave"


class SaShiMiObjective(WaveformDiffusionObjective):
    """With SaShiMi."""

    architecture = "sashimi"


def _front_end(sizes: dict, name: str) -> MelFrontEnd | None:
    if not sizes.get("bands"):
        return None
    if name not in FRONT_ENDS:
        raise InputError(f"model.front_end must be one of {', '.join(FRONT_ENDS)}, not {name!r:.40}.")
    front_end = FRONT_ENDS[name]
    if math.prod(sizes["upsampling"]) != front_end.hop_length or sizes["bands"] != front_end.bands:
        raise InputError(
            f"{name} has {front_end.bands} bands and {front_end.hop_length} samples between frames; model.bands must "
            "be as many, and the product of model.upsampling those."
        )
    return front_end
