"""PixelCNN++ (`pixelcnnpp`) as PnF's image priors are saved: one network, or a folder with one for each noise level.

`pcnn_input_sigma:0.05000_lr:0.00040_nr-resnet5_nr-filters160_9.pth` is fine-tuned at that level, after ten epochs;
`pcnn_lr.0.00040_..._889.pth` was trained without noise, and stands in a ladder as level 0. Files are bare state dicts,
with or without the prefix of a parallel training.
"""

import re
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from core.errors import InputError
from core.models.pixelcnnpp import PixelCNNPP, PixelCNNPPConfig
from core.zoo.importers.originals import ImportOptions, State, check_shapes, load_original, unnormalised

PARALLEL = "module."
NAMED = re.compile(r"pcnn_(?:input_sigma[:_](?P<sigma>\d+(?:\.\d+)?)_)?.*?_(?P<epoch>\d{1,9})\.pth")
LAYER = re.compile(r"\.(?:conv|deconv|lin_a)$")
UP_LAYER = re.compile(r"up_layers\.0\.u_stream\.(\d+)\.")


def read_pixelcnnpp(source: Path, options: ImportOptions) -> tuple[str, dict, State]:
    """Architecture, configuration and weights of one original network or of a ladder; see `read_original`.

    A ladder's weights are prefixed by its levels, `0.05/u_init.weight`; of several epochs the last is taken, or that of
    `iteration`.
    """
    options.check_taken("iteration")
    if source.is_file():
        if options.iteration is not None:
            raise InputError(f"{source.name} is one file; give its folder to choose an iteration.")
        sizes, state = _read(source)
        return "pixelcnnpp", asdict(sizes), state
    networks = {level: _read(path) for level, path in _levels(source, options.iteration).items()}
    sizes, *others = {sizes for sizes, _ in networks.values()}
    if others:
        raise InputError(f"{source} holds networks of several sizes; keep those of one training.")
    state = {f"{level:g}/{key}": weight for level, (_, own) in networks.items() for key, weight in own.items()}
    return "pixelcnnpp", asdict(sizes), state


def fold_pixelcnnpp(state: State) -> State:
    """Weights under our names, without weight norm; differentiable.

    Raises:
        KeyError: a weight is missing.
    """
    folded = {}
    for key in state:
        if key.endswith(".weight_v"):
            layer = key.removesuffix(".weight_v")
            ours = LAYER.sub("", layer)
            folded[f"{ours}.weight"], folded[f"{ours}.bias"] = unnormalised(state, layer), state[f"{layer}.bias"]
    return folded


def _read(path: Path) -> tuple[PixelCNNPPConfig, State]:
    original = load_original(path)
    if not all(isinstance(key, str) and isinstance(weight, Tensor) for key, weight in original.items()):
        raise InputError(f"{path.name} is no bare state dict of a PixelCNN++; save the model's state_dict alone.")
    try:
        state = fold_pixelcnnpp({key.removeprefix(PARALLEL): weight for key, weight in original.items()})
        sizes = _sizes(state)
    except KeyError as missing:
        raise InputError(f"{path.name} lacks the weight {missing}, so it is no PixelCNN++.") from None
    except (RuntimeError, IndexError, ValueError):
        raise InputError(f"{path.name} has weights of the wrong shape for a PixelCNN++.") from None
    with torch.device("meta"):
        check_shapes(path, state, PixelCNNPP(sizes).state_dict())
    return sizes, state


def _sizes(state: State) -> PixelCNNPPConfig:
    colours = state["u_init.weight"].shape[1] - 1
    if colours not in (1, 3):
        raise ValueError("colours")
    return PixelCNNPPConfig(
        blocks=len({match[1] for key in state if (match := UP_LAYER.match(key))}),
        width=len(state["u_init.weight"]),
        mixtures=len(state["nin_out.weight"]) // (10 if colours == 3 else 3),
        colours=colours,
    )


def _levels(folder: Path, epoch: int | None) -> dict[float, Path]:
    """Level -> file, coarse to fine; 0 of the network without noise."""
    found: dict[float, dict[int, Path]] = {}
    for path in folder.glob("pcnn_*.pth"):
        if named := NAMED.fullmatch(path.name):
            found.setdefault(float(named["sigma"] or 0), {})[int(named["epoch"])] = path
    if not any(level > 0 for level in found):
        raise InputError(f"{folder} holds no files of noise levels (pcnn_input_sigma:...pth); give one file itself.")
    for level, epochs in found.items():
        if epoch is not None and level > 0 and epoch not in epochs:
            raise InputError(f"{folder} has no iteration {epoch} of level {level:g}; leave it out for the last.")
    return {
        level: found[level][epoch if epoch is not None and level > 0 else max(found[level])]
        for level in sorted(found, reverse=True)
    }
