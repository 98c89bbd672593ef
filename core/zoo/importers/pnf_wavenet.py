"""PnF (`pnf_wavenet`, Jayaram & Thickstun 2021): r9y9's wavenet_vocoder layout.

Weight norm as g * v / ||v||, convolutions `[out, in, taps]`; a folder has one sub-folder per noise level
(`checkpoints175pt9/checkpoint_latest_ema.pth`).
"""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from core.errors import InputError
from core.models.wavenet import WaveNet, WaveNetConfig
from core.priors.wavenet import LEVELS
from core.signal.mel import FRONT_ENDS
from core.zoo.importers.originals import (
    ImportOptions,
    State,
    as_linear,
    beside,
    check_shapes,
    load_original,
    read_hparams,
    unnormalised,
    whole_number,
)
from core.zoo.importers.scalers import read_scaler

LEVEL_FILE = "checkpoint_latest_ema.pth"
PNF_DOMAINS = {"mulaw-quantize": "mu-law", "linear-quantize": "linear"}
UPSAMPLING = "upsample_net.upsample.up_layers."


def fold_pnf(state: State) -> State:
    """r9y9's weight-normalised convolutions as our linear layers; differentiable.

    Raises:
        KeyError: a weight is missing.
    """

    linear, folded = partial(as_linear, state), {}
    names = {"first": "first_conv", "head": "last_conv_layers.1", "logits": "last_conv_layers.3"}
    layers = {int(key.split(".")[1]) for key in state if key.startswith("conv_layers.")}
    for n in range(max(layers, default=-1) + 1):
        names[f"layers.{n}.gates"] = f"conv_layers.{n}.conv"
        residual, skip = linear(f"conv_layers.{n}.conv1x1_out"), linear(f"conv_layers.{n}.conv1x1_skip")
        folded[f"layers.{n}.outputs.weight"] = torch.cat([residual[0], skip[0]])
        folded[f"layers.{n}.outputs.bias"] = torch.cat([residual[1], skip[1]])
        if f"conv_layers.{n}.conv1x1c.weight_v" in state:
            folded[f"layers.{n}.local.weight"] = unnormalised(state, f"conv_layers.{n}.conv1x1c").flatten(1)
    for ours, theirs in names.items():
        folded[f"{ours}.weight"], folded[f"{ours}.bias"] = linear(theirs)
    if "upsample_net.conv_in.weight" in state:
        folded["upsample.frames.weight"] = state["upsample_net.conv_in.weight"]
        bands = len(folded["upsample.frames.weight"])
        folded["upsample.mean"], folded["upsample.scale"] = torch.zeros(bands), torch.ones(bands)
        smooth = [key.removesuffix(".weight_v") for key in state if key.startswith(UPSAMPLING) and key.endswith("_v")]
        for n, name in enumerate(sorted(smooth, key=lambda name: int(name.rpartition(".")[2]))):
            folded[f"upsample.smooth.{n}.weight"] = unnormalised(state, name)
    return folded


def read_pnf(source: Path, options: ImportOptions) -> tuple[str, dict, State]:
    """Architecture, configuration and weights of one original network or of PnF's ladder; see `read_original`."""
    options.check_taken("hparams", "scaler")
    hparams = read_hparams(source, options.hparams)
    sizes, config = _pnf_config(hparams)
    scaler, scales = options.scaler or beside(source, ("meanvar.joblib", "meanvar.npz")), {}
    if sizes.bands and scaler is not None:
        read = read_scaler(scaler, sizes.bands)
        scales = {"upsample.mean": torch.from_numpy(read.mean), "upsample.scale": torch.from_numpy(read.scale)}
        scales = {name: bands.float() for name, bands in scales.items()}
        config |= _pnf_front_end(hparams)
    if source.is_file():
        return "wavenet", config, _read_pnf_file(source, sizes) | scales
    state = {}
    for level, path in _pnf_levels(source).items():
        weights = _read_pnf_file(path, sizes) | scales
        state |= {f"{level}/{key}": weight for key, weight in weights.items()}
    return "wavenet-ladder", config, state


def _pnf_config(hparams: dict) -> tuple[WaveNetConfig, dict]:
    """Sizes of the network, and our configuration: these with sample rate and domain."""
    sizes = WaveNetConfig(
        layers=whole_number(hparams, "layers"),
        stacks=whole_number(hparams, "stacks"),
        residual=whole_number(hparams, "residual_channels"),
        gate=whole_number(hparams, "gate_channels"),
        skip=whole_number(hparams, "skip_out_channels"),
        kernel_size=whole_number(hparams, "kernel_size"),
        classes=whole_number(hparams, "quantize_channels"),
        **_pnf_condition(hparams),
    )
    if sizes.layers % sizes.stacks or sizes.gate % 2:
        raise InputError("The hyper-parameters need layers that are a multiple of stacks, and even gate_channels.")
    if (hparams.get("gin_channels") or 0) > 0:
        raise InputError("This WaveNet is told a speaker (gin_channels), which none of PnF's is.")
    domain = PNF_DOMAINS.get(hparams.get("input_type"))
    if domain is None or not hparams.get("manual_scalar_input"):
        raise InputError("This WaveNet does not take class indices as one scalar channel, as all of PnF's do.")
    return sizes, {**asdict(sizes), "sample_rate": whole_number(hparams, "sample_rate"), "domain": domain}


def _pnf_condition(hparams: dict) -> dict:
    """Sizes of the upsampling network of a WaveNet that is told a spectrogram; none for others."""
    if (hparams.get("cin_channels") or 0) <= 0:
        return {}
    scales = (hparams.get("upsample_params") or {}).get("upsample_scales")
    if not isinstance(scales, list) or not scales or not all(type(s) is int and 1 <= s <= 64 for s in scales):
        raise InputError("This WaveNet is told a spectrogram, but its hyper-parameters have no upsample_scales.")
    padding = hparams.get("cin_pad", 0)
    if type(padding) is not int or not 0 <= padding <= 64:
        raise InputError(f"The hyper-parameters have cin_pad = {padding!r}, not a number of frames.")
    return {"bands": whole_number(hparams, "cin_channels"), "frame_padding": padding, "upsampling": scales}


def _pnf_front_end(hparams: dict) -> dict:
    """The name of the front-end that the hyper-parameters describe, where it is one of ours."""
    known = FRONT_ENDS["pnf"]
    wanted = {
        "sample_rate": known.sample_rate,
        "fft_size": known.window_length,
        "hop_size": known.hop_length,
        "num_mels": known.bands,
        "fmin": known.lowest_hz,
        "fmax": known.highest_hz,
    }
    return {"front_end": "pnf"} if all(hparams.get(name) == value for name, value in wanted.items()) else {}


def _read_pnf_file(path: Path, sizes: WaveNetConfig) -> State:
    state = load_original(path).get("state_dict")
    if not isinstance(state, dict) or not all(isinstance(weight, Tensor) for weight in state.values()):
        raise InputError(f"{path.name} has no state_dict of weights. Give an original PnF checkpoint.")
    if any("conv1x1c" in key for key in state) != bool(sizes.bands):
        raise InputError(f"{path.name} and its hyper-parameters disagree about a spectrogram (cin_channels).")
    try:
        folded = fold_pnf(state)
    except KeyError as missing:
        raise InputError(f"{path.name} lacks the weight {missing}, so it is no PnF WaveNet.") from None
    except (RuntimeError, IndexError, ValueError):
        raise InputError(f"{path.name} has weights of the wrong shape for a PnF WaveNet.") from None
    check_shapes(path, folded, WaveNet(sizes).state_dict())
    return folded


def _pnf_levels(folder: Path) -> dict[float, Path]:
    """Level -> file of PnF's folder, coarse to fine: `checkpoints10pt5` holds level 10.5."""
    files = {level: folder / f"checkpoints{_points(level)}" / LEVEL_FILE for level in LEVELS}
    missing = [_points(level) for level, path in files.items() if not path.is_file()]
    if missing:
        raise InputError(
            f"{folder} lacks {LEVEL_FILE} for {len(missing)} of PnF's {len(LEVELS)} noise levels: {', '.join(missing)}."
        )
    return files


def _points(level: float) -> str:
    return str(float(level)).replace(".", "pt")
