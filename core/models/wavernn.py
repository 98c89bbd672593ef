"""WaveRNN (Kalchbrenner et al. 2018), alone as a vocoder and on top of a stack that summarises its own past.

The overtone decoder (mkotha/WaveRNN) hears what it has said in strides of 4, 16 and 64 samples; recurrent layers bring
the summaries, with codes of 64 samples each where it is told some, back to the rate of samples. Modules are named as
the original's, whose weights are loaded as they are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.recurrence import run_gru
from core.signal.sample_halves import CLASSES

STRIDE = 4  # of each summary of the one before it, and each way back
HOP = STRIDE**3  # samples of a code
KERNEL, HALVING = 4, 2
REACH = (KERNEL - 1) * (1 + HALVING)  # inputs of a summary before its last
WARM_UP = 64  # steps of every recurrent layer that are not used
PAST_CODES = WARM_UP * (1 + STRIDE + STRIDE**2 + HOP) // HOP  # codes before the first that is heard: 85
HISTORY = REACH * (1 + STRIDE + STRIDE**2) + PAST_CODES * HOP  # samples before the first that is predicted: 5629
SPREAD = 2.967  # of a gated convolution's first weights, over the root of its inputs
SMOOTHING = 7  # taps after each repetition of a spectrogram's frames
ROUNDS = 3  # of repetition


class Logits(NamedTuple):
    """Of the halves of the next samples, `[batch, frames, 256]`; the fine ones are told the coarse half."""

    coarse: Tensor
    fine: Tensor


class WaveRNN(nn.Module):
    """A recurrent layer whose first half predicts coarse halves and whose second half, told those, fine ones.

    Args:
        conditions: numbers that each sample is conditioned on.
        gru: width of the recurrent layer.
        hidden: width between it and the logits.
    """

    def __init__(self, conditions: int, gru: int, hidden: int):
        super().__init__()
        self.gru = nn.GRU(conditions + 3, gru, batch_first=True)
        self.fc1, self.fc2 = nn.Linear(gru // 2, hidden), nn.Linear(hidden, CLASSES)
        self.fc3, self.fc4 = nn.Linear(gru // 2, hidden), nn.Linear(hidden, CLASSES)
        mask = torch.ones(3, gru, conditions + 3)
        mask[:, : gru // 2, -1] = 0  # the coarse half must not hear what it is to predict
        self.register_buffer("mask", mask.flatten(0, 1), persistent=False)
        self.apply_mask()

    @torch.no_grad()
    def apply_mask(self) -> None:
        """After every update: the weights that the mask takes away stay zero."""
        self.gru.weight_ih_l0 *= self.mask

    def forward(self, x: Tensor, condition: Tensor, skipped: int = 0) -> tuple[Logits, Tensor]:
        """Logits of the samples after those of x, and the last state `[batch, gru]`.

        Args:
            x: as `core.signal.sample_halves.stacked` makes it, `[batch, frames, 3]`.
            condition: `[batch, frames, conditions]`.
            skipped: first frames whose logits are not wanted.
        """
        states, last = run_gru(self.gru, torch.cat([condition, x], dim=-1))
        coarse, fine = states[:, skipped:].chunk(2, dim=-1)
        coarse, fine = self.fc2(F.relu(self.fc1(coarse))), self.fc4(F.relu(self.fc3(fine)))
        return Logits(coarse, fine), last[0]


class HalvingConvolution(nn.Module):
    """A gated convolution of stride 2 over `[batch, channels, frames]` that is told the speaker."""

    def __init__(self, inputs: int, outputs: int, speakers: int):
        super().__init__()
        self.conv_wide = gated_convolution(inputs, outputs, KERNEL, HALVING)
        self.w_cond = nn.Linear(speakers, 2 * outputs, bias=False) if speakers else None

    def forward(self, x: Tensor, speaker: Tensor | None) -> Tensor:
        x = self.conv_wide(x)
        if self.w_cond is not None:
            x = x + self.w_cond(speaker)[..., None]
        gate, signal = x.chunk(2, dim=1)
        return gate.sigmoid() * signal.tanh()


class Summary(nn.Module):
    """Four frames as one, `[batch, frames, channels]`: two halvings."""

    def __init__(self, inputs: int, outputs: int, speakers: int):
        super().__init__()
        self.block0 = HalvingConvolution(inputs, outputs, speakers)
        self.block1 = HalvingConvolution(outputs, outputs, speakers)

    def forward(self, x: Tensor, speaker: Tensor | None) -> Tensor:
        return self.block1(self.block0(x.transpose(1, 2), speaker), speaker).transpose(1, 2)


class RecurrentUpsampling(nn.Module):
    """A recurrent layer over frames, each of which becomes four; those of the first steps are not used."""

    def __init__(self, inputs: int, channels: int):
        super().__init__()
        self.gru = nn.GRU(inputs, channels, batch_first=True)
        self.tconv = nn.ConvTranspose1d(channels, channels, STRIDE, stride=STRIDE)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Frames of a quarter of the stride, and the last state `[batch, channels]`."""
        states, last = run_gru(self.gru, x)
        return self.tconv(states[:, WARM_UP:].transpose(1, 2)).transpose(1, 2), last[0]


@dataclass(frozen=True)
class OvertoneConfig:
    """Sizes of an `Overtone`.

    Args:
        conv_channels: of the summaries.
        rnn_channels: of the recurrent layers that bring them back.
        gru, hidden: of the WaveRNN.
        code_width: numbers of a code; 0 where it is told none.
        speakers: 0 where it is told none.
    """

    conv_channels: int = 128
    rnn_channels: int = 512
    gru: int = 896
    hidden: int = 896
    code_width: int = 128
    speakers: int = 0


class Heard(NamedTuple):
    """What an `Overtone` made of some samples.

    Args:
        logits: of the samples after the history.
        summaries: of strides 4, 16 and 64, `[batch, frames, conv_channels]`.
        upsampled: of strides 16, 4 and 1, `[batch, frames, rnn_channels]`.
        states: of the three layers that upsample, and of the WaveRNN, after the last sample.
    """

    logits: Logits
    summaries: tuple[Tensor, Tensor, Tensor]
    upsampled: tuple[Tensor, Tensor, Tensor]
    states: tuple[Tensor, Tensor, Tensor, Tensor]


class Overtone(nn.Module):
    """Predicts samples from those before them, codes and a speaker."""

    def __init__(self, config: OvertoneConfig):
        super().__init__()
        self.config = config
        conv, rnn, speakers = config.conv_channels, config.rnn_channels, config.speakers
        self.conv0 = Summary(1, conv, speakers)
        self.conv1 = Summary(conv, conv, speakers)
        self.conv2 = Summary(conv, conv, speakers)
        self.rnn0 = RecurrentUpsampling(conv + config.code_width + speakers, rnn)
        self.rnn1 = RecurrentUpsampling(conv + rnn + speakers, rnn)
        self.rnn2 = RecurrentUpsampling(conv + rnn + speakers, rnn)
        self.wavernn = WaveRNN(rnn + speakers, config.gru, config.hidden)

    def forward(self, x: Tensor, codes: Tensor | None = None, speaker: Tensor | None = None) -> Heard:
        """What it makes of samples, whose predictions begin after `HISTORY`.

        Args:
            x: as `core.signal.sample_halves.stacked` makes it, `[batch, HISTORY + a multiple of HOP, 3]`.
            codes: `[batch, frames of HOP samples, code_width]`, `PAST_CODES` of them for the history.
            speaker: weights that add up to 1, `[batch, speakers]`.
        """
        if (x.shape[1] - HISTORY) % HOP:
            raise ValueError(f"{x.shape[1]} samples are not {HISTORY} and a multiple of {HOP}.")
        c0 = self.conv0(x[..., :1], speaker)
        c1 = self.conv1(c0, speaker)
        c2 = self.conv2(c1, speaker)
        r0, h0 = self.rnn0(_beside(c2, codes, speaker))
        r1, h1 = self.rnn1(_beside(_last(c1, r0), r0, speaker))
        r2, h2 = self.rnn2(_beside(_last(c0, r1), r1, speaker))
        logits, h3 = self.wavernn(_last(x, r2), _beside(r2, speaker), skipped=WARM_UP)
        return Heard(logits, (c0, c1, c2), (r0, r1, r2), (h0, h1, h2, h3))


class MelWaveRNN(nn.Module):
    """A WaveRNN that plays spectrograms, whose frames it repeats and smooths (the original's model `wavernn`).

    Args:
        bands: of the spectrogram.
        gru, hidden: of the WaveRNN.
    """

    def __init__(self, bands: int, gru: int, hidden: int):
        super().__init__()
        self.upsample = _MelUpsampling()
        self.wavernn = WaveRNN(bands, gru, hidden)

    def forward(self, x: Tensor, mel: Tensor) -> tuple[Logits, Tensor]:
        """As `WaveRNN.forward`, of a spectrogram `[batch, bands, frames]`."""
        return self.wavernn(x, self.upsample(mel).transpose(1, 2))


class _MelUpsampling(nn.Module):
    """`[batch, bands, frames]` to the rate of samples; at both ends frames are lost that filters reach beyond."""

    def __init__(self):
        super().__init__()
        self.up_layers = nn.ModuleList(nn.Conv2d(1, 1, (1, SMOOTHING)) for _ in range(ROUNDS))
        for layer in self.up_layers:
            nn.init.constant_(layer.weight, 1 / SMOOTHING)
            nn.init.zeros_(layer.bias)

    def forward(self, mel: Tensor) -> Tensor:
        mel = mel[:, None]
        for layer in self.up_layers:
            mel = layer(mel.repeat_interleave(STRIDE, dim=-1))
        return mel[:, 0, :, 1:-1]


def from_checkpoint(
    name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str, architecture: str
) -> Overtone | MelWaveRNN:
    """An `Overtone` without codes ("overtone") or a `MelWaveRNN` ("wavernn") from a checkpoint's configuration (its
    sizes) and weights."""
    if architecture == "overtone":
        sizes = {key: value for key, value in config.items() if key in OvertoneConfig.__dataclass_fields__}
        model = Overtone(OvertoneConfig(**sizes))
    else:
        model = MelWaveRNN(config["bands"], config["gru"], config["hidden"])
    model.load_state_dict(state)
    return model.eval().requires_grad_(False).to(device)


def gated_convolution(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Conv1d:
    """A convolution to the two halves of a gate, with the original's first weights."""
    layer = nn.Conv1d(inputs, 2 * outputs, kernel, stride=stride)
    bound = SPREAD / math.sqrt(kernel * inputs)
    nn.init.uniform_(layer.weight, -bound, bound)
    nn.init.zeros_(layer.bias)
    return layer


def _last(x: Tensor, beside: Tensor) -> Tensor:
    """The last frames, as many as there are of another tensor."""
    return x[:, -beside.shape[1] :]


def _beside(*parts: Tensor | None) -> Tensor:
    """Frames `[batch, frames, channels]` side by side, and what is the same for all, `[batch, channels]`."""
    frames = parts[0].shape[1]
    spread = (p if p.dim() == 3 else p[:, None].expand(-1, frames, -1) for p in parts if p is not None)
    return torch.cat(list(spread), dim=-1)
