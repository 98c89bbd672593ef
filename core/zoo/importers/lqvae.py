"""LQ-VAE (`lqvae`, michelemancusi/LQVAE-separation, which is built on openai/jukebox): its networks and code sums.

A `.pth.tar` holds `hps`, all settings, and `model`, the weights of a VQ-VAE or of a prior with the VQ-VAE's codebooks;
what else is in it is left alone, as the original does. The settings of a prior do not say how large its codes are, its
weights do. Code sums are a bare tensor in a `.pt`.
"""

import math
import re
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from core.errors import InputError
from core.models import lqvae, transformer
from core.models.code_sums import MEANS, CodeSums
from core.signal.tensor_files import load_tensors
from core.zoo.importers.originals import ImportOptions, State, check_shapes, read_hparams, whole_number

SAMPLE_RATE = 22050  # of everything the original was trained on, in Hz
CODEBOOK = re.compile(r"^bottleneck\.level_blocks\.(\d+)\.k$")
RENAMED = {"pos_emb.pos_emb": "pos_emb"}
LAYERS = re.compile(r"^transformer\._attn_mods\.")
LAYER = re.compile(r"^layers\.(\d+)\.")
LARGEST, MOST = 2**16, 64  # of any size and of any number of layers, far over what can be meant
DAMAGED = (OSError, RuntimeError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError)


def read_lqvae(source: Path, options: ImportOptions) -> tuple[str, dict, State]:
    """Architecture, configuration and weights of an original network; arguments as in `read_original`.

    Settings that are given win over the file's own; of code sums they may say `alpha`, else 0.5 and 0.5.
    """
    options.check_taken("hparams")
    content = _load(source)
    if isinstance(content, Tensor):
        return _read_sums(source, content, options)
    state = content.get("model", content)
    if not isinstance(state, dict) or not all(isinstance(weight, Tensor) for weight in state.values()):
        raise InputError(f"{source.name} holds no weights of an LQ-VAE or its prior; give the original .pth.tar file.")
    state = {str(key).removeprefix("module."): weight for key, weight in state.items()}
    own = content.get("hps") if options.hparams is None else None
    settings = dict(own) if isinstance(own, dict) else read_hparams(source, options.hparams)
    read = read_prior if "prior.start_token" in state else read_networks
    try:
        architecture, config, state = read(source, state, settings)
    except InputError:
        raise
    except KeyError as missing:
        raise InputError(f"{source.name} lacks {missing}, so it is no LQ-VAE and no prior of one.") from None
    except (IndexError, ValueError, TypeError) as error:
        raise InputError(f"{source.name} does not fit its settings ({error}); choose its own.") from None
    config["sample_rate"] = whole_number({"sr": SAMPLE_RATE} | settings, "sr")
    config["steps"] = content["step"] if type(content.get("step")) is int else 0
    return architecture, config, state


def _load(source: Path) -> dict | Tensor:
    try:
        if not source.is_file():
            raise FileNotFoundError
        content = load_tensors(source)
    except UnpicklingError:
        raise InputError(
            f"{source.name} holds more than weights and settings or is damaged, so it was not opened; save its "
            "weights and a dictionary of settings alone."
        ) from None
    except DAMAGED:
        raise InputError(f"{source.name} is no PyTorch checkpoint. Give the original .pth.tar or .pt file.") from None
    if not isinstance(content, dict | Tensor):
        raise InputError(f"{source.name} holds neither weights nor code sums. Give the original file.")
    return content


def read_networks(source: Path, state: State, settings: dict) -> tuple[str, dict, State]:
    """Of a VQ-VAE."""
    names = {"downs": "downs_t", "strides": "strides_t"}
    config = {ours: _numbers(settings, theirs) for ours, theirs in names.items()}
    levels = whole_number(settings, "levels", len(config["downs"]))
    config = {key: sizes[:levels] for key, sizes in config.items()} | {"levels": list(range(levels))}
    several = settings.get("hvqvae_multipliers")
    config["multipliers"] = _numbers(settings, "hvqvae_multipliers")[:levels] if several else [1] * levels
    plain = {"width": "width", "code_width": "emb_width", "classes": "l_bins"}
    config |= {ours: whole_number(settings, theirs, LARGEST) for ours, theirs in plain.items()}
    config["depth"] = whole_number(settings, "depth", MOST)
    config["dilation_base"] = whole_number(settings, "dilation_growth_rate", MOST)
    cycle = settings.get("dilation_cycle")
    config["dilation_cycle"] = None if cycle is None else whole_number(settings, "dilation_cycle", MOST)
    config["reversed_dilation"] = bool(settings["vqvae_reverse_decoder_dilation"])
    config |= {"residual_factor": _factor(settings, "m_conv"), "decay": _factor(settings, "l_mu")}
    state = {CODEBOOK.sub(r"codebooks.\1.k", key): weight for key, weight in state.items()}
    with torch.device("meta"):
        network = lqvae.build(config)
    return "lqvae", config, _fitting(source, state, network.state_dict())


def read_prior(source: Path, state: State, settings: dict) -> tuple[str, dict, State]:
    """Of a prior, with the codebook of its level."""
    state = {key.removeprefix("prior."): weight for key, weight in state.items()}
    state["codebook"] = state[f"bottleneck.level_blocks.{settings['level']}.k"]
    state = {LAYERS.sub("layers.", RENAMED.get(key, key)): weight for key, weight in state.items()}
    classes, code_width = state["codebook"].shape
    context, width = state["pos_emb"].shape
    order = settings.get("attn_order")
    if order not in transformer.KINDS:
        raise InputError(f"{source.name} attends in the order {order!r}; read are {_listed(transformer.KINDS)}.")
    config = {
        "classes": classes,
        "code_width": code_width,
        "context": context,
        "width": width,
        "depth": len({found[1] for key in state if (found := LAYER.match(key))}),
        "heads": whole_number(settings, "heads", LARGEST),
        "order": order,
        "blocks": 1 if order == transformer.WHOLE else whole_number(settings, "blocks", context),
        "attention_factor": state["layers.0.attn.c_proj.w"].shape[0] / width,
        "mlp_factor": state["layers.0.mlp.c_proj.w"].shape[0] / width,
    }
    with torch.device("meta"):
        network = transformer.build(config)
    return "code-prior", config, _fitting(source, state, network.state_dict())


def _read_sums(source: Path, table: Tensor, options: ImportOptions) -> tuple[str, dict, State]:
    """Of a table of sums: rows and columns are the first and the second source, each with its own share."""
    classes = math.isqrt(table.numel())
    if table.is_floating_point() or table.numel() != classes**2 or not classes:
        raise InputError(f"{source.name} holds no table of code sums; give the original codebook_precalc file.")
    if not 0 <= int(table.min()) <= int(table.max()) < classes:
        raise InputError(f"{source.name} has sums that are no codes; make the table again.")
    shares = MEANS if options.hparams is None else _shares(read_hparams(source, options.hparams))
    sums = CodeSums(table.reshape(classes, classes), shares)
    return "code-sums", sums.config | {"sample_rate": SAMPLE_RATE, "steps": 0}, sums.state


def _shares(settings: dict) -> tuple[float, float]:
    alpha = settings.get("alpha", list(MEANS))
    if not isinstance(alpha, list) or len(alpha) != 2 or not all(type(a) in (int, float) for a in alpha):
        raise InputError(f"The settings have alpha = {alpha!r}, not two shares such as 0.5 and 0.5.")
    return tuple(map(float, alpha))


def _fitting(source: Path, state: State, expected: State) -> State:
    """The weights that the network has, as they are stored; others are left out, missing ones refused."""
    state = {key: weight for key, weight in state.items() if key in expected}
    check_shapes(source, state, expected)
    return state


def _numbers(settings: dict, name: str) -> list[int]:
    """A setting that is a list of sizes."""
    values = settings[name]
    if not isinstance(values, list | tuple) or not all(type(v) is int and 1 <= v <= MOST for v in values):
        raise InputError(f"The settings have {name} = {values!r:.60}, not a list of sizes; give the original's own.")
    return list(values)


def _factor(settings: dict, name: str) -> float:
    value = settings[name]
    if type(value) not in (int, float) or not 0 < value < LARGEST:
        raise InputError(f"The settings have {name} = {value!r:.60}, not a factor; give the original's own.")
    return float(value)


def _listed(names) -> str:
    return ", ".join(map(str, names))
