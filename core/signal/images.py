"""Where priors of images keep their pixels; an image itself is `[colours, height, width]` in [0, 1]."""

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class PixelLevels:
    """0 (black) to levels - 1 (white); each holds an equal part of the way from black to white."""

    bounded, additive, zero = True, True, 0.0

    def __init__(self, levels: int):
        self.levels, self.unit = levels, float(levels - 1)

    def encode(self, image: Tensor) -> Tensor:
        return (image * self.levels).floor().clamp(0, self.levels - 1)

    def of_bytes(self, pixels: Tensor) -> Tensor:
        """The same of bytes, exactly; int64."""
        return (pixels.long() * self.levels // 255).clamp(max=self.levels - 1)

    def decode(self, x: Tensor) -> Tensor:
        return x / self.unit


class SignedPixels:
    """-1 (black) to 1 (white)."""

    bounded, additive, zero, unit = True, True, -1.0, 2.0

    def encode(self, image: Tensor) -> Tensor:
        return image * 2 - 1

    def decode(self, x: Tensor) -> Tensor:
        return (x + 1) / 2


def coloured(pixels: Tensor, colours: int) -> Tensor:
    """Bytes `[batch, 1 or 3, height, width]` in so many colours: grey is all three, and of three their luma."""
    if pixels.shape[1] == colours:
        return pixels
    if colours == 3:
        return pixels.expand(-1, 3, -1, -1)
    luma = torch.tensor(LUMA, device=pixels.device).view(-1, 1, 1)
    return (pixels * luma).sum(dim=1, keepdim=True).round().to(torch.uint8)
