"""A trained network as the search asks it: which voices come from inside a window of angles?"""

import torch
from torch import Tensor

from core.arrays.steering import PreShift
from core.models.cone import ConeConfig, ConeNetwork
from core.models.cone_mask import ConeMask, ConeMaskConfig

RECORDINGS = ("array", "sample_rate", "pre_shift")  # what a configuration says of a network's training

ConeModel = ConeNetwork | ConeMask


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

    def extract(self, mixtures: Tensor, window: int) -> Tensor:
        """The voices inside a window, `[batch, mics, frames]`, at their mixture's level and on its device.

        Args:
            mixtures: each aligned to the centre of its window, `[batch, mics, frames]`.
            window: level of the width, one for all.
        """
        device = next(self.network.parameters()).device
        windows = torch.full((len(mixtures),), window, device=device)
        return self.network(mixtures.float().to(device), windows).to(mixtures.device)


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
