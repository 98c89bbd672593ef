"""Two images are drawn pixel by pixel so that they add up to their sum, by a particle filter (Gordon et al. 1993).

At every step both networks say what the next class of their own image is worth, and the sum which pairs of classes it
can be of. Particles whose past makes the next pixels of the sum unlikely are given up for copies of better ones, so
that in the end all are draws from what both networks and the sum say together.
"""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from core.models.categorical import pick
from core.models.compiled.pixelcnn import PixelCNNSteps
from core.samplers.particles import FEW, effective_share, resampled
from core.types import Iterate

Models = tuple[PixelCNNSteps, PixelCNNSteps]
IMPOSSIBLE = 1e-6  # the least density of a sum: values of a file are rounded


@torch.no_grad()
def pixel_pairs(
    models: Models, total: Tensor, *, levels: int, generator: Generator, alike: bool, chunk: int
) -> Iterator[Iterate]:
    """Draws both images, `chunk` steps between two iterates.

    Args:
        models: of the first and of the second image, with a stream for each particle, begun.
        total: the sum of both, each from 0 to 1, `[steps]`.
        levels: classes of a pixel, each an equal part of [0, 1].
        alike: whether the images may change places, as of one network: particles that have them the other way round
            are turned before they are averaged.

    Yields:
        Iterate: x is the likeliest particle and denoised the mean of all, classes of `[2, steps so far]`; `log_prob` is
        that of both images, in nats a step of each, on average over the particles.
    """
    count, steps = models[0].streams, len(total)
    drawn = torch.empty(count, 2, steps, dtype=torch.uint8 if levels <= 256 else torch.int32)
    weights, log_probs = torch.zeros(count), torch.zeros(count)
    for step, density in enumerate(pair_densities(total, levels)):
        first, second = (model.logits().log_softmax(-1) for model in models)
        joint = (first[:, :, None] + second[:, None, :] + density).flatten(1)
        weights = weights + joint.logsumexp(-1)
        pairs, _ = pick(joint, torch.rand(count, dtype=torch.float64, generator=generator))
        for n, (model, own, classes) in enumerate(zip(models, (first, second), divide(pairs, levels), strict=True)):
            model.advance(classes)
            drawn[:, n, step] = classes.to(drawn.dtype)
            log_probs = log_probs + own.gather(-1, classes[:, None])[:, 0]
        if effective_share(weights) < FEW or step == steps - 1:
            rows = resampled(weights, torch.rand((), generator=generator).item())
            for model in models:
                model.take(rows)
            drawn, log_probs, weights = drawn[rows], log_probs[rows], torch.zeros(count)
        if (step + 1) % chunk == 0 or step == steps - 1:
            best, mean = _summed_up(drawn[:, :, : step + 1].float(), log_probs, alike)
            yield Iterate(best, mean, 0.0, step + 1, steps, log_probs.mean().item() / (2 * step + 2), 0.0)


def divide(pairs: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """The two classes of numbers of pairs."""
    return pairs // levels, pairs % levels


def pair_densities(total: Tensor, levels: int) -> Iterator[Tensor]:
    """How well pairs of classes explain each sum, `[levels, levels]`: the logarithm of the density, up to a constant.

    Values are spread evenly over the part of [0, 1] that is their class's, so the sum of two has a triangular density.
    """
    classes = torch.arange(levels)
    middle = (classes[:, None] + classes + 1).float()
    for value in total.float() * levels:
        yield (1 - (value - middle).abs()).clamp(min=IMPOSSIBLE).log()


def _summed_up(drawn: Tensor, log_probs: Tensor, alike: bool) -> tuple[Tensor, Tensor]:
    """The likeliest particle of `[particles, 2, steps]` and the mean of all."""
    best = drawn[log_probs.argmax()]
    if alike:
        turned = drawn.flip(1)
        nearer = (turned - best).square().sum(dim=(1, 2)) < (drawn - best).square().sum(dim=(1, 2))
        drawn = turned.where(nearer[:, None, None], drawn)
    return best, drawn.mean(dim=0)
