"""Ancestral sampling: each step is drawn given those before it (van den Oord et al. 2016)."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from core.errors import InputError
from core.models.stepwise import StepwiseModel
from core.types import Iterate

CHUNK = 2000  # steps between two iterates: an eighth of a second of samples at 16 kHz


def ancestral(
    model: StepwiseModel,
    *,
    steps: int,
    generator: Generator | None = None,
    seeds: Sequence[int] | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    condition: Tensor | None = None,
    initial: Tensor | None = None,
    chunk: int = CHUNK,
) -> Iterator[Iterate]:
    """Draws whole sequences, a chunk of steps at a time, so that the beginning is heard before the end exists.

    Args:
        generator: draws the streams' seeds where none are given.
        seeds: one for each stream, whose random numbers depend on nothing else.
        temperature: over 1 more daring, under 1 more careful; 0 takes the likeliest class every time.
        top_k: how many of the likeliest classes are drawn from; None: all.
        condition: as the model's `begin` takes it; it reaches over the initial steps and those that are drawn.
        initial: classes that the sequences go on from, `[streams, at least 1]`; they are not part of the result.

    Yields:
        Iterate: x and denoised are the classes so far, `[streams, steps]`; step_log_probs are of these after those of
        `initial`, log_prob is the mean of those drawn since the last iterate, in nats a step.

    Raises:
        InputError: a negative or infinite temperature, no class to draw from, or no steps.
    """
    if not 0 <= temperature < math.inf:
        raise InputError(f"The temperature must be at least 0 and finite, not {temperature:g}.")
    if top_k is not None and top_k < 1:
        raise InputError(f"At least one class must remain to be drawn, not {top_k}.")
    if steps < 1:
        raise InputError("Nothing is to be drawn; ask for at least one sample.")
    model.begin(condition)
    given = torch.empty(model.streams, 0) if initial is None else _log_probs(model.force(initial), initial)
    # a stream's random numbers do not depend on how many streams there are, nor on the chunk
    seeds = torch.randint(2**62, (model.streams,), generator=generator).tolist() if seeds is None else seeds
    randoms = [np.random.default_rng(seed) for seed in seeds]
    drawn, known = torch.empty(model.streams, steps), torch.cat([given, torch.empty(model.streams, steps)], dim=1)
    for start in range(0, steps, chunk):
        stop = min(start + chunk, steps)
        uniforms = torch.from_numpy(np.stack([random.random(stop - start) for random in randoms]))
        drawn[:, start:stop], log_probs = model.draw(uniforms, temperature, top_k)
        x, so_far = drawn[:, :stop].clone(), given.shape[1] + stop
        known[:, so_far - log_probs.shape[1] : so_far] = log_probs
        yield Iterate(x, x, 0.0, stop, steps, log_probs.mean().item(), 0.0, step_log_probs=known[:, :so_far].clone())


def ancestral_between(
    model: StepwiseModel, x: Tensor, known: Tensor, *, generator: Generator, condition: Tensor | None = None
) -> Tensor:
    """Draws the steps that are not known, each given all before it; those after it are not looked at.

    Args:
        x: classes, `[streams, steps]`; arbitrary where they are not known.
        known: `[steps]`.
        condition: as the model's `begin` takes it.

    Returns:
        Classes, float32 `[streams, steps]`.
    """
    model.begin(condition)
    drawn = x.float().clone()
    uniforms = torch.rand(x.shape, dtype=torch.float64, generator=generator)
    start = 0
    for length in known.unique_consecutive(return_counts=True)[1].tolist():
        part = slice(start, start + length)
        if known[start]:
            model.force(x[:, part])
        else:
            drawn[:, part] = model.draw(uniforms[:, part])[0].float()
        start += length
    return drawn


def _log_probs(logits: Tensor, classes: Tensor) -> Tensor:
    """Of the classes that came, `[streams, steps]`."""
    return logits.log_softmax(-1).gather(-1, classes.long()[..., None])[..., 0]
