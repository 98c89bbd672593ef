"""Where priors of images keep their pixels; an image itself is `[colours, height, width]` in [0, 1]."""

from torch import Tensor


class PixelLevels:
    """0 (black) to levels - 1 (white); each holds an equal part of the way from black to white."""

    bounded, additive, zero = True, True, 0.0

    def __init__(self, levels: int):
        self.levels, self.unit = levels, float(levels - 1)

    def encode(self, image: Tensor) -> Tensor:
        return (image * self.levels).floor().clamp(0, self.levels - 1)

    def decode(self, x: Tensor) -> Tensor:
        return x / self.unit


class SignedPixels:
    """-1 (black) to 1 (white)."""

    bounded, additive, zero, unit = True, True, -1.0, 2.0

    def encode(self, image: Tensor) -> Tensor:
        return image * 2 - 1

    def decode(self, x: Tensor) -> Tensor:
        return (x + 1) / 2
