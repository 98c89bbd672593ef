"""The samplers' random numbers: drawn on the CPU, so that a seed means the same on every device."""

import torch
from torch import Generator, Tensor


def noise_like(x: Tensor, generator: Generator, channels: int) -> Tensor:
    """White noise of the shape of x, `[batch, *event]`.

    Args:
        channels: neighbouring rows that share it: channels of one sound, in which what is the same stays the same. 1
            gives every row its own.
    """
    noise = torch.randn(len(x) // channels, 1, *x.shape[1:], generator=generator)
    return noise.expand(-1, channels, *x.shape[1:]).reshape(x.shape).to(x)
