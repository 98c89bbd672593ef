"""From a name to a prior or a separator: the file's hash is verified, and what was built is kept for the next run."""

from collections import OrderedDict
from functools import partial
from threading import Lock

from core.arrays.cone import separator
from core.arrays.cone.separator import ConeSeparator
from core.errors import InputError
from core.priors import denoiser, wavenet
from core.types import Prior
from core.zoo.checkpoint import load_checkpoint
from core.zoo.manifest import Entry, find, parts_of, sha256

BUILDERS = {
    "spectral": denoiser.from_checkpoint,
    "wavenet": wavenet.from_checkpoint,
    "wavenet-ladder": wavenet.from_checkpoint,
    "cone": separator.from_checkpoint,
    "cone-mask": partial(separator.from_checkpoint, architecture="cone-mask"),
}
KEPT_MODELS = 6

Model = Prior | ConeSeparator

_kept: OrderedDict[tuple[str, str, str], Model] = OrderedDict()
_lock = Lock()


def load(name: str, device: str = "cpu") -> Prior:
    """The prior of that name on a device; the least recently used ones are let go.

    Args:
        name: one that `catalogue` lists.
        device: what torch calls it, "cpu" or "cuda:K".

    Raises:
        InputError: unknown name, missing file, a file that is not the one in the manifest, weights that do not fit, or
            no prior.
    """
    model = _load(name, device)
    if isinstance(model, ConeSeparator):
        raise InputError(f"{name!r} tells directions apart and is no prior; choose another one, or use it to localize.")
    return model


def load_separator(name: str, device: str = "cpu") -> ConeSeparator:
    """The separator of that name on a device; arguments and errors as `load`."""
    model = _load(name, device)
    if not isinstance(model, ConeSeparator):
        raise InputError(f"{name!r} is a prior of single channels and cannot localize; choose a separator.")
    return model


def _load(name: str, device: str) -> Model:
    """Of that name; kept for the next call."""
    entry = find(name)
    entries = [entry, *parts_of(entry)]
    key = (entry.name, "".join(part.sha256 for part in entries), str(device))
    with _lock:
        if key not in _kept:
            _kept[key] = _build(entries, device)
        _kept.move_to_end(key)
        while len(_kept) > KEPT_MODELS:
            _kept.popitem(last=False)
        return _kept[key]


def _build(entries: list[Entry], device: str) -> Model:
    """Of an entry and its parts."""
    for part in entries:
        _verify(part)
    entry, checkpoint = entries[0], load_checkpoint(*(part.path for part in entries))
    if checkpoint.architecture not in BUILDERS:
        raise InputError(
            f"{entry.name!r} holds the architecture {checkpoint.architecture!r}; known are: {', '.join(BUILDERS)}."
        )
    config = checkpoint.config | {"sample_rate": entry.sample_rate}
    try:
        return BUILDERS[checkpoint.architecture](entry.name, config, checkpoint.state, device)
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"The weights of {entry.name!r} do not fit their configuration ({reason}).") from None


def _verify(entry: Entry) -> None:
    """Refuses a file that is missing or not the one in the manifest."""
    try:
        found = sha256(entry.path)
    except OSError:
        raise InputError(
            f"The file of {entry.name!r}, {entry.path}, cannot be read; register the checkpoint again."
        ) from None
    if found != entry.sha256:
        raise InputError(
            f"The file of {entry.name!r} is not the one that its manifest describes; register the checkpoint again."
        )
