"""A trained network as the search uses it: separates the voices inside windows of angles."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from core.arrays.steering import PreShift, Steering
from core.models.cone import ConeConfig, ConeNetwork
from core.models.cone_mask import ConeMask, ConeMaskConfig

RECORDINGS = ("array", "sample_rate", "pre_shift")  # keys of a configuration that describe the training data

ConeModel = ConeNetwork | ConeMask
SeparateWindows = Callable[[Sequence[float], Sequence[int]], Tensor]


def encode_mixture(network: ConeModel, mixture: Tensor, steering: Steering) -> SeparateWindows:
    """Encodes a mixture `[mics, frames]`, of which any windows can then be separated.

    Returns:
        A function of windows' centres, in radians, and the numbers of their widths: the voices inside each window,
        aligned to its centre, `[windows, mics, frames]`. `ConeMask` encodes the mixture once; `ConeNetwork` has no
        such encoder and is run for every window.
    """

    def window_by_window(angles: Sequence[float], widths: Sequence[int]) -> Tensor:
        return network(steering.towards(mixture, angles), torch.tensor(widths, device=mixture.device))

    if isinstance(network, ConeNetwork):
        return window_by_window
    encoding = network.encode(mixture[None])

    def separate(angles: Sequence[float], widths: Sequence[int]) -> Tensor:
        delays = torch.as_tensor(steering.delays(np.asarray(angles)), dtype=torch.float32, device=mixture.device)
        return network.separate(encoding, delays[None], torch.tensor(widths, device=mixture.device)[None])[0]

    return separate


class ConeSeparator:
    """A separation network, `ConeNetwork` or `ConeMask`, and the data it was trained for.

    Args:
        name: of the checkpoint.
        network: on the device that computes.
        array: name of the geometry.
        sample_rate: of the training data, in Hz.
        pre_shift: how their channels were aligned; mixtures should be aligned in the same way.
    """

    def __init__(self, name: str, network: ConeModel, array: str, sample_rate: int, pre_shift: PreShift = "original"):
        self.name, self.array, self.sample_rate, self.pre_shift = name, array, sample_rate, pre_shift
        self.network = network.eval().requires_grad_(False)

    @property
    def levels(self) -> int:
        """How many widths of windows it was trained with, from 90 degrees down."""
        return self.network.config.windows

    @property
    def microphones(self) -> int:
        return self.network.config.microphones

    def encode(self, mixture: Tensor, steering: Steering) -> Callable[[Sequence[float], int], Tensor]:
        """As `encode_mixture`, for windows of one width; the voices are on the mixture's device and at its level."""
        separate = encode_mixture(self.network, mixture.float().to(next(self.network.parameters()).device), steering)
        return lambda angles, level: separate(angles, [level] * len(angles)).to(mixture.device)


def build(architecture: str, sizes: dict) -> ConeModel:
    """A fresh network: "cone" from fields of `ConeConfig`, "cone-mask" from fields of `ConeMaskConfig`."""
    return ConeMask(ConeMaskConfig(**sizes)) if architecture == "cone-mask" else ConeNetwork(ConeConfig(**sizes))


def from_checkpoint(
    name: str, config: dict, state: dict[str, Tensor], device: torch.device | str, architecture: str = "cone"
) -> ConeSeparator:
    """A separator from a checkpoint's configuration (fields of the network's and of `ConeSeparator`) and weights."""
    recordings = {key: config[key] for key in RECORDINGS if key in config}
    network = build(architecture, {key: value for key, value in config.items() if key not in RECORDINGS})
    network.load_state_dict(state)
    return ConeSeparator(name, network.to(device), **recordings)
