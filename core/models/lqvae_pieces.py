"""Sounds of any length to codes of an LQ-VAE's top level and back, piece by piece, so that memory stays bounded."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.models.lqvae import LQVAE

PIECE = 1024  # codes that are heard or said at once


@torch.no_grad()
def hear(model: LQVAE, waveform: np.ndarray) -> Tensor:
    """What codes of a waveform `[samples]` at the model's rate are chosen by, `[steps, code width]`; silence fills the
    last one."""
    hop, samples = model.hop(), torch.tensor(waveform, device=model.device)
    samples = F.pad(samples, (0, -len(samples) % hop))
    pieces = _pieces(len(samples) // hop, model.reach())
    return torch.cat([model.latents(samples[None, a * hop : b * hop])[0].t()[own] for a, b, own in pieces])


def encode(model: LQVAE, waveform: np.ndarray) -> Tensor:
    """Codes `[steps]` of a waveform, as `hear`."""
    return model.codebook().nearest(hear(model, waveform))[0]


def decode(model: LQVAE, codes: Tensor) -> Tensor:
    """Waveforms `[batch, steps * hop]` of codes `[batch, steps]`."""
    return _said(model, codes, model.codebook().look_up)


def decode_vectors(model: LQVAE, vectors: Tensor) -> Tensor:
    """As `decode`, of `[batch, steps, code width]`: what may stand for codes, such as their means."""
    return _said(model, vectors, lambda part: part.transpose(1, 2))


@torch.no_grad()
def _said(model: LQVAE, codes: Tensor, vectors_of: Callable[[Tensor], Tensor]) -> Tensor:
    hop, made = model.hop(), []
    for a, b, own in _pieces(codes.shape[1], model.reach()):
        said = model.decode_vectors(vectors_of(codes[:, a:b]))
        made.append(said[:, own.start * hop : own.stop * hop])
    return torch.cat(made, dim=1)


def _pieces(steps: int, reach: int) -> Iterator[tuple[int, int, slice]]:
    """Spans of steps with what is around them, and which part of each is its own: joined, they are the whole."""
    for start in range(0, steps, PIECE):
        stop = min(start + PIECE, steps)
        first, last = max(0, start - reach), min(steps, stop + reach)
        yield first, last, slice(start - first, stop - first)
