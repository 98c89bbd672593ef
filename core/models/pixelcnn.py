"""Gated PixelCNN: the class of every pixel and colour from those above it and to its left (van den Oord et al. 2016b).

A vertical stack sees the rows above, a horizontal one what is to the left in a row, too; together they have no blind
spot. Colours of a pixel are predicted one after the other: channels fall into groups by their index modulo the number
of colours, and masks let a group see those before it (type A) and itself (type B). As rampage644/wavenet has it, whose
weights can be imported; what was wrong with it is kept for those alone (`blind_first`, `legacy`).
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.label_table import LabelTable
from core.models.wavenet import NoiseEmbedding

EMBEDDING = 32  # numbers of a noise level
FIRST_KERNEL, KERNEL = 7, 3  # pixels across that the first block and the others look at
Centre = Literal["none", "A", "B"]


@dataclass(frozen=True)
class PixelCNNConfig:
    """Sizes of a PixelCNN.

    Args:
        levels: classes of a pixel's colour, at least 2.
        colours: 1 (grey) or 3.
        width: channels of each stack.
        blocks: after the first.
        head: channels of the layer before the logits.
        labels: that it can be told; 0 for none.
        noise_conditional: whether it is told how noisy the pixels are that it sees.
        blind_first: whether the output layer of the first block is of type A, too, as the original's: the horizontal
            stack then sees nothing through a colour's own group there. Of one colour nothing at all would be left.
        legacy: blocks of the original's earlier version, whose horizontal stack never sees a pixel's lower colours.
        vertical_residual: whether blocks of the vertical stack, too, read the row itself and add it to what they make
            of it. The original's do not: each looks a row further up, and rows near by pass through few of them.
        rows: of the images that it learns, for a network that is told which of them a pixel stands in; 0 for one that
            is not, which knows the upper edge alone, and only where it sees that far.
    """

    levels: int = 4
    colours: int = 1
    width: int = 48
    blocks: int = 8
    head: int = 48
    labels: int = 10
    noise_conditional: bool = False
    blind_first: bool = False
    legacy: bool = False
    vertical_residual: bool = False
    rows: int = 0


def colour_mask(outputs: int, inputs: int, kernel_size: int, colours: int, centre: Centre) -> Tensor:
    """What a convolution over a row may look at, `[outputs, inputs, 1, kernel_size]` of 0 and 1.

    Everything to the left; at the pixel itself colours before an output's own and, with type B, that one.
    """
    own, seen = torch.arange(outputs)[:, None] % colours, torch.arange(inputs) % colours
    mask = torch.zeros(outputs, inputs, 1, kernel_size)
    mask[..., : kernel_size // 2] = 1
    if centre != "none":
        mask[..., 0, kernel_size // 2] = ((seen < own) | ((centre == "B") & (seen == own))).float()
    return mask


class MaskedConv2d(nn.Conv2d):
    """A convolution over rows that sees what `colour_mask` lets it.

    Args:
        parts: outputs fall into so many equal parts, whose colours are counted by themselves.
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int, colours: int, centre: Centre, parts: int = 1):
        super().__init__(inputs, outputs, (1, kernel_size), padding=(0, kernel_size // 2))
        mask = colour_mask(outputs // parts, inputs, kernel_size, colours, centre).repeat(parts, 1, 1, 1)
        self.register_buffer("mask", mask, persistent=False)

    @property
    def masked(self) -> Tensor:
        """Weights as they are used."""
        return self.weight * self.mask

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.masked, self.bias, padding=self.padding)


def gated(x: Tensor) -> Tensor:
    """tanh of the first half of the channels times sigmoid of the second, `[batch, 2 * width, ...]` -> half."""
    signal, gate = x.chunk(2, dim=1)
    return signal.tanh() * gate.sigmoid()


class Block(nn.Module):
    """One layer of both stacks, v and h.

    v takes gates of the rows above it; h takes gates of what is to the left and of v's own before they are told
    anything; both are told the label. Gates are the channels of tanh, then those of sigmoid.

    Args:
        first: the block that looks at the image itself: wider, of type A, and not added to what it reads.
    """

    def __init__(self, config: PixelCNNConfig, first: bool = False):
        super().__init__()
        kernel, inputs = (FIRST_KERNEL, config.colours) if first else (KERNEL, config.width)
        gates, centre = 2 * config.width, "A" if first else "B"
        self.residual, self.vertical_residual = not first, not first and config.vertical_residual
        self.reach = kernel // 2 + (not self.vertical_residual)  # rows above its own
        self.vertical = nn.Conv2d(inputs, gates, (kernel // 2 + 1, kernel), padding=(0, kernel // 2))
        self.mix = nn.Conv2d(gates, gates, 1) if config.legacy else None
        self.link = nn.Conv2d(gates, gates, 1, groups=1 if config.legacy else 2)  # tanh's from tanh's alone
        sees = (kernel + 2, config.colours, "none") if config.legacy else (kernel, config.colours, centre)
        self.horizontal = MaskedConv2d(inputs, gates, *sees, parts=2)
        blind = first and config.blind_first
        self.output = MaskedConv2d(config.width, config.width, 1, config.colours, "A" if blind else "B")
        self.label = LabelTable(config.labels, gates) if config.labels else None
        self.noise = nn.Linear(EMBEDDING, gates, bias=False) if config.noise_conditional else None
        self.row = nn.Embedding(config.rows, gates) if config.rows else None
        if self.row is not None:
            nn.init.zeros_(self.row.weight)

    def forward(
        self, v: Tensor, h: Tensor, label: Tensor | None, noise: Tensor | None = None, top: int = 0
    ) -> tuple[Tensor, Tensor]:
        """Both stacks `[batch, channels, height, width]` -> the same of the next block."""
        above = F.pad(v, (0, 0, self.reach, 0 if self.vertical_residual else -1))
        v, told = self.look_up(above, label, noise, top)
        return v, self.look_left(h, told)

    def look_up(
        self, above: Tensor, label: Tensor | None, noise: Tensor | None = None, top: int = 0
    ) -> tuple[Tensor, Tensor]:
        """v `[batch, width, rows, columns]`, and what its rows, label and noise level add to h's gates.

        Args:
            above: what v is computed from, from `reach` rows above the first to one above the last, with a
                `vertical_residual` to the last.
            noise: an embedding of the noise level, `[batch, EMBEDDING]`, for a network that is told one.
            top: which row of the image the first one is.
        """
        raw = self.vertical(above)
        told = 0 if self.label is None else self.label(label)[..., None, None]
        told = told if self.noise is None else told + self.noise(noise)[..., None, None]
        told = told if self.row is None else told + self._row_bias(top, raw.shape[2])
        v = gated((raw if self.mix is None else self.mix(raw)) + told)
        v = v + above[:, :, self.reach :] if self.vertical_residual else v
        return v, self.link(raw) + told

    def _row_bias(self, top: int, count: int) -> Tensor:
        """Of so many rows, `[1, 2 * width, count, 1]`; those below the images' last are like it."""
        rows = torch.arange(top, top + count, device=self.row.weight.device).clamp(max=self.row.num_embeddings - 1)
        return self.row(rows).t()[None, ..., None]

    def look_left(self, h: Tensor, told: Tensor) -> Tensor:
        """The next h, where its gates are `told` this of the rows above."""
        made = self.output(gated(self.horizontal(h) + told))
        return h + made if self.residual else made


class PixelCNN(nn.Module):
    """Logits of every pixel's colours from those before it, row after row, colour after colour."""

    def __init__(self, config: PixelCNNConfig):
        super().__init__()
        self.config = config
        self.embed = NoiseEmbedding(EMBEDDING) if config.noise_conditional else None
        self.blocks = nn.ModuleList(Block(config, first=n == 0) for n in range(config.blocks + 1))
        self.head = MaskedConv2d(config.width, config.head, 1, config.colours, "B")
        self.logits = MaskedConv2d(config.head, config.levels * config.colours, 1, config.colours, "B")

    def forward(self, x: Tensor, label: Tensor | None = None, sigma: Tensor | None = None, top: int = 0) -> Tensor:
        """Logits `[batch, levels, colours, height, width]`.

        Args:
            x: classes / (levels - 1), `[batch, colours, height, width]`.
            label: `[batch]`, for a network with labels; see `LabelTable`.
            sigma: noise level of x in classes, `[batch]`, for a network that is told it; none is no noise.
            top: which row of the image is x's first.
        """
        noise = self.noise_of(sigma, len(x))
        v = h = x if noise is None or sigma is None else x * self._quietened(sigma)
        for block in self.blocks:
            v, h = block(v, h, label, noise, top)
        logits = self.logits(F.relu(self.head(F.relu(h))))
        return logits.unflatten(1, (self.config.levels, self.config.colours))

    @property
    def reach(self) -> int:
        """How many rows and columns away a pixel's logits see at most."""
        return sum(block.reach for block in self.blocks)

    def noise_of(self, sigma: Tensor | None, batch: int) -> Tensor | None:
        """The embedding of a noise level, for `Block.look_up`."""
        if self.embed is None:
            return None
        return self.embed(self.logits.weight.new_zeros(batch) if sigma is None else sigma)

    def _quietened(self, sigma: Tensor) -> Tensor:
        """What noisy pixels are multiplied by, so that noise does not drive the first layer, `[batch, 1, 1, 1]`."""
        return (1 + (sigma / (self.config.levels - 1)) ** 2).rsqrt()[:, None, None, None]

    def scaled(self, classes: Tensor) -> Tensor:
        """Classes as the network sees them, 0 to 1."""
        return classes.to(self.logits.weight) / (self.config.levels - 1)

    def log_prob(self, classes: Tensor, label: Tensor | None = None) -> Tensor:
        """Natural log-probability of every pixel's colour, of classes int64 `[batch, colours, height, width]`."""
        return -F.cross_entropy(self(self.scaled(classes), label), classes, reduction="none")
