"""Weights as whole numbers of eight bits: half the size of half precision, at a 250th of a row's largest weight."""

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ".row_scale"  # what the name of a weight's scale ends with
MOST = 127


def to_eight_bits(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Matrices and kernels of half precision as int8, each with a float32 scale for every row; the rest as it is."""
    stored: dict[str, Tensor] = {}
    for name, weight in state.items():
        stored[name] = weight
        if weight.dtype == torch.half and weight.dim() > 1:
            rows = weight.float().flatten(1)
            scale = (rows.abs().amax(dim=1) / MOST).clamp_min(torch.finfo(torch.float32).tiny)
            stored[name] = (rows / scale[:, None]).round().to(torch.int8).view_as(weight)
            stored[name + SCALE] = scale
    return stored


def from_eight_bits(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights again, float32 where they were whole numbers; a state without any is returned as it is.

    Raises:
        KeyError, ValueError: scales that are of no weight, or of another number of rows.
    """
    weights = {name: weight for name, weight in state.items() if not name.endswith(SCALE)}
    for name in state.keys() - weights.keys():
        stored = weights[name.removesuffix(SCALE)]
        if stored.dtype != torch.int8 or stored.dim() < 2 or state[name].shape != stored.shape[:1]:
            raise ValueError(f"{name} is of no weight of its size")
        weights[name.removesuffix(SCALE)] = stored * state[name].view(-1, *[1] * (stored.dim() - 1))
    return weights
