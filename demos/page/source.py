"""The sound that a tab works on: which file it is, what the page shows of it, and the part that a run reads."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import duration, probe, read_clip
from core.signal.limits import LIMITS, Limits

SHOWN_SECONDS = 60.0
DEFAULT_PART_SECONDS = 10.0


@dataclass(frozen=True)
class Loaded:
    """A file that was read without complaint.

    Args:
        path: where the server keeps it.
        name: what the user calls it.
        seconds: its duration.
        reference: the truth that belongs to it, where it is an example.
        mono: its channels, too many to be worked on, are mixed as they are read.
    """

    path: str
    name: str
    seconds: float
    reference: str | None = None
    mono: bool = False


@dataclass(frozen=True)
class Excerpt:
    """The part of a file that a run works on, and its truth where there is one."""

    clip: Clip
    start: float
    reference: Clip | None
    notes: tuple[str, ...]


def load(
    path: str | None,
    name: str | None = None,
    reference: str | None = None,
    limits: Limits = LIMITS,
    *,
    mixes: bool = False,
) -> Loaded:
    """Checks a file; it is read to its end only where nothing else says how long it is.

    Args:
        mixes: what works on it mixes its channels, so that it may have more of them.

    Raises:
        InputError: see `core.signal.files.read_clip`.
    """
    if not path:
        raise InputError("There is no sound yet: choose an example, upload a file or record one.")
    mono = mixes and probe(path, mono=True, limits=limits).channels > limits.channels
    seconds = duration(path, mono=mono, limits=limits)
    read_clip(path, length=min(seconds, 1.0) or None, mono=mono, limits=limits)
    return Loaded(path, name or Path(path).name, seconds, reference, mono)


def shown_part(loaded: Loaded, start: float, length: float) -> tuple[Clip, float]:
    """What the input's scope shows: the whole file, or of a long one the part that is worked on. With its start."""
    if loaded.seconds <= SHOWN_SECONDS:
        return read_clip(loaded.path, mono=loaded.mono).clip, 0.0
    return read_clip(loaded.path, start=start, length=min(length, SHOWN_SECONDS), mono=loaded.mono).clip, start


def read_source(loaded: Loaded | None, start: float | None, length: float | None, reference: str | None) -> Excerpt:
    """Reads the part that a run works on.

    Args:
        length: to the end of the file when None.
        reference: a file with the truth of the whole input; goes before the loaded one's own.

    Raises:
        InputError: nothing is loaded, the file is gone, or the part lies outside it.
    """
    if loaded is None:
        raise InputError("There is no sound yet: choose an example, upload a file or record one.")
    if not Path(loaded.path).exists():
        raise InputError("The server no longer holds this file: load it again.")
    part = {"start": start or 0.0, "length": length or None}
    recording = read_clip(loaded.path, mono=loaded.mono, **part)
    reference = reference or loaded.reference
    truth = read_clip(reference, mono=loaded.mono, **part).clip if reference else None
    return Excerpt(recording.clip, part["start"], truth, tuple(recording.notes))
