"""A ConvNeXt over frames (Liu et al. 2022): what mixes neighbouring frames looks at each channel alone."""

import torch.nn.functional as F
from torch import Tensor, nn

KERNEL = 7
DILATIONS = (1, 2, 4)


class ConvNeXt(nn.Module):
    """`[batch, frames, channels]` to the same; the dilations of the blocks repeat."""

    def __init__(self, channels: int, blocks: int):
        super().__init__()
        dilations = [DILATIONS[n % len(DILATIONS)] for n in range(blocks)]
        self.context = sum(dilations) * (KERNEL // 2)  # frames on either side that an output depends on
        self.blocks = nn.ModuleList(_Block(channels, dilation) for dilation in dilations)

    def forward(self, h: Tensor) -> Tensor:
        for block in self.blocks:
            h = block(h)
        return h


class _Block(nn.Module):
    def __init__(self, channels: int, dilation: int):
        super().__init__()
        padding = (0, dilation * (KERNEL // 2))
        # in two dimensions, as those keep the channels last, which a CPU does at one and a half times the speed
        self.depthwise = nn.Conv2d(
            channels, channels, (1, KERNEL), padding=padding, dilation=(1, dilation), groups=channels
        )
        self.norm = nn.LayerNorm(channels)
        self.widen, self.narrow = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)

    def forward(self, h: Tensor) -> Tensor:
        mixed = self.depthwise(h.transpose(1, 2)[:, :, None])[:, :, 0].transpose(1, 2)
        return h + self.narrow(F.gelu(self.widen(self.norm(mixed))))
