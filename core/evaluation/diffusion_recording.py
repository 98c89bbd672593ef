"""What was recorded of a waveform diffusion: the noise that it predicts, whole reverse processes, its loss."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.evaluation.parity import Check
from core.evaluation.recording import Recording
from core.models.noise_schedule import NoiseSchedule
from core.priors.waveform_diffusion import WaveformDiffusionPrior
from core.samplers.diffusion import reverse_diffusion
from core.types import MelCondition, Observation
from core.zoo.importers.originals import State


class DiffusionRecording(Recording):
    """Waveforms are `[batch, 1, frames]` there."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        first, last = self.inputs["sampling_beta_0_T"].tolist()
        self.schedule = NoiseSchedule.linear(int(self.inputs["sampling_T"]), first, last)
        self.mel = self.input("mel") if "mel" in self.inputs else None

    @torch.no_grad()
    def noise(self, network: nn.Module, x: Tensor, step: Tensor) -> Tensor:
        """Predicted in waveforms of one batch with the recorded spectrogram, `[batch, 1, frames]`."""
        return network(x[:, 0], step[:, 0], self.mel)[:, None]

    def sampled(self, network: nn.Module) -> Tensor:
        """The end of the recorded reverse process, which begins with noise of unit variance whatever its schedule.

        It is given a schedule and tells the network that one's steps, as the originals' fast sampling is and does: no
        alignment with the schedule of a training takes place.
        """
        noises = self.input("sampling_noises")[:, :, 0]
        prior = WaveformDiffusionPrior("recorded", 1, network, self.schedule)
        condition = None if self.mel is None else MelCondition(self.mel[: noises.shape[1]], 1, 0)
        start = noises[0] / self.schedule.alpha_bars[-1].sqrt()  # all of the noise that it starts from
        draws = iter([torch.zeros_like(start), *noises[1:]])
        settings = {"sigmas": prior.levels, "channels": 1, "generator": lambda shape: next(draws)}
        *_, last = reverse_diffusion(prior, Observation(), start, condition=condition, **settings)
        return last.x[:, None]

    def loss(self, network: nn.Module, weights: State) -> Tensor:
        """Mean squared error of the noise that the network with these weights predicts."""
        audio, noise, step = (self.input(f"loss_{name}") for name in ("audio", "noise", "t"))
        kept = self.schedule.alpha_bars[step][:, None]
        noisy = kept.sqrt() * audio[:, 0] + (1 - kept).sqrt() * noise[:, 0]
        predicted = torch.func.functional_call(network, weights, (noisy, step, self.mel))
        return F.mse_loss(predicted, noise[:, 0])

    def check_training(
        self,
        network: nn.Module,
        originals: State,
        fold: Callable[[State], State],
        start: str,
        atol: Sequence[float],
        rtol: Sequence[float],
    ) -> Iterator[Check]:
        """The loss, and its gradients through the weight norm.

        Args:
            fold: the original's weights -> ours, differentiable.
            start: of the names.
            atol, rtol: of the loss and of the gradients.
        """
        weights = {key: w.clone().requires_grad_(w.is_floating_point()) for key, w in originals.items()}
        loss = self.loss(network, fold(weights))
        yield from self.check(f"{start}train_loss", loss, atol=atol[0], rtol=rtol[0])
        prefix = f"{start}grad."
        names = [name.removeprefix(prefix) for name in self.expected if name.startswith(prefix)]
        if names:
            for name, gradient in zip(names, torch.autograd.grad(loss, [weights[n] for n in names]), strict=True):
                yield from self.check(f"{prefix}{name}", gradient, atol=atol[1], rtol=rtol[1])
