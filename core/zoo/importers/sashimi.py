"""DiffWave on a SaShiMi (`diffwave_sashimi`, Goel et al. 2022): both branches of its repository.

The S4 layers of `master` replace their C by C (I - dA^L) in their first forward pass and then save it with L; a file
from before, whose L is 0, is brought to that form here.
"""

import re
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from core.errors import InputError
from core.models.sashimi import SaShiMi, SaShiMiConfig
from core.models.state_space_kernels import cut_off
from core.zoo.importers.diffwave import fold_layers, fold_mel
from core.zoo.importers.originals import ImportOptions, State, as_linear, check_shapes
from core.zoo.importers.waveform_diffusions import Described, describe, mean_of, read_weights

PARTS = {"d_layers": "down", "c_layers": "centre", "u_layers": "up"}
LAYER = re.compile(r"([dcu]_layers)\.(\d+)\.")
STEP_CHANNELS = 512  # what its blocks take, whatever the hyper-parameters say
KERNEL, OLDER_KERNEL = "layer.kernel.kernel", "layer.kernel.krylov"
OLDER_KERNELS = (OLDER_KERNEL, "layer.kernel2.krylov")
POLES = (f"{KERNEL}.w_imag", f"{OLDER_KERNEL}.w")  # keys that tell the number of poles, of master and of checkpoints
CUT_OFF_BY = ("C", "P", "log_decay", "frequency", "log_step")
LONGEST = 2**24  # samples


def read_sashimi(source: Path, options: ImportOptions) -> tuple[str, dict, State]:
    """Architecture, configuration and weights of an original network; arguments as in `read_original`."""
    options.check_taken("hparams", "iteration", "average")
    path, states = read_weights(source, options)
    described = describe(source, options, states[0])
    if described.backbone != "sashimi":
        raise InputError(
            f"This is {described.backbone:.40}, no SaShiMi; for WaveNets choose --system diffwave_wavenet."
        )
    sizes = _sizes(described, states[0])
    folded = mean_of([_fold(path, state, sizes) for state in states])
    with torch.device("meta"):
        check_shapes(path, folded, SaShiMi(sizes).state_dict())
    return "sashimi", {**asdict(sizes), **described.config}, folded


def fold_sashimi(state: State, config: SaShiMiConfig) -> State:
    """The original's layers as ours; differentiable.

    Raises:
        KeyError: a weight is missing.
        InputError: S4 layers of another length than the stage that they stand in.
    """
    normed = {"first": "init_conv.0.conv", "head": "final_conv.0.conv"}
    plain = {"embed.layers.0": "fc_t1", "embed.layers.2": "fc_t2"}
    folded = {"norm.m": state["norm.m"], "norm.s": state["norm.s"]}
    pooling, pools = 1, [*config.pooling, *reversed(config.pooling)]
    for part, number in _layers(state):
        theirs, ours = f"{part}.{number}", f"{PARTS[part]}.{number}"
        if f"{theirs}.linear.conv.weight_v" in state:
            pool = pools.pop(0)
            pooling = pooling * pool if part == "d_layers" else pooling // pool
            folded |= _fold_pool(state, theirs, ours, pool, down=part == "d_layers")
            continue
        plain[f"{ours}.step"] = f"{theirs}.fc_t"
        normed |= {f"{ours}.feed.{n}": f"{theirs}.ff.ff.{n}.conv" for n in (0, 2)}
        folded |= {f"{ours}.{norm}": state[f"{theirs}.{norm}"] for norm in ("norm1.m", "norm1.s", "norm2.m", "norm2.s")}
        folded |= _fold_s4(state, theirs, f"{ours}.s4", config.length // pooling)
        folded |= fold_mel(state, theirs, f"{ours}.mel")
    return folded | fold_layers(state, normed, plain)


def _layers(state: State) -> list[tuple[str, int]]:
    """Part and number of every layer, in the order that sound goes through them."""
    found = {(match[1], int(match[2])) for match in map(LAYER.match, state) if match}
    return sorted(found, key=lambda layer: (list(PARTS).index(layer[0]), layer[1]))


def _fold_pool(state: State, theirs: str, ours: str, pool: int, down: bool) -> State:
    """Times that are channels are innermost there, and outermost here."""
    weight, bias = as_linear(state, f"{theirs}.linear.conv")
    if down:
        weight = weight.unflatten(1, (-1, pool)).transpose(1, 2).flatten(1)
    else:
        weight, bias = (t.unflatten(0, (-1, pool)).transpose(0, 1).flatten(0, 1) for t in (weight, bias))
    return {f"{ours}.mix.weight": weight, f"{ours}.mix.bias": bias}


def _fold_s4(state: State, theirs: str, ours: str, length: int) -> State:
    if f"{theirs}.{OLDER_KERNEL}.C" in state:
        return _fold_older(state, theirs, ours)
    mix, kernel = f"{theirs}.layer.output_linear.0", f"{theirs}.{KERNEL}"
    names = {"C": "C", "log_dt": "log_step", "inv_w_real": "log_decay", "w_imag": "frequency"}
    folded = {f"{ours}.kernel.{name}": state[f"{kernel}.{original}"] for original, name in names.items()}
    folded |= {f"{ours}.kernel.{name}": state[f"{kernel}.{name}"].squeeze(0) for name in ("B", "P")}
    trained = int(state[f"{kernel}.L"])
    if trained == 0:
        folded[f"{ours}.kernel.C"] = _cut_off(*(folded[f"{ours}.kernel.{name}"] for name in CUT_OFF_BY), length)
    elif trained != length:
        raise InputError(f"{kernel} was trained at {trained} samples, not at {length} as the hyper-parameters say.")
    folded |= {f"{ours}.D": state[f"{theirs}.layer.D"].flatten(), f"{ours}.mix.bias": state[f"{mix}.bias"]}
    return folded | {f"{ours}.mix.weight": state[f"{mix}.weight"].flatten(1)}


def _cut_off(C: Tensor, P: Tensor, log_decay: Tensor, frequency: Tensor, log_step: Tensor, length: int) -> Tensor:
    C, P = map(torch.view_as_complex, (C, P))
    poles = torch.complex(-log_decay.exp(), frequency)
    return torch.view_as_real(cut_off(C, P, poles, log_step.exp(), length))


def _fold_older(state: State, theirs: str, ours: str) -> State:
    """Both ways' kernels side by side."""
    names = {"C": "C", "B": "B", "w": "poles", "nodes": "nodes", "z": "z", "log_dt": "log_step"}
    folded = {
        f"{ours}.kernel.{name}": torch.stack([state[f"{theirs}.{way}.{original}"] for way in OLDER_KERNELS])
        for original, name in names.items()
    }
    mix = f"{theirs}.layer.output_linear"
    folded |= {f"{ours}.D": state[f"{theirs}.layer.D"], f"{ours}.mix.weight": state[f"{mix}.weight"]}
    return folded | {f"{ours}.mix.bias": state[f"{mix}.bias"].flatten()}


def _fold(path: Path, state: State, sizes: SaShiMiConfig) -> State:
    try:
        return fold_sashimi(state, sizes)
    except InputError:
        raise
    except KeyError as missing:
        raise InputError(f"{path.name} lacks the weight {missing}, so it is no DiffWave with a SaShiMi.") from None
    except (RuntimeError, IndexError, ValueError):
        raise InputError(f"{path.name} does not fit its hyper-parameters; choose those it was trained with.") from None


def _sizes(described: Described, state: State) -> SaShiMiConfig:
    """Sizes of the network; which S4 it has, and of which state, the weights say."""
    older = any(OLDER_KERNEL in key for key in state)
    poles = next((w.shape[0] if older else w.shape[-1] for key, w in state.items() if key.endswith(POLES[older])), 1)
    pooling, unet = described.network.get("pool"), described.network.get("unet", False)
    if not isinstance(pooling, list) or not all(type(p) is int and 2 <= p <= 64 for p in pooling) or not pooling:
        raise InputError(f"The hyper-parameters have pool = {pooling!r}, not factors of 2 to 64.")
    if type(unet) is not bool:
        raise InputError(f"The hyper-parameters have unet = {unet!r}, neither true nor false.")
    if described.embedding[-1] != STEP_CHANNELS:
        raise InputError(f"A SaShiMi's blocks take {STEP_CHANNELS} numbers of the step, not {described.embedding[-1]}.")
    return SaShiMiConfig(
        channels=described.whole("d_model"),
        layers=described.whole("n_layers", 1024),
        pooling=tuple(pooling),
        expand=described.whole("expand", 64),
        widening=described.whole("ff", 64),
        unet=unet,
        embedding=described.embedding,
        bands=described.bands,
        upsampling=described.upsampling,
        truncated_mel=bool(described.bands),
        length=described.whole("L", LONGEST),
        kernel="s4-older" if older else "s4",
        state=2 * poles,
    )
