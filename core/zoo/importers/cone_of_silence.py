"""Cone of Silence (`cone_of_silence`): a bare state dict, with `config.json` beside it where sizes differ.

Jenrungrot et al. 2020. Biases of the window are convolutions of one tap there (`gc_embed`), linear layers here; the
last level of the decoder has one that is never used, which is left out.
"""

import re
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from core.arrays.angles import WINDOWS
from core.arrays.geometry import MOST_MICROPHONES
from core.errors import InputError
from core.models.cone import ConeConfig, ConeNetwork
from core.signal.limits import LIMITS
from core.zoo.importers.originals import (
    HPARAMS,
    ImportOptions,
    State,
    beside,
    check_shapes,
    load_original,
    read_hparams,
    whole_number,
)

SAMPLE_RATE = 44100  # of the published networks
PUBLISHED_ARRAYS = {4: "respeaker-4", 6: "circle-6"}
SIZES = {  # the original's name: ours, and the largest that is believed
    "n_audio_channels": ("microphones", MOST_MICROPHONES),
    "window_conditioning_size": ("windows", 64),
    "kernel_size": ("kernel_size", 1024),
    "stride": ("stride", 1024),
    "context": ("context", 1024),
    "depth": ("depth", 16),
    "channels": ("channels", 4096),
    "lstm_layers": ("lstm_layers", 16),
}
LARGEST_GROWTH = 4.0
WIDEST = 2**16  # channels of a level
FIRST_WEIGHT = "encoder.0.conv1.weight"
LAYERS = {
    "encoder": {"conv1": "conv", "gc_embed1": "window", "conv2": "gates", "gc_embed2": "gates_window"},
    "decoder": {"conv1": "gates", "gc_embed1": "gates_window", "conv2": "conv", "gc_embed2": "window"},
}
LAYER = re.compile(r"(encoder|decoder)\.(\d+)\.(conv1|conv2|gc_embed1|gc_embed2)\.(weight|bias)")


def read_cone(source: Path, options: ImportOptions) -> tuple[str, dict, State]:
    """Architecture, configuration and weights of an original network; arguments as in `read_original`."""
    options.check_taken("hparams")
    state = load_original(source)
    if not all(isinstance(key, str) and isinstance(weight, Tensor) for key, weight in state.items()):
        raise InputError(
            f"{source.name} is no bare state dict of Cone of Silence; save the network's state_dict alone."
        )
    if FIRST_WEIGHT not in state or state[FIRST_WEIGHT].dim() != 3:
        raise InputError(f"{source.name} lacks the weight {FIRST_WEIGHT!r}, so it is no network of Cone of Silence.")
    described = options.hparams or beside(source, HPARAMS)
    hparams = {"n_audio_channels": state[FIRST_WEIGHT].shape[1]}
    hparams |= read_hparams(source, options.hparams) if described else {}
    sizes = _sizes(hparams)
    state = translate(state)
    with torch.device("meta"):
        check_shapes(source, state, ConeNetwork(sizes).state_dict())
    return "cone", {**asdict(sizes), **_recordings(hparams, sizes.microphones)}, state


def translate(state: State) -> State:
    """Original weights under our names; differentiable. Unknown ones keep theirs."""
    last = max((int(found[2]) for found in map(LAYER.fullmatch, state) if found and found[1] == "decoder"), default=-1)
    unused = f"decoder.{last}.gc_embed2."
    return {_our_name(key): _our_weight(key, weight) for key, weight in state.items() if not key.startswith(unused)}


def _our_name(key: str) -> str:
    found = LAYER.fullmatch(key)
    if found is None:
        return key
    part, level, layer, kind = found.groups()
    return f"{part}.{level}.{LAYERS[part][layer]}.{kind}"


def _our_weight(key: str, weight: Tensor) -> Tensor:
    """A convolution of one tap, `[out, in, 1]`, as a linear layer `[out, in]`."""
    return weight.flatten(1) if "gc_embed" in key and key.endswith("weight") else weight


def _sizes(hparams: dict) -> ConeConfig:
    """Sizes of the network; those that are not given are the published ones."""
    sizes = {ours: whole_number(hparams, name, most) for name, (ours, most) in SIZES.items() if name in hparams}
    growth = hparams.get("growth", ConeConfig.growth)
    if type(growth) not in (int, float) or not 0 < growth <= LARGEST_GROWTH:
        raise InputError(f"The hyper-parameters have growth = {growth!r}, not a number of up to {LARGEST_GROWTH:g}.")
    config = ConeConfig(**sizes, growth=float(growth))
    if config.windows != len(WINDOWS):
        raise InputError(f"This network knows {config.windows} widths of windows; the search needs {len(WINDOWS)}.")
    if not all(1 <= width <= WIDEST for width in config.widths):
        raise InputError("The hyper-parameters give levels without channels or with far too many; check the growth.")
    return config


def _recordings(hparams: dict, microphones: int) -> dict:
    """Rate and array that the network was trained for: those of the hyper-parameters, else the published ones."""
    sample_rate = hparams.get("sample_rate", SAMPLE_RATE)
    if type(sample_rate) is not int or not LIMITS.lowest_rate <= sample_rate <= LIMITS.highest_rate:
        raise InputError(f"The hyper-parameters have sample_rate = {sample_rate!r}, not a rate in Hz.")
    array = hparams.get("array", PUBLISHED_ARRAYS.get(microphones, ""))
    if not isinstance(array, str):
        raise InputError(f"The hyper-parameters have array = {array!r}, not the name of one.")
    return {"sample_rate": sample_rate, "array": array}
