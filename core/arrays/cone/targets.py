"""Training data of the Cone of Silence: a mixture, and the voices inside a window of angles as its target."""

import numpy as np
import torch
from torch import Tensor

from core.arrays.geometry import ArrayGeometry
from core.arrays.steering import align, sample_shifts


def training_pair(
    sources: Tensor, directions, angle: float, window: float, geometry: ArrayGeometry, sample_rate: int
) -> tuple[Tensor, Tensor]:
    """A mixture aligned to an angle, and the voices inside the window around it (Cone of Silence, sec. 3.2).

    As in the original code, distances are not taken around the circle: no window of the search reaches over pi. An
    array of two microphones cannot tell a direction from its mirror image, so both count.

    Args:
        sources: images of the voices, then of any other sources, `[sources, mics, frames]`.
        directions: of the voices in radians, in (-pi, pi].
        angle, window: centre and width of the window in radians.
        sample_rate: of the sources, in Hz.

    Returns:
        Mixture and target, both `[mics, frames]`.
    """
    directions = np.asarray(directions, dtype=np.float64)
    inside = np.abs(directions - angle) < window / 2
    if geometry.count == 2:
        inside |= np.abs(-directions - angle) < window / 2
    aligned = align(sources, sample_shifts(geometry, angle, sample_rate))
    return aligned.sum(dim=0), aligned[: len(directions)][torch.from_numpy(inside)].sum(dim=0)
