"""DiffWave: a WaveNet without causality that predicts the noise in a waveform (Kong et al. 2021).

A stack of gated dilated convolutions that see both ways, told the step of the noise and, as a vocoder, a mel
spectrogram.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from core.models.waveform_diffusion import MelInput, StepEmbedding
from core.models.wavenet import dilated_taps

KERNEL_SIZE = 3


@dataclass(frozen=True)
class DiffWaveConfig:
    """Sizes of a DiffWave.

    Args:
        layers: gated layers in all; dilations are 1, 2, 4, ... and start again after `cycle` layers.
        residual, skip: channels between the layers, and of the skip connections.
        embedding: channels of the step's sinusoids, and of the two layers on them.
        bands: of the mel spectrogram that every layer is told; 0 for none.
        upsampling: factors from frames to samples; their product is the hop length.
        leaky: whether the step's embedding stays in the residual path. It does in the authors' code, which adds it in
            place, and in the branch `checkpoints` of the SaShiMi repository; not in that repository's `master`.
    """

    layers: int = 30
    cycle: int = 10
    residual: int = 64
    skip: int = 64
    embedding: Sequence[int] = (128, 512, 512)
    bands: int = 0
    upsampling: Sequence[int] = ()
    leaky: bool = False


class DiffWaveLayer(nn.Module):
    """One dilated convolution with a gated activation, then a residual and a skip output."""

    def __init__(self, config: DiffWaveConfig, dilation: int):
        super().__init__()
        self.dilation, self.leaky, self.residual = dilation, config.leaky, config.residual
        self.step = nn.Linear(config.embedding[-1], config.residual)
        self.gates = nn.Linear(KERNEL_SIZE * config.residual, 2 * config.residual)
        self.outputs = nn.Linear(config.residual, config.residual + config.skip)
        self.mel = MelInput(config.bands, 2 * config.residual, config.upsampling) if config.bands else None

    def forward(self, x: Tensor, embedding: Tensor, mel: Tensor | None) -> tuple[Tensor, Tensor]:
        """x `[batch, time, residual]` -> the next x, a skip `[batch, time, skip]`."""
        h = x + self.step(embedding)
        kept = h if self.leaky else x
        taps = dilated_taps(F.pad(h, (0, 0, self.dilation, self.dilation)), KERNEL_SIZE, self.dilation)
        gates = self.gates(taps)
        if self.mel is not None:
            gates = gates + self.mel(mel, x.shape[1])
        a, b = gates.chunk(2, dim=-1)
        outputs = self.outputs(a.tanh() * b.sigmoid())
        return (kept + outputs[..., : self.residual]) * math.sqrt(0.5), outputs[..., self.residual :]


class DiffWave(nn.Module):
    """The noise in a waveform at a step of the diffusion."""

    def __init__(self, config: DiffWaveConfig):
        super().__init__()
        self.config = config
        self.embed = StepEmbedding(config.embedding)
        self.first = nn.Linear(1, config.residual)
        dilations = (2 ** (n % config.cycle) for n in range(config.layers))
        self.layers = nn.ModuleList(DiffWaveLayer(config, dilation) for dilation in dilations)
        self.head = nn.Linear(config.skip, config.skip)
        self.noise = nn.Linear(config.skip, 1)
        nn.init.zeros_(self.noise.weight)
        nn.init.zeros_(self.noise.bias)

    def forward(self, x: Tensor, step: Tensor, mel: Tensor | None = None) -> Tensor:
        """Predicted noise.

        Args:
            x: noisy waveform, sqrt(abar) clean + sqrt(1 - abar) noise, `[batch, frames]`.
            step: of the diffusion, counted from 0, also fractional, `[batch]`.
            mel: `[batch, bands, frames]`, for a network with `bands`; what reaches beyond x is cut off.

        Returns:
            `[batch, frames]`.

        Raises:
            InputError: the spectrogram ends before x does.
        """
        embedding, skips = self.embed(step), 0
        x = F.relu(self.first(x[..., None]))
        for layer in self.layers:
            x, skip = layer(x, embedding, mel)
            skips = skips + skip
        return self.noise(F.relu(self.head(skips * math.sqrt(1 / self.config.layers))))[..., 0]
