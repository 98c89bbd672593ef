"""The samplers' random numbers: drawn on the CPU, so that a seed means the same on every device."""

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

NoiseSource = Generator | Callable[[Sequence[int]], Tensor]  # or: shape `[sounds, *event]` -> white noise of it


class SeparateNoise:
    """Every sound has its noise from a generator of its own: it is the same in any company that it is drawn in.

    Args:
        generators: one for each sound.
    """

    def __init__(self, generators: Sequence[Generator]):
        self.generators = generators

    def __call__(self, shape: Sequence[int]) -> Tensor:
        return torch.stack([torch.randn(*shape[1:], generator=generator) for generator in self.generators])


class MorphedNoise:
    """Noise on the way from that of one generator to that of another, for every sound its own part of the way.

    It turns from one to the other at constant speed (spherical interpolation, White 2016), and stays white.

    Args:
        start, end: generators that nothing else draws from.
        shares: of the way, 0 to 1, one for each sound.
    """

    def __init__(self, start: Generator, end: Generator, shares: Sequence[float]):
        self.start, self.end, self.shares = start, end, shares

    def __call__(self, shape: Sequence[int]) -> Tensor:
        one, other = (torch.randn(*shape[1:], generator=generator) for generator in (self.start, self.end))
        angle = torch.acos((one * other).sum() / (one.norm() * other.norm()))
        turned = [one * torch.sin((1 - share) * angle) + other * torch.sin(share * angle) for share in self.shares]
        return torch.stack(turned) / torch.sin(angle)


def noise_like(x: Tensor, generator: NoiseSource, channels: int) -> Tensor:
    """White noise of the shape of x, `[batch, *event]`.

    Args:
        channels: neighbouring rows that share it: channels of one sound, in which what is the same stays the same. 1
            gives every row its own.
    """
    shape = (len(x) // channels, *x.shape[1:])
    noise = torch.randn(shape, generator=generator) if isinstance(generator, Generator) else generator(shape)
    return noise[:, None].expand(-1, channels, *x.shape[1:]).reshape(x.shape).to(x)
