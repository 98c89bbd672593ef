"""Discretised mixtures of logistics (PixelCNN++, Salimans et al. 2017), and the same smoothed by noise.

A pixel in [-1, 1] stands for the 256 values of a byte: its bin reaches 1 / 255 to both sides, the first and the last
reach to infinity. A colour's mean depends on the colours before it.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

HALF_BIN = 1 / 255
EDGE = 0.999  # over which a pixel stands for the last bin
SMALLEST_LOG_SCALE = -7.0
SMALLEST_MASS = 1e-5  # of a bin, under which the density at its middle is taken instead
FLOOR = 1e-12


class LogisticMixture(NamedTuple):
    """Of every pixel: log-weights `[batch, mixtures, 1, height, width]`, means and log-scales of the colours
    `[batch, mixtures, colours, height, width]`."""

    log_weights: Tensor
    means: Tensor
    log_scales: Tensor


def mixture_of(outputs: Tensor, x: Tensor) -> LogisticMixture:
    """What a PixelCNN++ says of x `[batch, colours, height, width]`: of three colours, green's mean adds c0 * red,
    blue's c1 * red + c2 * green, the values of x itself."""
    colours = x.shape[1]
    mixtures = outputs.shape[1] // (10 if colours == 3 else 3)
    logits, rest = outputs[:, :mixtures], outputs[:, mixtures:]
    kinds = rest.unflatten(1, (colours, -1, mixtures)).unbind(2)  # each [batch, colours, mixtures, height, width]
    means, log_scales, *coefficients = (kind.transpose(1, 2) for kind in kinds)
    if coefficients:
        c0, c1, c2 = coefficients[0].tanh().unbind(2)
        red, green = x[:, None, 0], x[:, None, 1]
        means = means + torch.stack([torch.zeros_like(c0), c0 * red, c1 * red + c2 * green], dim=2)
    return LogisticMixture(logits.log_softmax(1)[:, :, None], means, log_scales.clamp(min=SMALLEST_LOG_SCALE))


def log_masses(mixture: LogisticMixture, x: Tensor) -> Tensor:
    """Natural logarithm of the mass of x's bin in every logistic, `[batch, mixtures, colours, height, width]`.

    Args:
        x: `[batch, 1, colours, height, width]`, or what broadcasts with it.
    """
    scale = (-mixture.log_scales).exp()
    middle = (x - mixture.means) * scale
    upper, lower = middle + HALF_BIN * scale, middle - HALF_BIN * scale
    mass = upper.sigmoid() - lower.sigmoid()
    density = middle - mixture.log_scales - 2 * F.softplus(middle) - math.log(127.5)
    inside = mass.clamp(min=FLOOR).log().where(mass > SMALLEST_MASS, density)
    return torch.where(x < -EDGE, F.logsigmoid(upper), torch.where(x > EDGE, F.logsigmoid(-lower), inside))


def log_prob(outputs: Tensor, x: Tensor) -> Tensor:
    """Of every pixel, all colours together: `[batch, height, width]`, in nats."""
    mixture = mixture_of(outputs, x)
    return (mixture.log_weights[:, :, 0] + log_masses(mixture, x[:, None]).sum(dim=2)).logsumexp(1)


def grid_log_prob(outputs: Tensor, x: Tensor, points: int) -> Tensor:
    """Of every colour alone at points spread evenly over [-1, 1], given the others of x: `[points, *x.shape]`.

    As the original has it: a colour's weights are the whole pixel's, and bins stay as wide as 256 points' own.
    """
    mixture = mixture_of(outputs, x)
    grid = torch.linspace(-1, 1, points, device=x.device)
    return torch.stack([(mixture.log_weights + log_masses(mixture, point)).logsumexp(1) for point in grid])


def smoothed_log_prob(outputs: Tensor, x: Tensor, sigma: float, points: int) -> Tensor:
    """Log-density of every colour of x, where noise of standard deviation sigma was added to one of the grid's points
    (PnF, eq. 6): `[batch, colours, height, width]`."""
    log_probs = grid_log_prob(outputs, x, points)
    grid = torch.linspace(-1, 1, points, device=x.device).view(-1, 1, 1, 1, 1)
    noisy = (log_probs - ((x - grid) / sigma).square() / 2).logsumexp(0)
    return noisy - log_probs.logsumexp(0) - math.log(sigma * math.sqrt(2 * math.pi))
