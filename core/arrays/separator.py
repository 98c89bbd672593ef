"""A trained network as the search asks it: which voices come from inside a window of angles?"""

import torch
from torch import Tensor

from core.arrays.steering import PreShift
from core.models.cone import ConeConfig, ConeNetwork


class ConeSeparator:
    """Cone of Silence's network, with what is known of the recordings it was trained for.

    Args:
        name: of the checkpoint.
        network: on the device that does the work.
        array: name of the geometry it was trained for.
        sample_rate: of its recordings, in Hz.
        pre_shift: how channels were aligned; it hears best what is aligned in the same way.
    """

    def __init__(self, name: str, network: ConeNetwork, array: str, sample_rate: int, pre_shift: PreShift = "original"):
        self.name, self.array, self.sample_rate, self.pre_shift = name, array, sample_rate, pre_shift
        self.network = network.eval().requires_grad_(False)

    @property
    def microphones(self) -> int:
        return self.network.config.microphones

    def extract(self, mixtures: Tensor, window: int) -> Tensor:
        """The voices inside a window, `[batch, mics, frames]`, at their mixture's level and on its device.

        Args:
            mixtures: each aligned to the centre of its window, `[batch, mics, frames]`.
            window: number of the width in `WINDOWS`, one for all.
        """
        device = self.network.lstm_linear.weight.device
        windows = torch.full((len(mixtures),), window, device=device)
        return self.network(mixtures.float().to(device), windows).to(mixtures.device)


def from_checkpoint(name: str, config: dict, state: dict[str, Tensor], device: torch.device | str) -> ConeSeparator:
    """A separator from a checkpoint's configuration (fields of `ConeConfig`, `array`, `sample_rate`) and weights."""
    sizes = dict(config)
    array, sample_rate = sizes.pop("array"), sizes.pop("sample_rate")
    network = ConeNetwork(ConeConfig(**sizes))
    network.load_state_dict(state)
    return ConeSeparator(name, network.to(device), array, sample_rate)
