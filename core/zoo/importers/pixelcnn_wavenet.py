"""Gated PixelCNN and WaveNet (`pixelcnn_wavenet`, rampage644/wavenet) as Chainer saves them.

A file is a flat npz without extension, `pixelcnn_1500`, or a trainer's whole snapshot, which also holds pickles: only
weights are ever read. All sizes are those of the weights. Older versions of both networks, and the WaveNet that is told
a label, are told apart by their layers.
"""

import re
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import InputError
from core.models.onehot_wavenet import OneHotWaveNet, OneHotWaveNetConfig
from core.models.pixelcnn import PixelCNN, PixelCNNConfig, colour_mask
from core.zoo.importers.originals import ImportOptions, State, check_shapes, read_hparams, whole_number

SAMPLE_RATE = 8000  # of the original's preprocessing, unless hyper-parameters say another `rate`
SNAPSHOT = "updater/model:main/predictor/"
WEIGHT = re.compile(r"(?:[a-z_0-9]+/)+[Wb]")
LARGEST_BYTES = 2**30  # of all arrays, unpacked
COLOURS = 3  # of every PixelCNN of the original
PIXEL_BLOCK, WAVE_LAYER = re.compile(r"blocks/(\d+)/"), re.compile(r"stacks/(\d+)/(\d+)/")


def read_chainer(source: Path, options: ImportOptions) -> tuple[str, dict, State]:
    """Architecture, configuration and weights of an original network; arguments as in `read_original`."""
    options.check_taken("hparams")
    weights = load_weights(source)
    try:
        architecture, config, network, state = _described(weights)
    except KeyError as missing:
        raise InputError(f"{source.name} lacks the weight {missing}, so it is neither PixelCNN nor WaveNet.") from None
    except (RuntimeError, IndexError, ValueError, AttributeError):
        raise InputError(f"{source.name} has weights of the wrong shape for a PixelCNN or WaveNet.") from None
    check_shapes(source, state, network.state_dict())
    if architecture == "onehot-wavenet":
        hparams = read_hparams(source, options.hparams) if options.hparams else {"rate": SAMPLE_RATE}
        config["sample_rate"] = whole_number(hparams, "rate")
    return architecture, config, state


def load_weights(path: Path) -> State:
    """Weights by the original's names, `conv1/W`, from a model's file or a trainer's snapshot.

    Raises:
        InputError: no npz file, or one that is damaged or over a gigabyte.
    """
    try:
        if not path.is_file():
            raise FileNotFoundError
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST_BYTES:
                raise OverflowError
        with np.load(path, allow_pickle=False) as file:
            prefix = SNAPSHOT if any(name.startswith(SNAPSHOT) for name in file.files) else ""
            names = [name for name in file.files if name.startswith(prefix)]
            own = {name.removeprefix(prefix): name for name in names}
            return {ours: _tensor(file[theirs]) for ours, theirs in own.items() if WEIGHT.fullmatch(ours)}
    except OverflowError:
        raise InputError(
            f"{path.name} takes over {LARGEST_BYTES / 2**30:g} GB unpacked; give the weights alone."
        ) from None
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        # zipfile says NotImplementedError of archives that are packed in a way it does not know
        raise InputError(f"{path.name} is no npz file of weights. Give the original file.") from None


def fold_pixelcnn(state: State) -> State:
    """The original's PixelCNN as ours; differentiable.

    Raises:
        KeyError: a weight is missing.
    """
    blocks = ["conv1", *(f"blocks/{n}" for n in _numbers(state, PIXEL_BLOCK))]
    fold = _fold_legacy if "conv1/horizontal_gate_conv/W" in state else _fold_block
    folded = {f"blocks.{n}.{key}": w for n, theirs in enumerate(blocks) for key, w in fold(state, theirs).items()}
    for ours, theirs in (("head", "conv2"), ("logits", "conv4")):
        folded |= {f"{ours}.weight": state[f"{theirs}/W"], f"{ours}.bias": state[f"{theirs}/b"]}
    return folded


def fold_wavenet(state: State) -> State:
    """The original's WaveNet as ours; differentiable.

    Raises:
        KeyError: a weight is missing.
    """
    folded = {}
    for ours, theirs in (("first", "conv1"), ("head", "conv2"), ("logits", "conv3")):
        folded |= {f"{ours}.weight": _linear(state[f"{theirs}/W"]), f"{ours}.bias": state[f"{theirs}/b"]}
    for n, (stack, layer) in enumerate(_numbers(state, WAVE_LAYER)):
        own = f"stacks/{stack}/{layer}"
        outputs = ("dense_conv", "dense_conv") if f"{own}/dense_conv/W" in state else ("res_conv", "skip_conv")
        folded[f"layers.{n}.gates.weight"] = _linear(state[f"{own}/gated_conv/W"])
        folded[f"layers.{n}.gates.bias"] = state[f"{own}/gated_conv/b"]
        folded[f"layers.{n}.outputs.weight"] = torch.cat([_linear(state[f"{own}/{conv}/W"]) for conv in outputs])
        folded[f"layers.{n}.outputs.bias"] = torch.cat([state[f"{own}/{conv}/b"] for conv in outputs])
        if f"{own}/conditioning/W" in state:
            folded[f"layers.{n}.label.weight"] = state[f"{own}/conditioning/W"]
    return folded


def _fold_block(state: State, own: str) -> State:
    """Convolutions of tanh and of sigmoid become one; the label, which both share, stands there twice."""
    pairs = {"vertical": "vertical_conv", "link": "v_to_h_conv", "horizontal": "horizontal_conv"}
    folded = {"label.weight": torch.cat([state[f"{own}/label/W"]] * 2, dim=1)}
    for ours, theirs in pairs.items():
        for kind, part in (("weight", "W"), ("bias", "b")):
            folded[f"{ours}.{kind}"] = torch.cat([state[f"{own}/{theirs}_{half}/{part}"] for half in "ts"])
    return folded | {
        "output.weight": state[f"{own}/horizontal_output/W"],
        "output.bias": state[f"{own}/horizontal_output/b"],
    }


def _fold_legacy(state: State, own: str) -> State:
    """The 1x1 layer over the horizontal gates goes into what it reads: the convolution to the left, and the masked link
    from above."""
    mix, bias = state[f"{own}/horizontal_gate_conv/W"][..., 0, 0], state[f"{own}/horizontal_gate_conv/b"]
    left, link = state[f"{own}/horizontal_conv/W"], state[f"{own}/v_to_h_conv/W"]
    mask = colour_mask(*link.shape[:2], 1, COLOURS, "A" if own == "conv1" else "B")
    unseen = left.new_zeros(*left.shape[:3], left.shape[3] + 1)  # the pixel itself, and what is right of it
    return {
        "vertical.weight": state[f"{own}/vertical_conv/W"],
        "vertical.bias": state[f"{own}/vertical_conv/b"],
        "mix.weight": state[f"{own}/vertical_gate_conv/W"],
        "mix.bias": state[f"{own}/vertical_gate_conv/b"],
        "link.weight": torch.einsum("om,mi->oi", mix, (link * mask)[..., 0, 0])[..., None, None],
        "link.bias": mix @ state[f"{own}/v_to_h_conv/b"] + bias,
        "horizontal.weight": torch.cat([torch.einsum("om,miht->oiht", mix, left), unseen], dim=-1),
        "horizontal.bias": mix @ state[f"{own}/horizontal_conv/b"],
        "output.weight": state[f"{own}/horizontal_output/W"],
        "output.bias": state[f"{own}/horizontal_output/b"],
        "label.weight": state[f"{own}/label/W"],
    }


def _described(state: State) -> tuple[str, dict, nn.Module, State]:
    """Architecture, configuration, a network without weights of these sizes, and its weights."""
    if "conv1/label/W" in state:
        folded = fold_pixelcnn(state)
        sizes = _sizes_of_pixelcnn(state)
        with torch.device("meta"):
            return "pixelcnn", asdict(sizes), PixelCNN(sizes), folded
    folded = fold_wavenet(state)
    sizes = _sizes_of_wavenet(state)
    with torch.device("meta"):
        return "onehot-wavenet", asdict(sizes), OneHotWaveNet(sizes), folded


def _sizes_of_pixelcnn(state: State) -> PixelCNNConfig:
    legacy = "conv1/horizontal_gate_conv/W" in state
    return PixelCNNConfig(
        levels=len(state["conv4/W"]) // COLOURS,
        colours=COLOURS,
        width=len(state["conv1/horizontal_output/W"]),
        blocks=len(_numbers(state, PIXEL_BLOCK)),
        head=len(state["conv2/W"]),
        labels=len(state["conv1/label/W"]),
        blind_first=True,
        legacy=legacy,
    )


def _sizes_of_wavenet(state: State) -> OneHotWaveNetConfig:
    layers = _numbers(state, WAVE_LAYER)
    stacks = 1 + max(stack for stack, _ in layers)
    told = state.get("stacks/0/0/conditioning/W")
    return OneHotWaveNetConfig(
        levels=len(state["conv3/W"]),
        width=len(state["conv1/W"]),
        head=len(state["conv2/W"]),
        stacks=stacks,
        layers=len(layers) // stacks,
        labels=0 if told is None else len(told),
        legacy=state["conv1/W"].shape[1] == 1,
    )


def _linear(weight: Tensor) -> Tensor:
    """A convolution `[out, in, 1, taps]` as a linear layer over taps side by side."""
    return weight[:, :, 0].permute(0, 2, 1).flatten(1)


def _numbers(state: State, pattern: re.Pattern) -> list:
    """Of the layers in a list, in order: one number each, or a pair."""
    found = {tuple(map(int, match.groups())) for key in state if (match := pattern.match(key))}
    return [number if len(number) > 1 else number[0] for number in sorted(found)]


def _tensor(array: np.ndarray) -> Tensor:
    if array.dtype.kind != "f":
        raise ValueError("not real numbers")
    return torch.from_numpy(array.astype(np.float32))
