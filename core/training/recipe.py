"""Recipes: what to train and how, as small TOML files that `--set section.key=value` overrides, or `--set key=value`.

`architecture` names the objective and `sample_rate` is in Hz; `[model]` and `[objective]` are the objective's own
settings, `[training]` overrides DEFAULTS. There `keep_every` is of updates whose states are all kept (0: the last one
alone), `resume` whether `train` goes on from a state that it finds beside the checkpoint unless told otherwise,
`compile` whether the network is compiled first (faster, after half a minute; needs a C++ compiler), `eight_bits`
whether checkpoints hold matrices as whole numbers of eight bits (`core/zoo/eight_bits.py`), `listen_to` a file with a
spectrogram that the log gets what the network makes of, and `wandb` a project of Weights & Biases to log to as well
(none by default; needs its package).
"""

import tomllib
from pathlib import Path

from core.errors import InputError

LONGEST_VALUE = 1000  # characters of an override
RECIPES = Path(__file__).parent / "recipes"
DEFAULTS = {
    "segment": 16384,
    "batch": 1,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "betas": [0.9, 0.99],
    "weight_decay": 0.01,
    "warmup_steps": 200,
    "clip_gradient": 1.0,
    "ema_decay": 0.999,
    "quietest": 0.005,
    "validation_segments": 16,
    "validate_every_seconds": 300.0,
    "save_every_seconds": 40.0,
    "keep_every": 0,
    "resume": False,
    "compile": False,
    "eight_bits": False,
    "listen_to": "",
    "wandb": "",
}


def load_recipe(name: str, overrides: dict[str, str] | None = None) -> dict:
    """A bundled recipe by name, with overrides ("training.batch": "4") applied.

    Raises:
        InputError: no such recipe, no such key, or a value of another type.
    """
    names = sorted(p.stem for p in RECIPES.glob("*.toml"))
    if name not in names:
        raise InputError(f"There is no recipe {name}; choose one of {', '.join(names)}.")
    recipe = tomllib.loads((RECIPES / f"{name}.toml").read_text())
    recipe["training"] = DEFAULTS | recipe.get("training", {})
    recipe.setdefault("objective", {})
    for key, text in (overrides or {}).items():
        _override(recipe, key, text)
    return recipe


def _override(recipe: dict, key: str, text: str) -> None:
    section, _, name = key.rpartition(".")
    holding = [own for own, table in recipe.items() if isinstance(table, dict) and name in table]
    if not section and name not in recipe and len(holding) == 1:  # said without its section, where only one has it
        section = holding[0]
    table = recipe.get(section, {}) if section else recipe
    if name not in table or isinstance(table[name], dict):
        known = sorted(f"{s}.{k}" for s, t in recipe.items() if isinstance(t, dict) for k in t)
        raise InputError(f"The recipe has no setting {key}; it has {', '.join(known)}.")
    expected = type(table[name])
    try:
        value = tomllib.loads(f"value = {text}")["value"] if len(text) <= LONGEST_VALUE else None
        value = float(value) if expected is float and type(value) is int else value
    except tomllib.TOMLDecodeError:
        value = text
    except (RecursionError, OverflowError, ValueError):
        value = None
    if type(value) is not expected:
        raise InputError(f"{key} must be {expected.__name__}, not {text:.40}.")
    table[name] = value
