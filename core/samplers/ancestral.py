"""Ancestral sampling: each sample is drawn given those before it (van den Oord et al. 2016)."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Generator, Tensor

from core.errors import InputError
from core.models.wavenet import WaveNet
from core.models.wavenet_steps import LayerQueues
from core.types import Iterate

CHUNK = 2000  # samples between two iterates: an eighth of a second at 16 kHz


def ancestral(
    model: WaveNet,
    *,
    frames: int,
    generator: Generator,
    initial: Tensor,
    temperature: float = 1.0,
    condition: Tensor | None = None,
    level: float = 0.0,
    chunk: int = CHUNK,
) -> Iterator[Iterate]:
    """Draws whole sequences, a chunk of samples at a time, so that the beginning is heard before the end exists.

    Args:
        initial: classes that the sequences go on from, `[streams, at least 1]`; they are not part of the result.
        temperature: over 1 more daring, under 1 more careful; 0 takes the likeliest class every time.
        condition: what the network is conditioned on, at the samples' rate, `[streams, frames, channels]`: row t when
            sample t is drawn.
        level: noise level that a noise-conditional network is told its past has.

    Yields:
        Iterate: x and denoised are the classes so far, `[streams, samples]`; a step is a sample, log_prob the mean
        of those drawn since the last iterate, in nats a sample.

    Raises:
        InputError: a negative or infinite temperature, or no frames.
    """
    if not 0 <= temperature < math.inf:
        raise InputError(f"The temperature must be at least 0 and finite, not {temperature:g}.")
    if frames < 1:
        raise InputError("Nothing is to be drawn; ask for at least one sample.")
    streams = len(initial)
    queues = LayerQueues(model, streams, level)
    if initial.shape[1] > 1:
        queues.logits(initial[:, :-1].cpu().numpy())
    last, drawn = initial[:, -1].cpu().numpy(), np.empty((streams, frames), dtype=np.float32)
    # a stream's chances do not depend on how many streams there are, nor on the chunk
    seeds = torch.randint(2**62, (streams,), generator=generator).tolist()
    chances = [np.random.default_rng(seed) for seed in seeds]
    for start in range(0, frames, chunk):
        stop = min(start + chunk, frames)
        added = None if condition is None else gates_of(model, condition[:, start:stop])
        numbers = np.stack([random.random(stop - start) for random in chances])
        drawn[:, start:stop], log_probs = queues.draw(last, numbers, temperature, added)
        last = drawn[:, stop - 1]
        x = torch.from_numpy(drawn[:, :stop].copy())
        yield Iterate(x, x, level, stop, frames, float(log_probs.mean()), 0.0)


@torch.no_grad()
def gates_of(model: WaveNet, condition: Tensor) -> np.ndarray:
    """What a condition `[streams, time, bands]` adds to every layer's gates, `[streams, layers, time, gate]`."""
    return torch.stack([layer.local(condition) for layer in model.layers], dim=1).cpu().numpy()
