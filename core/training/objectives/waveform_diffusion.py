"""Objectives of waveform diffusions: predict the noise in recordings at a random step (Kong et al. 2021, DiffWave).

One for each backbone, DiffWave's WaveNet and SaShiMi; they differ in the network alone. As in the originals recordings
keep their level, and those that are shorter than a segment are followed by silence. A network with `bands` is told the
mel spectrogram of its segment.
"""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from core.errors import InputError
from core.models.noise_schedule import NoiseSchedule
from core.priors.waveform_diffusion import NETWORKS, from_checkpoint
from core.samplers.generation import generation_plan
from core.signal.log_mel import log_mel
from core.signal.mel import FRONT_ENDS, MelFrontEnd
from core.training.objective import Objective
from core.types import MelCondition, Observation

VALIDATED = (0.02, 0.1, 0.3, 0.7)  # steps, as shares of the schedule
LISTENING_STEPS = 20


class WaveformDiffusionObjective(Objective):
    """Mean squared error of the noise, all steps alike.

    The recipe's `[model]` section has the network's sizes, `steps` and `betas` (first and last) of the noise, and where
    there are `bands` the `front_end` that makes them.
    """

    float32 = ("*.kernel.*",)  # of S4 layers

    def build(self, config: dict) -> nn.Module:
        """A fresh network.

        Raises:
            InputError: the front-end is unknown, or the factors of the upsampling do not make its hop length.
        """
        self.config = dict(config)
        sizes = dict(config)
        self.schedule = NoiseSchedule.linear(sizes.pop("steps"), *sizes.pop("betas"))
        self.front_end = _front_end(sizes, sizes.pop("front_end", ""))
        network, settings = NETWORKS[self.architecture]
        return network(settings(**sizes))

    def loss(self, model: nn.Module, examples: Tensor, generator: Generator) -> tuple[Tensor, dict[str, float]]:
        """Of waveforms `[batch, frames]`, each at a step of its own."""
        steps = torch.randint(len(self.schedule), (len(examples),), generator=generator)
        with torch.autocast(examples.device.type, torch.bfloat16):
            return self._error(model, examples, steps, generator), {}

    @torch.no_grad()
    def validate(self, model: nn.Module, examples: Sequence[Tensor], generator: Generator) -> dict[str, float]:
        """Mean squared error of the noise in dB, by step."""
        figures = {}
        for share in VALIDATED:
            step = torch.tensor([round(share * (len(self.schedule) - 1))])
            errors = [self._error(model, example, step.expand(len(example)), generator) for example in examples]
            figures[f"error at step {step.item()}_db"] = 10 * math.log10(torch.stack(errors).mean().item())
        return figures

    def sounds(self, model: nn.Module, examples: Tensor, generator: Generator) -> dict[str, Tensor]:
        """One that is drawn, of the example's spectrogram where the network is told one."""
        config = self.config | {"sample_rate": self.sample_rate}
        prior = from_checkpoint("training", config, model.state_dict(), examples.device, self.architecture)
        plan = generation_plan("ddim", prior, LISTENING_STEPS)
        mel = self._mel(examples)
        condition = None if mel is None else MelCondition(mel, self.front_end.hop_length, 0)
        *_, last = plan.start(prior, Observation(), torch.zeros_like(examples), generator, condition)
        return {"drawn": last.denoised[0]}

    def _error(self, model: nn.Module, clean: Tensor, steps: Tensor, generator: Generator) -> Tensor:
        kept = self.schedule.alpha_bars[steps][:, None].to(clean)
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        noisy = kept.sqrt() * clean + (1 - kept).sqrt() * noise
        return (model(noisy, steps.to(clean), self._mel(clean)).float() - noise).square().mean()

    def _mel(self, waveform: Tensor) -> Tensor | None:
        return None if self.front_end is None else log_mel(waveform, self.front_end)


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
