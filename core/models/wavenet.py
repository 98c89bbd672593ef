"""WaveNet: a causal stack of gated dilated convolutions that predicts the class of the next sample.

van den Oord et al. 2016, in the variant of r9y9's wavenet_vocoder that PnF uses (Jayaram & Thickstun 2021): the input
is one scalar channel, residuals are scaled by sqrt(1/2) and the sum of the skips by sqrt(1 / layers). A
noise-conditional network covers a whole ladder of noise levels: conditioned on sigma, it predicts the CLEAN class of
the next sample from the noisy past.

Everything is `[batch, time, channels]` and a layer is one matrix product over its dilated taps, laid side by side:
on a CPU twice as fast as a convolution over `[batch, channels, time]`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RMS = 0.1  # root mean square level of the waveforms that a noise-conditional network learns


@dataclass(frozen=True)
class WaveNetConfig:
    """Sizes of a WaveNet.

    Args:
        layers: gated layers in all; dilations are 1, 2, 4, ... and start again in every stack.
        stacks: how often the dilations start again; divides layers.
        residual: channels between the layers.
        gate: channels of tanh and sigmoid together, even.
        skip: channels of the skip connections.
        kernel_size: taps of a dilated convolution.
        classes: of the next sample.
        noise_conditional: conditioned on sigma, with centred and scaled input; otherwise the input is class indices.
        embedding: channels of the embedding of sigma.
        bands: of the mel spectrogram that every layer is conditioned on; 0 for none.
        frame_padding: extra frames of the spectrogram at each end of the waveform.
        upsampling: factors from frames to samples; their product is the hop length.
        spread: rough standard deviation of sound in classes, which scales a noise-conditional input; larger for mu-law
            than for linear classes.
    """

    layers: int = 30
    stacks: int = 3
    residual: int = 128
    gate: int = 256
    skip: int = 128
    kernel_size: int = 3
    classes: int = 256
    noise_conditional: bool = False
    embedding: int = 64
    bands: int = 0
    frame_padding: int = 2
    upsampling: Sequence[int] = ()
    spread: float = 64.0

    @property
    def hop_length(self) -> int:
        """Samples between frames of the spectrogram."""
        return math.prod(self.upsampling)

    @property
    def dilations(self) -> list[int]:
        return [2 ** (n % (self.layers // self.stacks)) for n in range(self.layers)]

    @property
    def receptive_field(self) -> int:
        """Samples that a prediction depends on."""
        return (self.kernel_size - 1) * sum(self.dilations) + 1


def dilated_taps(padded: Tensor, kernel_size: int, dilation: int) -> Tensor:
    """x at t - (kernel_size - 1) * dilation, ..., t - dilation, t, concatenated as channels.

    `[batch, (kernel_size - 1) * dilation + time, channels]` becomes `[batch, time, kernel_size * channels]`.
    """
    time = padded.shape[1] - (kernel_size - 1) * dilation
    return torch.cat([padded[:, n * dilation : n * dilation + time] for n in range(kernel_size)], dim=-1)


class NoiseEmbedding(nn.Module):
    """Sinusoids of ln(sigma), then two linear layers; a level under `sigma_min` counts as noise-free."""

    sigma_min = 0.05

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("frequencies", torch.logspace(-1, 1, channels // 2), persistent=False)
        self.layers = nn.Sequential(nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, channels), nn.SiLU())

    def forward(self, sigma: Tensor) -> Tensor:
        """sigma `[batch]`, in classes -> `[batch, channels]`."""
        phases = sigma.clamp(min=self.sigma_min).log()[:, None] * self.frequencies
        return self.layers(torch.cat([phases.sin(), phases.cos()], dim=-1))


class SampleFeatures(nn.Module):
    """The scaled sample and sinusoids of it, so that a fresh first layer already distinguishes neighbouring classes."""

    octaves = 4  # periods of 4, 2, 1 and 1/2 times the spread

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("frequencies", math.pi / 2 * 2.0 ** torch.arange(self.octaves), persistent=False)
        self.linear = nn.Linear(1 + 2 * self.octaves, channels)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, time, 1]` -> `[batch, time, channels]`."""
        phases = x * self.frequencies
        return self.linear(torch.cat([x, phases.sin(), phases.cos()], dim=-1))


class Upsampling(nn.Module):
    """Upsamples a mel spectrogram from frames to samples: a convolution over frames, then a stage for every factor.

    Bands are first normalised by the mean and scale of the training data. A stage repeats every frame `factor` times
    and smooths over 2 * factor + 1 samples, the same for all bands.
    """

    def __init__(self, config: WaveNetConfig):
        super().__init__()
        self.factors = tuple(config.upsampling)
        self.register_buffer("mean", torch.zeros(config.bands))
        self.register_buffer("scale", torch.ones(config.bands))
        self.frames = nn.Conv1d(config.bands, config.bands, 2 * config.frame_padding + 1, bias=False)
        self.smooth = nn.ModuleList(
            nn.Conv2d(1, 1, (1, 2 * factor + 1), padding=(0, factor), bias=False) for factor in self.factors
        )
        for factor, conv in zip(self.factors, self.smooth, strict=True):
            nn.init.constant_(conv.weight, 1 / (2 * factor + 1))

    def forward(self, mel: Tensor) -> Tensor:
        """`[batch, bands, padding + frames + padding]` -> `[batch, frames * hop_length, bands]`."""
        c = self.frames((mel - self.mean[:, None]) / self.scale[:, None])[:, None]
        for factor, conv in zip(self.factors, self.smooth, strict=True):
            c = conv(c.repeat_interleave(factor, dim=-1))
        return c[:, 0].transpose(1, 2)


class GatedLayer(nn.Module):
    """One dilated convolution with a gated activation: z = tanh(a) * sigmoid(b), then a residual and a skip output."""

    def __init__(self, config: WaveNetConfig, dilation: int):
        super().__init__()
        self.kernel_size, self.dilation, self.residual = config.kernel_size, dilation, config.residual
        self.gates = nn.Linear(config.kernel_size * config.residual, config.gate)
        self.outputs = nn.Linear(config.gate // 2, config.residual + config.skip)
        self.noise = nn.Linear(config.embedding, config.gate, bias=False) if config.noise_conditional else None
        self.local = nn.Linear(config.bands, config.gate, bias=False) if config.bands else None

    @property
    def reach(self) -> int:
        """Earlier samples that an output depends on."""
        return (self.kernel_size - 1) * self.dilation

    def forward(
        self, x: Tensor, embedding: Tensor | None, past: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x `[batch, time, residual]` and its `reach` earlier samples -> the next x, a skip, the next call's past."""
        padded = torch.cat([past.to(x.dtype), x], dim=1)
        gates = self.gates(dilated_taps(padded, self.kernel_size, self.dilation))
        if self.noise is not None:
            gates = gates + self.noise(embedding)[:, None]
        if self.local is not None:
            gates = gates + self.local(condition)
        a, b = gates.chunk(2, dim=-1)
        outputs = self.outputs(a.tanh() * b.sigmoid())
        residual, skip = outputs.split([self.residual, outputs.shape[-1] - self.residual], dim=-1)
        return (residual + x) * math.sqrt(0.5), skip, padded[:, -self.reach :]


class WaveNet(nn.Module):
    """Logits of the next sample's class at every sample: `[batch, time]` -> `[batch, time, classes]`.

    There is no shift inside: the logits at t see x[<= t] and predict x[t + 1].
    """

    centre = 127.5  # of the classes

    def __init__(self, config: WaveNetConfig):
        super().__init__()
        self.config, self.spread = config, config.spread
        self.embed = NoiseEmbedding(config.embedding) if config.noise_conditional else None
        self.first = SampleFeatures(config.residual) if config.noise_conditional else nn.Linear(1, config.residual)
        self.upsample = Upsampling(config) if config.bands else None
        self.layers = nn.ModuleList(GatedLayer(config, dilation) for dilation in config.dilations)
        self.head = nn.Linear(config.skip, config.skip)
        self.logits = nn.Linear(config.skip, config.classes)

    def forward(
        self,
        x: Tensor,
        sigma: Tensor | None = None,
        past: list[Tensor] | None = None,
        condition: Tensor | None = None,
    ) -> Tensor:
        """Logits `[batch, time, classes]` of the samples after x.

        Args:
            x: real-valued classes, `[batch, time]`.
            sigma: noise level of x in classes, `[batch]`, for a noise-conditional network.
            past: of `no_past` or an earlier call, which this call continues and updates; sample by sample, this is
                incremental decoding.
            condition: of `upsample`, as long as x, `[batch, time, bands]`, for a network with `bands`.
        """
        embedding = self.embed(sigma) if self.embed is not None else None
        past = self.no_past(x) if past is None else past
        x = self.features(x, sigma)
        skips = 0
        for n, layer in enumerate(self.layers):
            x, skip, past[n] = layer(x, embedding, past[n], condition)
            skips = skips + skip
        return self.logits(F.relu(self.head(F.relu(skips * math.sqrt(1 / self.config.layers)))))

    def features(self, x: Tensor, sigma: Tensor | None = None) -> Tensor:
        """Input of the first gated layer, `[batch, time, residual]`."""
        if self.embed is not None:
            x = (x - self.centre) / (self.spread**2 + sigma[:, None] ** 2).sqrt()
        return self.first(x[..., None])

    def no_past(self, x: Tensor) -> list[Tensor]:
        """The past of x's first sample: zeros for every layer."""
        return [x.new_zeros(len(x), layer.reach, self.config.residual) for layer in self.layers]
