"""WaveNet over one-hot classes (van den Oord et al. 2016), as rampage644/wavenet has it.

Beside `core.models.wavenet`, PnF's variant: the input is one-hot, the shift stands inside (logits at t predict sample
t), residuals are plain sums, and the head reads the last residual with the sum of the skips.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from core.models.label_table import LabelTable
from core.models.wavenet import dilated_taps

TAPS = 2


@dataclass(frozen=True)
class OneHotWaveNetConfig:
    """Sizes of a network.

    Args:
        levels: classes of a sample.
        width: channels between the layers.
        head: channels of the layer before the logits.
        stacks: how often the dilations 1, 2, 4, ... start again.
        layers: of a stack.
        labels: that it can be told; 0 for none.
        legacy: the original's earlier version, which sees samples as one number and, in training, the target itself:
            its first layer is not shifted. Drawn from, it reads a zero there.
    """

    levels: int = 256
    width: int = 32
    head: int = 32
    stacks: int = 5
    layers: int = 10
    labels: int = 0
    legacy: bool = False

    @property
    def dilations(self) -> list[int]:
        return [2**n for n in range(self.layers)] * self.stacks

    @property
    def receptive_field(self) -> int:
        """Earlier samples that a prediction depends on."""
        return sum(self.dilations) + (1 if self.legacy else 2)


class ResidualLayer(nn.Module):
    """z = tanh(a) * sigmoid(b) of a dilated convolution; z adds to the residual, and a skip is made of it."""

    def __init__(self, config: OneHotWaveNetConfig, dilation: int):
        super().__init__()
        self.dilation = dilation
        self.gates = nn.Linear(TAPS * config.width, 2 * config.width)
        self.outputs = nn.Linear(config.width, 2 * config.width)
        self.label = LabelTable(config.labels, 2 * config.width) if config.labels else None

    def forward(self, x: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor]:
        """x `[batch, time, width]` -> the next x, and a skip."""
        gates = self.gates(dilated_taps(F.pad(x, (0, 0, self.dilation, 0)), TAPS, self.dilation))
        if self.label is not None:
            gates = gates + self.label(label)[:, None]
        signal, gate = gates.chunk(2, dim=-1)
        residual, skip = self.outputs(signal.tanh() * gate.sigmoid()).chunk(2, dim=-1)
        return x + residual, skip


class OneHotWaveNet(nn.Module):
    """Logits of every sample's class from those before it."""

    def __init__(self, config: OneHotWaveNetConfig):
        super().__init__()
        self.config = config
        self.first = nn.Linear(TAPS * (1 if config.legacy else config.levels), config.width)
        self.layers = nn.ModuleList(ResidualLayer(config, dilation) for dilation in config.dilations)
        self.head = nn.Linear(config.width, config.head)
        self.logits = nn.Linear(config.head, config.levels)

    def inputs(self, classes: Tensor) -> Tensor:
        """What the network sees of classes `[batch, time]`: `[batch, time, levels]`, one number each if `legacy`."""
        if self.config.legacy:
            return (classes / (self.config.levels - 1))[..., None]
        return F.one_hot(classes, self.config.levels).to(self.first.weight)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Logits `[batch, time, levels]` of the samples of x itself.

        Args:
            x: see `inputs`; all zeros where nothing is known yet.
            label: `[batch]`, for a network with labels; see `LabelTable`.
        """
        x, skips = self.features(x), 0
        for layer in self.layers:
            x, skip = layer(x, label)
            skips = skips + skip
        return self.logits(F.relu(self.head(F.relu(x + skips))))

    def features(self, x: Tensor) -> Tensor:
        """What the first layer makes of samples t - 2 and t - 1 (`legacy`: t - 1 and t), `[batch, time, width]`."""
        past = (0, 0, 1, 0) if self.config.legacy else (0, 0, 2, -1)
        return self.first(dilated_taps(F.pad(x, past), TAPS, 1))

    def log_prob(self, classes: Tensor, label: Tensor | None = None) -> Tensor:
        """Natural log-probability of every sample, `[batch, time]`, of classes int64."""
        logits = self(self.inputs(classes), label)
        return -F.cross_entropy(logits.transpose(1, 2), classes, reduction="none")
