"""VQ-VAE of speech (van den Oord et al. 2017) with the overtone decoder: codes say what is said.

As mkotha/WaveRNN has it: an encoder of waveforms, one code for 64 samples, and codes on a sphere, which an update can
turn but not stretch. Modules are named as the original's, whose weights are loaded as they are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.wavernn import HISTORY, HOP, PAST_CODES, Heard, Overtone, OvertoneConfig, gated_convolution
from core.signal.sample_halves import as_waveform, split, stacked

LAYERS = ((2, 4), (2, 4), (2, 4), (1, 4), (2, 4), (1, 4), (2, 4), (1, 4), (2, 4), (1, 4))  # stride and kernel
LOOK_AHEAD = 15  # codes by which the encoder hears further than what the decoder says
RADIUS = 0.06  # of the codes' sphere, times the root of their width
ENCODER_WEIGHT = 0.01
FREE_SPREAD = 1e-3  # standard deviation of a fresh table that is not on a sphere


def _reach() -> int:
    """Samples before the first of a code's own that it depends on."""
    reach, scale = 0, 1
    for stride, kernel in LAYERS:
        reach += scale * (kernel - stride)
        scale *= stride
    return reach


ENCODER_REACH = _reach()  # 486
PAD_LEFT = ENCODER_REACH + (PAST_CODES - LOOK_AHEAD) * HOP  # zeros before what is converted: 4966
PAD_RIGHT = LOOK_AHEAD * HOP  # zeros after it: 960


class Encoder(nn.Module):
    """Strided gated convolutions without padding: waveforms `[batch, samples]` -> `[batch, codes, width]`."""

    def __init__(self, width: int):
        super().__init__()
        inputs = [1] + [width] * (len(LAYERS) - 1)
        self.convs_wide = nn.ModuleList(
            gated_convolution(n, width, kernel, stride) for n, (stride, kernel) in zip(inputs, LAYERS, strict=True)
        )
        self.convs_1x1 = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in LAYERS)
        self.final_conv_0, self.final_conv_1 = nn.Conv1d(width, width, 1), nn.Conv1d(width, width, 1)
        for layer in (*self.convs_1x1, self.final_conv_0):
            nn.init.zeros_(layer.bias)

    def forward(self, waveform: Tensor) -> Tensor:
        x = waveform[:, None]
        for n, (wide, narrow, (stride, kernel)) in enumerate(zip(self.convs_wide, self.convs_1x1, LAYERS, strict=True)):
            signal, gate = wide(x).chunk(2, dim=1)
            made = narrow(signal.tanh() * gate.sigmoid())
            x = made + x[..., kernel - 1 :: stride] if n else made  # the last input that each of the outputs depends on
        return self.final_conv_1(F.relu(self.final_conv_0(x))).transpose(1, 2)


class Quantised(NamedTuple):
    """Codes of some frames.

    Args:
        codes: rows of the table, `[batch, frames, channels, width]`; gradients pass straight to the input.
        indices: their numbers, int64 `[batch, frames, channels]`.
        code_penalty, encoder_penalty: squared distances that move the table to the input, and the input to the table
            and the sphere; `[batch, frames, channels]`.
        entropy: of the numbers, in nats; those of all channels count as one frame's.
        inputs: on the sphere, `[batch, frames, channels, width]`.
    """

    codes: Tensor
    indices: Tensor
    code_penalty: Tensor
    encoder_penalty: Tensor
    entropy: Tensor
    inputs: Tensor


class Quantiser(nn.Module):
    """The nearest row of a table for every frame and channel.

    Args:
        channels: codes of a frame.
        classes: rows of a channel's table.
        width: numbers of a row.
        normalised: whether rows and inputs are scaled to the radius `RADIUS` sqrt(width).
    """

    def __init__(self, channels: int, classes: int, width: int, normalised: bool = True):
        super().__init__()
        self.normalised, self.radius = normalised, RADIUS * math.sqrt(width)
        spread = RADIUS if normalised else FREE_SPREAD
        self.embedding0 = nn.Parameter(spread * torch.randn(channels, classes, width))

    @property
    def table(self) -> Tensor:
        """Rows as they are compared, `[channels, classes, width]`."""
        return self._placed(self.embedding0)

    @torch.no_grad()
    def renormalise(self) -> None:
        """After every update: rows return to the sphere."""
        self.embedding0.copy_(self.table)

    def look_up(self, indices: Tensor) -> Tensor:
        """Rows by their numbers, `[..., channels]` -> `[..., channels, width]`."""
        return self.table[torch.arange(len(self.embedding0), device=indices.device), indices]

    def forward(self, x: Tensor) -> Quantised:
        """Codes of x, `[batch, frames, channels, width]`."""
        placed, table = self._placed(x), self.table
        rows = placed.flatten(0, 1).transpose(0, 1)  # [channels, batch * frames, width]
        indices = torch.cdist(rows, table).argmin(dim=-1).t().unflatten(0, x.shape[:2])
        codes = self.look_up(indices)
        shares = indices.flatten().bincount(minlength=table.shape[1]) / indices[..., 0].numel()
        return Quantised(
            codes=placed + (codes - placed).detach(),
            indices=indices,
            code_penalty=_squared_distance(placed.detach(), codes),
            encoder_penalty=_squared_distance(placed, codes.detach()) + _squared_distance(placed, x),
            entropy=-torch.xlogy(shares, shares).sum(),
            inputs=placed,
        )

    def _placed(self, x: Tensor) -> Tensor:
        return self.radius * F.normalize(x, dim=-1) if self.normalised else x


@dataclass(frozen=True)
class VQVAEConfig:
    """Sizes of a `VQVAE`, as recipes and checkpoints have them.

    Args:
        width: of the encoder, and of all codes of a frame together.
        classes: rows of a table.
        channels: codes of a frame.
        normalised: whether codes lie on a sphere.
        conv_channels, rnn_channels, gru, hidden: of the decoder, see `OvertoneConfig`.
        speakers: names of those whose voices it has, in the order of their numbers.
    """

    width: int = 128
    classes: int = 512
    channels: int = 1
    normalised: bool = True
    conv_channels: int = 128
    rnn_channels: int = 512
    gru: int = 896
    hidden: int = 896
    speakers: tuple[str, ...] = ()

    @property
    def decoder(self) -> OvertoneConfig:
        sizes = (self.conv_channels, self.rnn_channels, self.gru, self.hidden)
        return OvertoneConfig(*sizes, code_width=self.width, speakers=len(self.speakers))


class VQVAE(nn.Module):
    """Encoder, codes and decoder.

    Args:
        name: what reports and menus call it.
        sample_rate: of what it hears and says, in Hz.
    """

    def __init__(self, config: VQVAEConfig, name: str = "", sample_rate: int = 16000):
        super().__init__()
        self.config, self.name, self.sample_rate = config, name, sample_rate
        self.encoder = Encoder(config.width)
        self.vq = Quantiser(config.channels, config.classes, config.width // config.channels, config.normalised)
        self.overtone = Overtone(config.decoder)

    @property
    def device(self) -> torch.device:
        return self.vq.embedding0.device

    def encode(self, waveform: Tensor) -> Quantised:
        """Codes of waveforms `[batch, samples]`: one for each `HOP` samples after the first `ENCODER_REACH`."""
        return self.vq(self.encoder(waveform).unflatten(-1, (self.config.channels, -1)))

    def forward(self, x: Tensor, waveform: Tensor, speaker: Tensor) -> tuple[Heard, Quantised]:
        """What the decoder predicts of its samples, told the codes of waveforms; see `Overtone.forward`."""
        quantised = self.encode(waveform)
        return self.overtone(x, quantised.codes.flatten(2), speaker), quantised

    def after_update(self) -> None:
        """What must hold again after every update."""
        self.overtone.wavernn.apply_mask()
        if self.config.normalised:
            self.vq.renormalise()


class TrainingWindow(NamedTuple):
    """A window of recordings as the original learns from it.

    Args:
        x: what the decoder hears, see `Overtone.forward`.
        waveform: what the encoder hears; here it lags the first target by one sample, in conversions it does not.
        targets: coarse and fine halves that follow, `[batch, frames]` each.
    """

    x: Tensor
    waveform: Tensor
    targets: tuple[Tensor, Tensor]


def training_window(samples: Tensor) -> TrainingWindow:
    """Of 16-bit samples, `[batch, HISTORY + targets + PAD_RIGHT]`; the targets are a multiple of `HOP`."""
    coarse, fine = split(samples[:, : 1 - PAD_RIGHT])
    targets = coarse[:, HISTORY + 1 :], fine[:, HISTORY + 1 :]
    return TrainingWindow(stacked(coarse, fine[:, :-1]), as_waveform(samples[:, HISTORY - PAD_LEFT :]), targets)


def padded(waveform: Tensor) -> Tensor:
    """A waveform `[..., samples]` with the silence around it that a conversion gives the encoder."""
    return F.pad(waveform, (PAD_LEFT, PAD_RIGHT))


def encoder_weight(step: int) -> float:
    """Of the encoder's penalty after so many updates: a tenth at first, so that codes can spread."""
    return ENCODER_WEIGHT * min(1.0, max(0.1, step / 1000 - 1))


def build(config: Mapping, name: str = "", sample_rate: int = 16000) -> VQVAE:
    """A fresh network from a checkpoint's or a recipe's configuration.

    Raises:
        ValueError: a width that its code channels do not divide, or odd sizes of what has halves.
    """
    sizes = VQVAEConfig(**config | {"speakers": tuple(config["speakers"])})
    if sizes.width % sizes.channels or sizes.gru % 2:
        raise ValueError(f"{sizes.channels} codes cannot share {sizes.width} numbers, or {sizes.gru} has no halves")
    return VQVAE(sizes, name, sample_rate)


def from_checkpoint(name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str) -> VQVAE:
    """A network from a checkpoint's configuration (its sizes, `sample_rate`) and weights."""
    sizes = {key: value for key, value in config.items() if key in VQVAEConfig.__dataclass_fields__}
    model = build(sizes, name, config["sample_rate"])
    model.load_state_dict(state)
    return model.eval().requires_grad_(False).to(device)


def _squared_distance(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum(dim=-1)
