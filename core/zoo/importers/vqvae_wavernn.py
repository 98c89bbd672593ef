"""VQ-VAE with a WaveRNN (`vqvae_wavernn`, mkotha/WaveRNN, tarepan/vqvaevc): its three models, both serialisations.

A file is a bare state dict, `<name>.pyt` with its step in `<name>_step.npy`, or `<name>_<step>.pyt`. All sizes are
those of the weights. Who the speakers are says the `index.pkl` of the data set alone, a list of each one's utterances.
"""

import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import InputError
from core.models.vqvae import RADIUS, build
from core.models.wavernn import MelWaveRNN, Overtone, OvertoneConfig
from core.zoo.importers.originals import ImportOptions, State, beside, check_shapes, load_original
from core.zoo.importers.pickled_names import read_names

SAMPLE_RATE = 22050  # of everything the original was trained on
NUMBERED = re.compile(r"(.+)_(\d{1,12})")
LARGEST_STEP_BYTES = 4096
OLD_LAYER = re.compile(r"^(rnn|fc[1-4])(?=\.)")  # of mel vocoders before they had a module `wavernn`
TABLE, DECODER = "vq.embedding0", "overtone."
SPEAKER = re.compile(r"[\w .-]{1,64}")
ON_SPHERE = 1e-2  # share of the radius by which a row of a table on the sphere may be off


def read_vqvae(source: Path, options: ImportOptions) -> tuple[str, dict, State]:
    """Architecture, configuration and weights of an original network; arguments as in `read_original`.

    The source is a file, or a folder with the files of one model, of which `iteration` chooses one. `index.pkl` is
    looked for beside them, else given as `hparams`.
    """
    options.check_taken("hparams", "iteration")
    path = _chosen(source, options.iteration)
    state = load_original(path)
    if not all(isinstance(key, str) and isinstance(weight, Tensor) for key, weight in state.items()):
        raise InputError(f"{path.name} is no bare state dict of a VQ-VAE; save the model's state_dict alone.")
    try:
        state = renamed(state)
        architecture, config, network = _describe(state)
    except KeyError as missing:
        raise InputError(f"{path.name} lacks the weight {missing}, so it is no VQ-VAE with a WaveRNN.") from None
    except (IndexError, ValueError, RuntimeError):
        raise InputError(f"{path.name} has weights of the wrong shape for a VQ-VAE with a WaveRNN.") from None
    check_shapes(path, state, network.state_dict())
    if architecture == "vqvae":
        config["speakers"] = _speakers(source, options.hparams, config["speakers"])
    return architecture, config | {"sample_rate": SAMPLE_RATE, "steps": step_of(path)}, state


def renamed(state: State) -> State:
    """Weights under their present names, without the mask, which follows from the sizes and is applied here.

    Raises:
        RuntimeError: a mask of another shape than the weights that it is for.
    """
    state = {OLD_LAYER.sub(_present_name, key): weight for key, weight in state.items()}
    if TABLE not in state:  # of the decoder alone
        state = {key.removeprefix(DECODER): weight for key, weight in state.items()}
    for key in [key for key in state if key.endswith("wavernn.mask")]:
        weight, mask = key.replace("mask", "gru.weight_ih_l0"), state[key]
        state = {k: w * mask if k == weight else w for k, w in state.items() if k != key}
    return state


def step_of(path: Path) -> int:
    """Updates before a file was written: of its name, else of the array beside it; 0 where neither says."""
    numbered = NUMBERED.fullmatch(path.stem)
    if numbered:
        return int(numbered[2])
    beside_it = path.with_name(f"{path.stem}_step.npy")
    if not beside_it.is_file():
        return 0
    try:
        if beside_it.stat().st_size > LARGEST_STEP_BYTES:
            raise ValueError
        step = np.load(beside_it, allow_pickle=False)
        if step.size != 1 or step.dtype.kind not in "iu":
            raise ValueError
    except (OSError, ValueError, EOFError):
        raise InputError(f"{beside_it.name} holds no single number of steps; restore it, or move it away.") from None
    return int(step.reshape(()))


def _present_name(found: re.Match) -> str:
    return "wavernn.gru" if found[1] == "rnn" else f"wavernn.{found[1]}"


def _chosen(source: Path, iteration: int | None) -> Path:
    """The file itself, or the one of a folder that was written after so many updates, else the last."""
    if source.is_file():
        if iteration is not None:
            raise InputError(f"{source.name} is one file; give its folder to choose an iteration.")
        return source
    files = sorted(source.glob("*.pyt"))
    models = sorted({numbered[1] if (numbered := NUMBERED.fullmatch(f.stem)) else f.stem for f in files})
    if len(models) != 1:
        found = f"files of several models ({', '.join(models)})" if models else "no .pyt files"
        raise InputError(f"{source} holds {found}; give the file itself.")
    by_step = {step_of(file): file for file in files}
    step = max(by_step) if iteration is None else iteration
    if step not in by_step:
        raise InputError(f"{source} has no iteration {step}; it has {', '.join(map(str, sorted(by_step)))}.")
    return by_step[step]


def _describe(state: State) -> tuple[str, dict, nn.Module]:
    """Architecture, configuration and a network without weights of these sizes."""
    with torch.device("meta"):
        if "upsample.up_layers.0.weight" in state:
            sizes = _sizes_of_wavernn(state, "wavernn.")
            sizes["bands"] = state["wavernn.gru.weight_ih_l0"].shape[1] - 3
            return "wavernn", sizes, MelWaveRNN(**sizes)
        if TABLE not in state:
            decoder = OvertoneConfig(**_sizes_of_decoder(state, ""), code_width=0)
            return "overtone", asdict(decoder), Overtone(decoder)
        config = configuration(state)
        return "vqvae", config, build(config)


def configuration(state: State) -> dict:
    """Of a whole VQ-VAE, from its weights under their present names; speakers are numbered.

    Raises:
        KeyError: a weight is missing.
    """
    rows, sizes = state[TABLE], _sizes_of_decoder(state, DECODER)
    channels, classes, width = rows.shape
    on_sphere = (rows.norm(dim=-1) / (RADIUS * width**0.5) - 1).abs() < ON_SPHERE
    numbered = tuple(f"speaker-{n}" for n in range(sizes.pop("speakers")))
    own = {"width": channels * width, "classes": classes, "channels": channels, "normalised": bool(on_sphere.all())}
    return {**own, **sizes, "speakers": numbered}


def _sizes_of_wavernn(state: State, prefix: str) -> dict:
    return {"gru": state[f"{prefix}gru.weight_hh_l0"].shape[1], "hidden": state[f"{prefix}fc1.weight"].shape[0]}


def _sizes_of_decoder(state: State, prefix: str) -> dict:
    """All of `OvertoneConfig` but the width of its codes."""
    told = state.get(f"{prefix}conv0.block0.w_cond.weight")
    return {
        "conv_channels": state[f"{prefix}conv0.block0.conv_wide.weight"].shape[0] // 2,
        "rnn_channels": state[f"{prefix}rnn0.tconv.weight"].shape[0],
        "speakers": 0 if told is None else told.shape[1],
        **_sizes_of_wavernn(state, f"{prefix}wavernn."),
    }


def _speakers(source: Path, given: Path | None, numbered: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the speakers: what the names of their utterances begin with; their numbers where no index says."""
    index = given or beside(source, ("index.pkl",))
    if index is None:
        return numbered
    try:
        utterances = read_names(index)
    except (OSError, ValueError) as error:
        raise InputError(f"{index.name} holds no lists of utterances: {error}. Give the data set's own.") from None
    if len(utterances) != len(numbered):
        if given is None:  # it is of other data
            return numbered
        raise InputError(
            f"{index.name} lists {len(utterances)} speakers, the weights have {len(numbered)}; give their own."
        )
    names = [{name.rpartition("_")[0] for name in spoken} for spoken in utterances]
    found = tuple(name.pop() if len(name) == 1 else "" for name in names)
    plain = all(SPEAKER.fullmatch(name) for name in found) and len(set(found)) == len(found)
    return found if plain else numbered
