"""A checkpoint file: safetensors whose metadata say which architecture it holds and with which configuration."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.errors import InputError
from core.zoo.eight_bits import from_eight_bits


@dataclass(frozen=True)
class Checkpoint:
    """architecture: what builds it. config: its sizes. state: name -> tensor, float32."""

    architecture: str
    config: dict
    state: dict[str, Tensor]


def save_checkpoint(path: Path, architecture: str, config: dict, state: dict[str, Tensor]) -> None:
    """Writes a checkpoint under a temporary name, then renames it."""
    temporary = path.with_name(path.name + ".tmp")
    tensors = {name: tensor.contiguous() for name, tensor in state.items()}
    save_file(tensors, temporary, metadata={"architecture": architecture, "config": json.dumps(config)})
    os.replace(temporary, path)


def load_checkpoint(path: Path, *parts: Path) -> Checkpoint:
    """Reads a checkpoint, and the files that hold further networks of it; half precision and eight bits become float32.

    A further network of another architecture adds its configuration under that name, which its weights are prefixed
    with.

    Raises:
        InputError: not a safetensors file, or without the metadata that Resound writes.
    """
    (architecture, config, state), *further = (_read(file) for file in (path, *parts))
    for kind, sizes, weights in further:
        if kind != architecture:
            config, weights = config | {kind: sizes}, {f"{kind}.{name}": tensor for name, tensor in weights.items()}
        state |= weights
    return Checkpoint(
        architecture, config, {name: t.float() if t.is_floating_point() else t for name, t in state.items()}
    )


def _read(path: Path) -> tuple[str, dict, dict[str, Tensor]]:
    try:
        if not path.is_file():  # nor a device or a pipe, which may never end
            raise FileNotFoundError
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = from_eight_bits({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        config = json.loads(metadata["config"])
        if not isinstance(config, dict):
            raise ValueError("the configuration has no names")
        return metadata["architecture"], config, state
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError):
        raise InputError(
            f"{path.name} is no Resound checkpoint; import original files with `import-checkpoint`."
        ) from None
