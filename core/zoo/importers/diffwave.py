"""DiffWave (`diffwave_wavenet`, Kong et al. 2021): the authors' code, and both branches of the SaShiMi repository."""

from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

from core.choices import RESIDUALS
from core.errors import InputError
from core.models.diffwave import DiffWave, DiffWaveConfig
from core.zoo.importers.originals import ImportOptions, State, as_linear, check_shapes, unnormalised
from core.zoo.importers.waveform_diffusions import Described, describe, mean_of, read_weights

BLOCKS = "residual_layer.residual_blocks"
LARGEST_CYCLE = 16
TAKEN_AS = {  # leaky -> what is said where nobody said which; the weights do not show it
    True: "Taken as trained with the leaky residual, as those of DiffWave's authors are; else choose --residual clean.",
    False: "Taken as trained with the clean residual of the branch master; the weights that are published in the "
    "branch checkpoints need --residual leaky.",
}


def read_diffwave(source: Path, options: ImportOptions) -> tuple[str, dict, State]:
    """Architecture, configuration and weights of an original network; arguments as in `read_original`."""
    options.check_taken("hparams", "iteration", "average", "residual")
    path, states = read_weights(source, options)
    described = describe(source, options, states[0])
    if described.backbone != "wavenet":
        raise InputError(f"This is {described.backbone:.40}, no WaveNet; for SaShiMi choose --system diffwave_sashimi.")
    sizes = _sizes(described, options.residual)
    folded = mean_of([_fold(path, state) for state in states])
    with torch.device("meta"):
        check_shapes(path, folded, DiffWave(sizes).state_dict())
    return "diffwave", {**asdict(sizes), **described.config}, folded


def fold_diffwave(state: State) -> State:
    """The weight-normalised convolutions as our linear layers; differentiable.

    Raises:
        KeyError: a weight is missing.
    """
    linear, folded = partial(as_linear, state), {}
    names = {"first": "init_conv.0.conv", "head": "final_conv.0.conv"}
    plain = {"embed.layers.0": "residual_layer.fc_t1", "embed.layers.2": "residual_layer.fc_t2"}
    for n in _numbers(state, BLOCKS):
        plain[f"layers.{n}.step"] = f"{BLOCKS}.{n}.fc_t"
        names[f"layers.{n}.gates"] = f"{BLOCKS}.{n}.dilated_conv_layer.conv"
        residual, skip = linear(f"{BLOCKS}.{n}.res_conv"), linear(f"{BLOCKS}.{n}.skip_conv")
        for part, pair in zip(("weight", "bias"), zip(residual, skip, strict=True), strict=True):
            folded[f"layers.{n}.outputs.{part}"] = torch.cat(pair)
        folded |= fold_mel(state, f"{BLOCKS}.{n}", f"layers.{n}.mel")
    return folded | fold_layers(state, names, plain)


def fold_layers(state: State, normed: dict[str, str], plain: dict[str, str]) -> State:
    """Layers by our names from theirs, with and without weight norm, and the last convolution, which has none."""
    folded = {}
    for ours, theirs in normed.items():
        folded[f"{ours}.weight"], folded[f"{ours}.bias"] = as_linear(state, theirs)
    for ours, theirs in plain.items():
        folded[f"{ours}.weight"], folded[f"{ours}.bias"] = state[f"{theirs}.weight"], state[f"{theirs}.bias"]
    last = "final_conv.2.conv"
    return folded | {"noise.weight": state[f"{last}.weight"].flatten(1), "noise.bias": state[f"{last}.bias"]}


def fold_mel(state: State, block: str, ours: str) -> State:
    """What a block adds of a spectrogram; nothing where it is told none."""
    if f"{block}.mel_conv.conv.weight_v" not in state:
        return {}
    folded = {}
    for n in _numbers(state, f"{block}.upsample_conv2d"):
        stage = f"{block}.upsample_conv2d.{n}"
        folded[f"{ours}.upsample.stages.{n}.weight"] = unnormalised(state, stage)
        folded[f"{ours}.upsample.stages.{n}.bias"] = state[f"{stage}.bias"]
    folded[f"{ours}.linear.weight"], folded[f"{ours}.linear.bias"] = as_linear(state, f"{block}.mel_conv.conv")
    return folded


def _numbers(state: State, start: str) -> Iterable[int]:
    """Of the layers in a list."""
    return sorted({int(key[len(start) + 1 :].split(".")[0]) for key in state if key.startswith(f"{start}.")})


def _fold(path: Path, state: State) -> State:
    try:
        return fold_diffwave(state)
    except KeyError as missing:
        raise InputError(f"{path.name} lacks the weight {missing}, so it is no DiffWave with a WaveNet.") from None
    except (RuntimeError, IndexError, ValueError):
        raise InputError(f"{path.name} has weights of the wrong shape for a DiffWave.") from None


def _sizes(described: Described, residual: str | None) -> DiffWaveConfig:
    if residual not in (None, *RESIDUALS):
        raise InputError(f"The residual is leaky or clean, not {residual:.40}.")
    return DiffWaveConfig(
        layers=described.whole("num_res_layers", 1024),
        cycle=described.whole("dilation_cycle", LARGEST_CYCLE),
        residual=described.whole("res_channels"),
        skip=described.whole("skip_channels"),
        embedding=described.embedding,
        bands=described.bands,
        upsampling=described.upsampling,
        leaky=residual == "leaky" if residual else described.by_authors,
    )
