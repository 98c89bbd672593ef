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


def shown_stretch(seconds: float, start: float, length: float) -> tuple[float, float]:
    """Of a sound of so many seconds the start and the length of what the input's scope shows.

    That is all of it, or of a long one SHOWN_SECONDS with the part in their middle; of a longer part its beginning.
    """
    shown = min(seconds, SHOWN_SECONDS)
    around = max(shown - length, 0.0) / 2
    return min(max(start - around, 0.0), seconds - shown), shown


def shown_part(loaded: Loaded, start: float, length: float) -> tuple[Clip, float]:
    """What the input's scope shows, see `shown_stretch`, and where it begins.

    Raises:
        InputError: as `read_source`.
    """
    begin, shown = shown_stretch(loaded.seconds, start, length)
    part = {"start": begin, "length": shown} if shown < loaded.seconds else {}
    return read_clip(loaded.path, mono=loaded.mono, **part).clip, begin


def part_ends(seconds: float, start: float | None, length: float | None) -> list[float]:
    """Start and end of the part, within a sound of so many seconds; to its end when no length is given."""
    start = min(max(start or 0.0, 0.0), seconds)
    return [start, min(start + max(length or seconds, 0.0), seconds)]


def first_part(seconds: float) -> float:
    """How much of a sound is worked on at first."""
    return round(min(seconds, DEFAULT_PART_SECONDS), 3)


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
