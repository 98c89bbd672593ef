"""What the importers of all original systems share: files are read safely, and refused in one sentence.

Tensors and numbers only, never code.
"""

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from torch import Tensor

from core.errors import InputError
from core.signal.json_files import read_json
from core.signal.tensor_files import load_tensors

HPARAMS = ("hparams.json", "config.json")
State = dict[str, Tensor]


@dataclass(frozen=True)
class ImportOptions:
    """What may be said of an original checkpoint beside where it is; None is not said.

    Args:
        hparams: file of the hyper-parameters; else hparams.json or config.json beside (or in) the source.
        scaler: file of the mean and scale of the mel bands (see `read_scaler`), for a WaveNet that is told a
            spectrogram; else meanvar.joblib or meanvar.npz beside (or in) the source.
        iteration: of a folder that holds several; else the last.
        average: how many files up to that iteration are averaged.
        residual: "leaky" or "clean", of DiffWave's WaveNet; see `DiffWaveConfig`.
    """

    hparams: Path | None = None
    scaler: Path | None = None
    iteration: int | None = None
    average: int | None = None
    residual: str | None = None

    def check_taken(self, *names: str) -> None:
        """Refuses what a reader that takes only these cannot use."""
        for field in fields(self):
            if field.name not in names and getattr(self, field.name) is not None:
                raise InputError(f"Checkpoints of this system have no --{field.name}; leave it out.")


Reader = Callable[[Path, ImportOptions], tuple[str, dict, State]]


def load_original(path: Path) -> dict:
    """The dictionary in a PyTorch file that holds nothing but tensors and numbers."""
    try:
        if not path.is_file():
            raise FileNotFoundError
        content = load_tensors(path)
    except pickle.UnpicklingError:
        raise InputError(
            f"{path.name} holds more than weights or is damaged, so it was not opened; save its state_dict alone."
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError):
        raise InputError(f"{path.name} is no PyTorch checkpoint. Give the original .pth file.") from None
    if not isinstance(content, dict):
        raise InputError(f"{path.name} holds no dictionary of weights. Give the original .pth file.")
    return content


def read_hparams(source: Path, hparams: Path | None) -> dict:
    """The hyper-parameters of a file, else those beside (or in) the source."""
    path = hparams or beside(source, HPARAMS)
    if path is None:
        raise InputError(
            f"There are no hyper-parameters beside {source} (hparams.json or config.json). Give --hparams FILE."
        )
    try:
        content = read_json(path)
    except (OSError, ValueError):
        raise InputError(f"{path} is no readable JSON file of hyper-parameters.") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} does not hold hyper-parameters by name.")
    return content


def beside(source: Path, names: tuple[str, ...]) -> Path | None:
    """The first file of these names in the source, where it is a folder, or beside it."""
    folders = [source, source.parent] if source.is_dir() else [source.parent]
    candidates = (folder / name for folder in folders for name in names)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def whole_number(hparams: dict, name: str, largest: float = math.inf) -> int:
    """A hyper-parameter that must be one of 1 to `largest`."""
    value = hparams.get(name)
    if type(value) is not int or not 1 <= value <= largest:
        found = f"{name} = {value!r}" if name in hparams else f"no {name}"
        limits = "of at least 1" if largest == math.inf else f"of 1 to {largest}"
        raise InputError(f"The hyper-parameters have {found}, not a number {limits}; give the original's own.")
    return value


def check_shapes(path: Path, state: State, expected: State) -> None:
    """Refuses weights that are not those of the network that the hyper-parameters describe."""
    for key in sorted(expected.keys() | state.keys()):
        found, wanted = (tuple(s[key].shape) if key in s else None for s in (state, expected))
        if found != wanted:
            raise InputError(
                f"{path.name} does not fit its hyper-parameters ({key} is {found}, not {wanted}); "
                "choose those it was trained with."
            )


def unnormalised(state: State, name: str) -> Tensor:
    """The weight g * v / ||v|| of a weight-normalised layer, the norm over every axis but the first; differentiable."""
    v, g = state[f"{name}.weight_v"], state[f"{name}.weight_g"]
    return v * (g / v.flatten(1).norm(dim=1).view(-1, *(1,) * (v.dim() - 1)))


def as_linear(state: State, name: str) -> tuple[Tensor, Tensor]:
    """A weight-normalised convolution `[out, in, taps]` as a linear layer `[out, taps * in]` over taps side by side,
    and its bias; differentiable."""
    return unnormalised(state, name).permute(0, 2, 1).flatten(1), state[f"{name}.bias"]
