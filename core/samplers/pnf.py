"""PnF's stochastic Langevin dynamics (Jayaram & Thickstun 2021, sec. 3.3), as the original runs it."""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor

from core.types import AnyCondition, Iterate, MelCondition, Observation, Prior


class Draws(Protocol):
    """Where PnF's samplers take their random numbers from."""

    def positions(self, batch: int, window: int, frames: int) -> list[int]:
        """Starts of windows before clipping: integers from [-window, frames), evenly likely."""

    def noise(self, window: int) -> Tensor:
        """Standard normal, `[window]`."""


class GeneratorDraws:
    """Draws from a generator."""

    def __init__(self, generator: Generator):
        self.generator = generator

    def positions(self, batch: int, window: int, frames: int) -> list[int]:
        return torch.randint(-window, frames, (batch,), generator=self.generator).tolist()

    def noise(self, window: int) -> Tensor:
        return torch.randn(window, generator=self.generator)


def pnf_langevin(
    prior: Prior,
    observation: Observation,
    x: Tensor,
    *,
    sigmas: Sequence[float],
    steps: int = 256,
    generator: Generator,
    condition: AnyCondition | None = None,
    window: int = 20000,
    batch: int = 2,
    step_scale: float = 0.05,
    draws: Draws | None = None,
) -> Iterator[Iterate]:
    """PnF's stochastic dynamics (sec. 3.3): every update moves random windows, eta = step_scale * level^2.

    A window is a sequence of its own; all windows of an update read the same x and add up where they overlap. Given a
    spectrogram they stand on its frames, and the first sample of each is the past of the others.

    Args:
        x: start of the chain, [batch, frames], in the prior's domain; given a spectrogram one sample longer than it.
        sigmas: noise levels, coarse to fine; PnF has one network for each.
        steps: updates of every sample at each level, on average over samples far from the ends.
        window: samples of a window (PnF: 20000, 50000 for inpainting, 32000 given a spectrogram); all of a shorter x.
        batch: windows of an update (PnF: 2, and 1 for inpainting).
        step_scale: PnF: 0.05, and 0.1 given a spectrogram.
        draws: positions and noise; the generator's where not given.

    Yields:
        Iterate: after every update; `denoised` is as old as the last window that covered it.
    """
    hop, past = (condition.hop_length, 1) if isinstance(condition, MelCondition) else (1, 0)
    frames = (x.shape[1] - past) // hop
    window, draws = min(window // hop, frames), draws or GeneratorDraws(generator)
    updates = max(1, int(frames / (window * batch) * steps))
    total, done, denoised = updates * len(sigmas), 0, x
    for level in sigmas:
        eta = step_scale * level**2
        for _ in range(updates):
            starts = [min(max(j, 0), frames - window) for j in draws.positions(batch, window, frames)]
            parts = [slice(j * hop, (j + window) * hop + past) for j in starts]
            windows = torch.cat([x[:, part] for part in parts])
            score = prior.score(windows, level, _of_windows(condition, starts, window))
            soft = observation.gradient(x, level)
            moved, denoised = x.clone(), denoised.clone()
            for part, gradient in zip(parts, score.gradient.split(len(x)), strict=True):
                noise = draws.noise(window * hop + past).to(x)
                denoised[:, part] = x[:, part] + level**2 * gradient
                moved[:, part] += eta * (gradient + soft[:, part]) + math.sqrt(2 * eta) * noise
            x, done = observation.project(moved), done + 1
            log_prob = None if score.log_prob is None else score.log_prob.mean().item() / (window * hop)
            shown, residual = observation.project(denoised), observation.residual(denoised)
            yield Iterate(x, shown, level, done, total, log_prob, residual)


def _of_windows(condition: AnyCondition | None, starts: list[int], window: int):
    """A spectrogram's windows, one row each; other evidence as it is."""
    if not isinstance(condition, MelCondition):
        return condition
    windows = [condition.window(j, j + window).mel for j in starts]
    return MelCondition(torch.cat(windows), condition.hop_length, condition.padding)
