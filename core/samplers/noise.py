"""The samplers' random numbers: drawn on the CPU, so that a seed means the same on every device."""

import torch
from torch import Generator, Tensor


def shared_noise(like: Tensor, generator: Generator, draws: int = 1) -> Tensor:
    """White noise of the shape of `like`, [draws * batch, frames]: a stream for each draw.

    The rows of a batch are channels of one clip and share it: what is the same in them stays the same.
    """
    noise = torch.randn(draws, 1, like.shape[1], generator=generator)
    return noise.expand(-1, len(like) // draws, -1).reshape(like.shape).to(like)
