"""A trained network as the search asks it: which voices come from inside a window of angles?"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from core.arrays.steering import PreShift, Steering
from core.models.cone import ConeConfig, ConeNetwork
from core.models.cone_mask import ConeMask, ConeMaskConfig

RECORDINGS = ("array", "sample_rate", "pre_shift")  # what a configuration says of a network's training

ConeModel = ConeNetwork | ConeMask
Ask = Callable[[Sequence[float], Sequence[int]], Tensor]


def hear(network: ConeModel, mixture: Tensor, steering: Steering) -> Ask:
    """A function that separates a mixture `[mics, frames]`.

    Returns:
        From the windows' centres, in radians, and the numbers of their widths to the voices inside them, each aligned
        to its window's centre, `[windows, mics, frames]`. The small network encodes the mixture here, once; Cone of
        Silence's is run for every window.
    """

    def window_by_window(angles: Sequence[float], widths: Sequence[int]) -> Tensor:
        return network(steering.towards(mixture, angles), torch.tensor(widths, device=mixture.device))

    if isinstance(network, ConeNetwork):
        return window_by_window
    encoded = network.encode(mixture[None])

    def from_encoded(angles: Sequence[float], widths: Sequence[int]) -> Tensor:
        delays = torch.as_tensor(steering.delays(np.asarray(angles)), dtype=torch.float32, device=mixture.device)
        return network.separate(encoded, delays[None], torch.tensor(widths, device=mixture.device)[None])[0]

    return from_encoded


class ConeSeparator:
    """Cone of Silence's network, or the small one that stands in for it, with what is known of its training.

    Args:
        name: of the checkpoint.
        network: on the device that does the work.
        array: name of the geometry it was trained for.
        sample_rate: of its recordings, in Hz.
        pre_shift: how channels were aligned; it hears best what is aligned in the same way.
    """

    def __init__(self, name: str, network: ConeModel, array: str, sample_rate: int, pre_shift: PreShift = "original"):
        self.name, self.array, self.sample_rate, self.pre_shift = name, array, sample_rate, pre_shift
        self.network = network.eval().requires_grad_(False)

    @property
    def levels(self) -> int:
        """How many widths of windows it knows, from 90 degrees down."""
        return self.network.config.windows

    @property
    def microphones(self) -> int:
        return self.network.config.microphones

    def hear(self, mixture: Tensor, steering: Steering) -> Callable[[Sequence[float], int], Tensor]:
        """As `hear`, of windows of one width; on the mixture's device and at its level."""
        ask = hear(self.network, mixture.float().to(next(self.network.parameters()).device), steering)
        return lambda angles, level: ask(angles, [level] * len(angles)).to(mixture.device)


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
