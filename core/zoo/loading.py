"""From a name to a model: the files' hashes are verified, and what was built is kept for the next run."""

from typing import Any

from core.arrays.cone.separator import ConeSeparator
from core.errors import InputError
from core.types import Prior
from core.zoo.checkpoint import load_checkpoint
from core.zoo.families import FAMILIES, KINDS, PRIOR, SEPARATOR
from core.zoo.kept_models import KeptModels
from core.zoo.manifest import Entry, find, fingerprint, parts_of, sha256

_kept = KeptModels()


def load(name: str, device: str = "cpu") -> Prior:
    """The prior of that name on a device; as `load_model`."""
    return load_model(PRIOR, name, device)


def load_separator(name: str, device: str = "cpu") -> ConeSeparator:
    """The separator of that name on a device; as `load_model`."""
    return load_model(SEPARATOR, name, device)


def load_model(kind: str, name: str, device: str = "cpu") -> Any:
    """The model of that name on a device; those that were asked for longest ago are let go, see
    `core.zoo.kept_models`.

    Args:
        kind: of `core.zoo.families`.
        name: one that `catalogue` lists.
        device: what torch calls it, "cpu" or "cuda:K".

    Raises:
        InputError: unknown name, missing file, a file that is not the one in the manifest, weights that do not fit, or
            a model of another kind.
    """
    entry = find(name)
    family = FAMILIES.get(entry.architecture)
    if family is None:
        raise InputError(f"{name!r} holds the architecture {entry.architecture!r}; known are: {', '.join(FAMILIES)}.")
    if family.kind != kind:
        raise InputError(f"{name!r} is {KINDS[family.kind]}; choose {KINDS[kind]}.")
    return _kept.get((entry.name, fingerprint(entry), str(device)), lambda: _build(entry, device))


def _build(entry: Entry, device: str) -> tuple[Any, int]:
    """Of an entry and its parts, and the bytes of their weights."""
    files = [entry, *parts_of(entry)]
    for file in files:
        _verify(file)
    checkpoint = load_checkpoint(*(file.path for file in files))
    config = checkpoint.config | {"sample_rate": entry.sample_rate}
    try:
        model = FAMILIES[entry.architecture].build(entry.name, config, checkpoint.state, device)
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"The weights of {entry.name!r} do not fit their configuration ({reason}).") from None
    return model, sum(weight.nbytes for weight in checkpoint.state.values())


def _verify(entry: Entry) -> None:
    """Refuses a file that is missing or not the one in the manifest, before it is read where its size says so."""
    try:
        if not entry.path.is_file():
            raise FileNotFoundError
        found = sha256(entry.path) if entry.path.stat().st_size == entry.bytes else None
    except OSError:
        raise InputError(
            f"The file of {entry.name!r}, {entry.path}, cannot be read; register the checkpoint again."
        ) from None
    if found != entry.sha256:
        raise InputError(
            f"The file of {entry.name!r} is not the one that its manifest describes; register the checkpoint again."
        )
