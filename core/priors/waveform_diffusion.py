"""A waveform diffusion as a prior (Kong et al. 2021): score = -noise / level, at any level between its steps.

Its network knows x_t = sqrt(abar_t) clean + sqrt(1 - abar_t) noise. Over sqrt(abar_t) that is the prior's x, clean with
noise of level sqrt((1 - abar_t) / abar_t).
"""

import math

import torch
from torch import Tensor, nn

from core.errors import InputError
from core.models.diffwave import DiffWave, DiffWaveConfig
from core.models.noise_schedule import NoiseSchedule
from core.models.sashimi import SaShiMi, SaShiMiConfig
from core.signal.companding import Waveform
from core.signal.mel import FRONT_ENDS, MelFrontEnd
from core.types import AnyCondition, MelCondition, Prior, Score

NETWORKS = {"diffwave": (DiffWave, DiffWaveConfig), "sashimi": (SaShiMi, SaShiMiConfig)}
RMS = 0.1  # level of speech at full scale, which the originals are trained on as it is
START_LEVEL = 0.03


class WaveformDiffusionPrior(Prior):
    """What a network that predicts noise knows about waveforms.

    Args:
        model: on the device where it is to work.
        schedule: of the noise that it was trained on; its levels are the prior's.
        rms: root mean square level of the waveforms that it was trained on.
        front_end: of the spectrogram that it is told, where it is and that is known.
    """

    domain = Waveform()

    def __init__(
        self,
        name: str,
        sample_rate: int,
        model: nn.Module,
        schedule: NoiseSchedule,
        rms: float = RMS,
        front_end: MelFrontEnd | None = None,
    ):
        self.name, self.sample_rate, self.rms, self.front_end = name, sample_rate, rms, front_end
        self.model = model.eval().requires_grad_(False)
        self.device = next(model.parameters()).device
        self.schedule, self.levels = schedule, tuple(schedule.levels.flip(0).tolist())
        self.start_level = min(START_LEVEL, self.levels[0])
        self.conditions = frozenset({MelCondition} if model.config.bands else ())
        self.fixed_length: int | None = getattr(model.config, "fixed_length", None)

    @torch.no_grad()
    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        """Gradient of log p; a diffusion has no density that is known in one evaluation.

        Args:
            x: `[batch, frames]`.
            condition: a spectrogram that reaches as far as x, for a network that is told one; it may have one row for
                several of x.

        Raises:
            InputError: a length that the network does not know, or that the spectrogram does not reach over.
        """
        if self.fixed_length not in (None, x.shape[1]):
            raise InputError(
                f"{self.name} knows sounds of {self.fixed_length / self.sample_rate:g} s alone "
                f"({self.fixed_length} samples), the length of its training, not of {x.shape[1]}; choose that length."
            )
        known, step = x / math.sqrt(1 + level**2), self.schedule.step_of(level)  # sqrt(abar) = 1 / sqrt(1 + level^2)
        mel = _frames(condition, len(x)) if MelCondition in self.conditions else None
        at_once = 1 if self.device.type == "cpu" else len(x)
        noise = [
            self.model(rows, rows.new_full((len(rows),), step), None if mel is None else mel[n : n + at_once])
            for n, rows in zip(range(0, len(x), at_once), known.split(at_once), strict=True)
        ]
        return Score(-torch.cat(noise) / level)


def _frames(condition: MelCondition, rows: int) -> Tensor:
    """A row for each of x; networks see no frames around their own."""
    mel, padding = condition.mel, condition.padding
    return mel[..., padding : mel.shape[-1] - padding].repeat(rows // len(mel), 1, 1)


def from_checkpoint(
    name: str, config: dict, state: dict[str, Tensor], device: torch.device | str, architecture: str
) -> WaveformDiffusionPrior:
    """A prior from a checkpoint's configuration and weights.

    Args:
        config: sizes of the network of that architecture, a key of `NETWORKS`; `steps` and `betas` (first and last) of
            the noise, `sample_rate`, and where it is known or differs `front_end` and `rms`.
    """
    sizes = dict(config)
    sample_rate, front_end = sizes.pop("sample_rate"), FRONT_ENDS.get(sizes.pop("front_end", ""))
    schedule, rms = NoiseSchedule.linear(sizes.pop("steps"), *sizes.pop("betas")), sizes.pop("rms", RMS)
    network, settings = NETWORKS[architecture]
    model = network(settings(**sizes))
    model.load_state_dict(state)
    return WaveformDiffusionPrior(name, sample_rate, model.to(device), schedule, rms, front_end)
