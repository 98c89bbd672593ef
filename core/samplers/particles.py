"""Particles: several draws that go on side by side, of which those are given up that what is known speaks against
(Gordon et al. 1993)."""

import torch
from torch import Tensor

FEW = 0.5  # effective share of the particles at which they are resampled


def effective_share(log_weights: Tensor) -> float:
    """Of how many equal weights there would be as much variance, over their number."""
    shares = log_weights.double().softmax(0)
    return 1 / (len(shares) * shares.square().sum().item())


def resampled(log_weights: Tensor, uniform: float) -> Tensor:
    """Rows in proportion to their weights, from one random number in [0, 1) (systematic resampling, Kitagawa 1996)."""
    reached = log_weights.double().softmax(0).cumsum(0)
    places = (torch.arange(len(reached), device=reached.device) + uniform) / len(reached) * reached[-1]
    return torch.searchsorted(reached, places, right=True).clamp_max(len(reached) - 1)
