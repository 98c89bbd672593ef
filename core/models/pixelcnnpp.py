"""PixelCNN++: mixtures of discretised logistics for every pixel (Salimans et al. 2017).

The network of pclucas14/pixel-cnn-pp that PnF draws images with (Jayaram & Thickstun 2021). Two streams, u of the rows
above and ul of those and the pixels to the left, go down to a quarter of the size and up again. Modules are named as
the original's, whose weights are loaded as they are once the weight norm is folded in.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCALES = 3  # the image, a half and a quarter of it
DROPOUT = 0.5


@dataclass(frozen=True)
class PixelCNNPPConfig:
    """Sizes of a PixelCNN++.

    Args:
        blocks: residual pairs of a scale on the way down.
        width: channels of each stream.
        mixtures: logistics of a pixel.
        colours: 1 (grey) or 3.
    """

    blocks: int = 5
    width: int = 80
    mixtures: int = 10
    colours: int = 3

    @property
    def outputs(self) -> int:
        """Numbers for a pixel: of each mixture a logit, and of every colour mean, log-scale and, of three, a
        coefficient."""
        return self.mixtures * (10 if self.colours == 3 else 3)


def concat_elu(x: Tensor) -> Tensor:
    """ELU of x and of -x, `[batch, channels, ...]` -> twice the channels."""
    return F.elu(torch.cat([x, -x], dim=1))


class Convolution(nn.Conv2d):
    """Sees the rows up to its own and, `right`, of its own what is to the left; else both sides."""

    def __init__(self, inputs: int, outputs: int, right: bool, kernel_size: tuple[int, int], stride: int = 1):
        super().__init__(inputs, outputs, kernel_size, stride)
        rows, columns = kernel_size[0] - 1, kernel_size[1] - 1
        self.margins = (columns, 0, rows, 0) if right else (columns // 2, columns // 2, rows, 0)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.margins))


class Transposed(nn.ConvTranspose2d):
    """Twice the size, as `Convolution` sees."""

    def __init__(self, width: int, right: bool):
        super().__init__(width, width, (2, 2 if right else 3), stride=2, output_padding=1)
        self.cut = (0, -1, 0, -1) if right else (-1, -1, 0, -1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(super().forward(x), self.cut)


class Pointwise(nn.Linear):
    """A linear layer over the channels of `[batch, channels, height, width]`."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def _convolution(inputs: int, outputs: int, right: bool, stride: int = 1) -> Convolution:
    return Convolution(inputs, outputs, right, (2, 2 if right else 3), stride)


class GatedResidual(nn.Module):
    """x + a * sigmoid(b), of x and of what it is shown beside it (`shown` times as wide)."""

    def __init__(self, width: int, right: bool, shown: int):
        super().__init__()
        self.conv_input = _convolution(2 * width, width, right)
        self.nin_skip = Pointwise(2 * shown * width, width) if shown else None
        self.dropout = nn.Dropout2d(DROPOUT)
        self.conv_out = _convolution(2 * width, 2 * width, right)

    def forward(self, x: Tensor, shown: Tensor | None = None) -> Tensor:
        made = self.conv_input(concat_elu(x))
        if self.nin_skip is not None:
            made = made + self.nin_skip(concat_elu(shown))
        signal, gate = self.conv_out(self.dropout(concat_elu(made))).chunk(2, dim=1)
        return x + signal * gate.sigmoid()


class Pairs(nn.Module):
    """Residual blocks of both streams at one scale, in pairs.

    Args:
        down: whether they are shown what the way up left at the same scale.
    """

    def __init__(self, config: PixelCNNPPConfig, blocks: int, down: bool):
        super().__init__()
        shown = int(down)
        self.u_stream = nn.ModuleList(GatedResidual(config.width, False, shown) for _ in range(blocks))
        self.ul_stream = nn.ModuleList(GatedResidual(config.width, True, shown + 1) for _ in range(blocks))

    def up(self, left: list[tuple[Tensor, Tensor]]) -> None:
        """Goes on from the last of what was left, and leaves every pair's u and ul."""
        for of_u, of_ul in zip(self.u_stream, self.ul_stream, strict=True):
            u, ul = left[-1]
            u = of_u(u)
            left.append((u, of_ul(ul, u)))

    def down(self, u: Tensor, ul: Tensor, left: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Goes on from u and ul, and takes what was left, last first."""
        for of_u, of_ul in zip(self.u_stream, self.ul_stream, strict=True):
            left_u, left_ul = left.pop()
            u = of_u(u, left_u)
            ul = of_ul(ul, torch.cat([u, left_ul], dim=1))
        return u, ul


class PixelCNNPP(nn.Module):
    """Parameters of every pixel's mixture from the pixels before it, row after row."""

    def __init__(self, config: PixelCNNPPConfig):
        super().__init__()
        self.config, width, seen = config, config.width, config.colours + 1
        self.down_layers = nn.ModuleList(Pairs(config, config.blocks + (n > 0), True) for n in range(SCALES))
        self.up_layers = nn.ModuleList(Pairs(config, config.blocks, False) for _ in range(SCALES))
        between = range(SCALES - 1)
        self.downsize_u_stream = nn.ModuleList(_convolution(width, width, False, stride=2) for _ in between)
        self.downsize_ul_stream = nn.ModuleList(_convolution(width, width, True, stride=2) for _ in between)
        self.upsize_u_stream = nn.ModuleList(Transposed(width, False) for _ in between)
        self.upsize_ul_stream = nn.ModuleList(Transposed(width, True) for _ in between)
        self.u_init = Convolution(seen, width, False, (2, 3))
        self.ul_init = nn.ModuleList([Convolution(seen, width, False, (1, 3)), Convolution(seen, width, True, (2, 1))])
        self.nin_out = Pointwise(width, config.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, outputs, height, width]` of x `[batch, colours, height, width]` in [-1, 1].

        Height and width are multiples of 4.
        """
        x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)  # so that the border is told from black
        above, left = _down(self.ul_init[0](x)), F.pad(self.ul_init[1](x), (1, -1, 0, 0))
        kept = [(_down(self.u_init(x)), above + left)]
        for n, pairs in enumerate(self.up_layers):
            pairs.up(kept)
            if n < SCALES - 1:
                u, ul = kept[-1]
                kept.append((self.downsize_u_stream[n](u), self.downsize_ul_stream[n](ul)))
        u, ul = kept.pop()
        for n, pairs in enumerate(self.down_layers):
            u, ul = pairs.down(u, ul, kept)
            if n < SCALES - 1:
                u, ul = self.upsize_u_stream[n](u), self.upsize_ul_stream[n](ul)
        return self.nin_out(F.elu(ul))


def _down(x: Tensor) -> Tensor:
    """Shifted by a row, so that nothing sees its own."""
    return F.pad(x, (0, 0, 1, -1))
