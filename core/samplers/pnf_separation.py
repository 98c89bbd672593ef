"""PnF's annealed Langevin dynamics for several sources (Jayaram & Thickstun 2021, sec. 4.2), as the original runs it.

Beside `pnf_langevin` it has borders: every source goes on into noise at both ends, so that windows at the ends
have a context, and the gradient of a window is felt by the context, too.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core.samplers.pnf import Draws, GeneratorDraws
from core.types import AnyCondition, Iterate, Observation, Prior

BORDER_CENTRE = 127.0  # what the original calls silence; the classes' own zero is 127.5


def pnf_separation(
    prior: Prior,
    observation: Observation,
    x: Tensor,
    *,
    sigmas: Sequence[float],
    steps: int = 256,
    generator: Generator,
    border: int,
    condition: AnyCondition | None = None,
    window: int = 20000,
    batch: int = 2,
    step_scale: float = 0.05,
    draws: Draws | None = None,
) -> Iterator[Iterate]:
    """Moves random windows of all sources at once, eta = step_scale * level^2.

    Windows that overlap share one gradient, the sum of theirs, and each of them adds it.

    Args:
        x: start of the chain in linear classes, [rows, border + frames + border].
        observation: of the part between the borders.
        sigmas: noise levels, coarse to fine; PnF has one network for each.
        steps: updates of every sample at each level, on average over samples far from the ends.
        border: samples at each end that are noise around silence, drawn anew for every update.
        window, batch: samples of a window and windows of an update (PnF: 20000 and 2).
        draws: positions and noise; the generator's where not given.

    Yields:
        Iterate: after every update, borders included; `denoised` is as old as the last window that covered it.
    """
    frames = x.shape[1] - 2 * border
    inside, window, draws = slice(border, border + frames), min(window, frames), draws or GeneratorDraws(generator)
    updates = max(1, int(frames / (window * batch) * steps))
    total, done, denoised = updates * len(sigmas), 0, x
    for level in sigmas:
        eta = step_scale * level**2
        for _ in range(updates):
            starts = [min(max(j, 0), frames - window) for j in draws.positions(batch, window, frames)]
            x = _with_new_borders(x, border, level, draws)
            # windows start at `border` in x, and are seen with as much on each side
            seen = [slice(j, j + window + 2 * border) for j in starts]
            score = prior.score(torch.cat([x[:, part] for part in seen]), level, condition)
            gradient = torch.zeros_like(x)
            for part, own in zip(seen, score.gradient.split(len(x)), strict=True):
                gradient[:, part] += own
            soft = torch.zeros_like(x)
            soft[:, inside] = observation.gradient(x[:, inside], level)
            moved, denoised = x.clone(), denoised.clone()
            for j in starts:
                part = slice(j + border, j + border + window)
                noise = torch.stack([draws.noise(window) for _ in x]).to(x)
                denoised[:, part] = x[:, part] + level**2 * gradient[:, part]
                moved[:, part] += eta * (gradient + soft)[:, part] + math.sqrt(2 * eta) * noise
            x, done = moved, done + 1
            log_prob = None if score.log_prob is None else score.log_prob.mean().item() / window
            yield Iterate(x, denoised, level, done, total, log_prob, observation.residual(denoised[:, inside]))


def pnf_separation_between_borders(
    prior: Prior, observation: Observation, x: Tensor, *, border: int, **settings
) -> Iterator[Iterate]:
    """`pnf_separation` of x `[rows, frames]` without borders: they are put around it, and left out of the iterates."""
    padded, inside = F.pad(x, (border, border), value=BORDER_CENTRE), slice(border, border + x.shape[1])
    for iterate in pnf_separation(prior, observation, padded, border=border, **settings):
        yield replace(iterate, x=iterate.x[:, inside], denoised=iterate.denoised[:, inside])


def _with_new_borders(x: Tensor, border: int, level: float, draws: Draws) -> Tensor:
    x = x.clone()
    for row in x:
        row[:border] = BORDER_CENTRE + level * draws.noise(border).to(x)
        row[len(row) - border :] = BORDER_CENTRE + level * draws.noise(border).to(x)
    return x
