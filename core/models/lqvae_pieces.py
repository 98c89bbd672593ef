"""Sounds of any length to codes of an LQ-VAE's top level and back, piece by piece, so that memory stays bounded."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.models.lqvae import LQVAE

PIECE = 1024  # codes that are heard or said at once


@torch.no_grad()
def encode(model: LQVAE, waveform: np.ndarray) -> Tensor:
    """Codes `[steps]` of a waveform `[samples]` at the model's rate; silence fills the last one."""
    hop, samples = model.hop(), torch.tensor(waveform, device=model.device)
    samples = F.pad(samples, (0, -len(samples) % hop))
    pieces = _pieces(len(samples) // hop, model.reach())
    return torch.cat([model.encode(samples[None, a * hop : b * hop])[0, own] for a, b, own in pieces])


@torch.no_grad()
def decode(model: LQVAE, codes: Tensor) -> Tensor:
    """Waveforms `[batch, steps * hop]` of codes `[batch, steps]`."""
    hop, made = model.hop(), []
    for a, b, own in _pieces(codes.shape[1], model.reach()):
        made.append(model.decode(codes[:, a:b])[:, own.start * hop : own.stop * hop])
    return torch.cat(made, dim=1)


def _pieces(steps: int, reach: int) -> Iterator[tuple[int, int, slice]]:
    """Spans of steps with what is around them, and which part of each is its own: joined, they are the whole."""
    for start in range(0, steps, PIECE):
        stop = min(start + PIECE, steps)
        first, last = max(0, start - reach), min(steps, stop + reach)
        yield first, last, slice(start - first, stop - first)
