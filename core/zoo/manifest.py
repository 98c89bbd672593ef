"""The manifest: which checkpoints there are, bundled ones and the user's own, and what is known of each.

A folder of checkpoints holds safetensors files and a `manifest.json`: `{"checkpoints": [entry, ...]}`. The bundled
folder is `checkpoints/` at the top of the project; the user's own is `$RESOUND_HOME/checkpoints`, by default in the
platform's user data folder.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from pathlib import Path

from filelock import FileLock

from core.errors import InputError
from core.signal.json_files import read_json
from core.signal.limits import LIMITS
from core.signal.output import replacing
from core.zoo.checkpoint import load_checkpoint
from core.zoo.families import FAMILIES, IMAGES, tasks_of

BUNDLED_FOLDER = Path(__file__).resolve().parents[2] / "checkpoints"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LONGEST_TEXT, LONGEST_REASON = 4000, 200  # characters, of a field and in a refusal
LONGEST_SHOWN = {"title": 40, "suits": 120}  # characters, of what stands in menus
LARGEST_NUMBER = 1e15  # of its figures


@dataclass(frozen=True)
class Entry:
    """What is known of one checkpoint.

    Args:
        name: what `--prior` and reports call it.
        task: the commands it serves.
        architecture: its family, a key of `core.zoo.families.FAMILIES`.
        sample_rate: in Hz; 0 of images.
        data: what it was trained on.
        steps: updates of its training.
        hardware: what it was trained on, and for how long.
        date: of the end of its training, ISO 8601.
        metrics: figure -> value.
        licence: of the weights, with the attribution that the data ask for.
        sha256: of the file; a file with another hash is not loaded.
        bytes: size of the file.
        file: its name inside its folder.
        title: what menus call it; its name where there is none.
        suits: a line on what it is good for.
        parts: role -> name of another entry of its folder, which holds a further network of it, so that no file is
            large; they are not on offer by themselves.
        bundled: ships with the project, or is the user's own.
    """

    name: str
    task: tuple[str, ...]
    architecture: str
    sample_rate: int
    sha256: str
    bytes: int
    file: str
    title: str = ""
    suits: str = ""
    data: str = ""
    steps: int = 0
    hardware: str = ""
    date: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    licence: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    bundled: bool = False

    @property
    def kind(self) -> str:
        """Of its model; empty where its family is not known."""
        return FAMILIES[self.architecture].kind if self.architecture in FAMILIES else ""

    @property
    def label(self) -> str:
        """What menus call it."""
        return self.title or self.name

    @property
    def path(self) -> Path:
        return (BUNDLED_FOLDER if self.bundled else own_folder()) / self.file


def own_folder() -> Path:
    """Where the user's own checkpoints live; it may not exist yet."""
    home = os.environ.get("RESOUND_HOME")
    if home:
        return Path(home).expanduser() / "checkpoints"
    import platformdirs  # here, so that a bare training machine can do without it

    return Path(platformdirs.user_data_dir("resound", appauthor=False)) / "checkpoints"


def own_enabled() -> bool:
    """Whether the user's own checkpoints are offered: RESOUND_OWN_CHECKPOINTS, by default 1, on a Space 0."""
    return os.environ.get("RESOUND_OWN_CHECKPOINTS", "0" if "SPACE_ID" in os.environ else "1") != "0"


def catalogue(task: str | None = None, kind: str | None = None) -> list[Entry]:
    """Every checkpoint on offer, bundled ones first.

    Args:
        task: a command's name; only the checkpoints that serve it.
        kind: of `core.zoo.families`; only the checkpoints of models of that kind.

    Raises:
        InputError: a manifest that cannot be read.
    """
    entries = read_manifest(BUNDLED_FOLDER, bundled=True)
    if own_enabled():
        taken = {entry.name for entry in entries}
        entries += [entry for entry in read_manifest(own_folder()) if entry.name not in taken]
    parts = {part for entry in entries for part in entry.parts.values()}
    offered = [entry for entry in entries if entry.name not in parts and (task is None or task in entry.task)]
    return [entry for entry in offered if kind is None or entry.kind == kind]


def parts_of(entry: Entry) -> list[Entry]:
    """The entries that hold further networks of this one.

    Raises:
        InputError: the manifest lacks one.
    """
    beside = {other.name: other for other in read_manifest(entry.path.parent, bundled=entry.bundled)}
    missing = [part for part in entry.parts.values() if part not in beside]
    if missing:
        raise InputError(f"The manifest has no entry {missing[0]!r}, which {entry.name!r} needs; register it again.")
    return [beside[part] for part in entry.parts.values()]


def fingerprint(entry: Entry) -> str:
    """What changes when any file of the entry does: its hash and those of its parts."""
    return "".join(part.sha256 for part in (entry, *parts_of(entry)))


def summary(entry: Entry) -> Entry:
    """The entry with the sizes and figures of its parts added, to be shown."""
    entries = [entry, *parts_of(entry)]
    figures = {name: value for part in entries for name, value in part.metrics.items()}
    return replace(entry, bytes=sum(part.bytes for part in entries), metrics=figures)


def find(name: str) -> Entry:
    """The entry of that name.

    Raises:
        InputError: there is none; the sentence lists those there are.
    """
    entries = {entry.name: entry for entry in catalogue()}
    if name not in entries:
        known = ", ".join(entries) or "none yet"
        raise InputError(f"There is no prior named {name[:64]!r}; choose one of: {known}.")
    return entries[name]


def register(name: str, source: Path, entry_fields: Mapping) -> Entry:
    """Copies a checkpoint into the user's own folder, where it replaces one of the same name.

    Raises:
        InputError: an unusable or bundled name, own checkpoints switched off, or not a Resound checkpoint.
    """
    check_name(name)
    return add_entry(own_folder(), {**entry_fields, "name": name}, source)


def check_name(name: str) -> None:
    """Refuses, before a long training, a name that `register` would refuse.

    Raises:
        InputError: see `register`.
    """
    _check_spelling(name)
    if not own_enabled():
        raise InputError("Own checkpoints are switched off here; set RESOUND_OWN_CHECKPOINTS=1 to register one.")
    if any(entry.name == name for entry in read_manifest(BUNDLED_FOLDER, bundled=True)):
        raise InputError(f"The name {name!r} belongs to a checkpoint that ships with Resound; choose another one.")


def add_entry(folder: Path, entry_fields: Mapping, source: Path) -> Entry:
    """Copies a checkpoint into a folder and writes its manifest entry; both appear whole or not at all.

    The architecture and, unless given, the sample rate are the file's own; hash, size and file name are found here.

    Args:
        entry_fields: of `Entry`; `name` at least.

    Raises:
        InputError: an unusable name, not a Resound checkpoint, no sample rate to be found.
    """
    name = entry_fields["name"]
    _check_spelling(name)
    checkpoint = load_checkpoint(source)
    known = {"sample_rate": checkpoint.config.get("sample_rate"), "date": date.today().isoformat()}
    known["task"] = tasks_of(checkpoint.architecture, checkpoint.config)
    found = {
        "architecture": checkpoint.architecture,
        "sha256": sha256(source),
        "bytes": source.stat().st_size,
        "file": f"{name}.safetensors",
    }
    entry = _entry({**known, **entry_fields, **found}, bundled=False)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".manifest.lock"):
        entries = {other.name: other for other in read_manifest(folder)} | {name: entry}  # a known one keeps its place
        _copy(source, folder / entry.file)
        _write_manifest(folder, list(entries.values()))
    return replace(entry, bundled=folder == BUNDLED_FOLDER)


def add_part(entry: Entry, role: str, source: Path, entry_fields: Mapping) -> Entry:
    """Copies a checkpoint beside another one, as its further network in that role, where it replaces an earlier one.

    Args:
        entry: of the whole, in the bundled or the user's own folder.
        entry_fields: of the part, see `add_entry`; its name follows from the whole's.
    """
    folder = entry.path.parent
    part = add_entry(folder, {**entry_fields, "name": f"{entry.name}.{role}", "task": ()}, source)
    with FileLock(folder / ".manifest.lock"):
        entries = {other.name: other for other in read_manifest(folder)}
        whole = entries[entry.name]
        entries[entry.name] = replace(whole, parts={**whole.parts, role: part.name})
        _write_manifest(folder, list(entries.values()))
    return part


def read_manifest(folder: Path, *, bundled: bool = False) -> list[Entry]:
    """The entries of a folder; none where it has no manifest.

    Raises:
        InputError: the manifest is not what `add_entry` writes.
    """
    path = folder / "manifest.json"
    try:
        entries = read_json(path)["checkpoints"]
        return [_entry(entry, bundled) for entry in entries]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        raise InputError(f"The manifest {path} cannot be used ({reason}); mend it or move it away.") from None


def sha256(path: Path) -> str:
    """Hexadecimal hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _entry(given: Mapping, bundled: bool) -> Entry:
    """An entry from its fields, checked: nothing in a manifest may point outside its folder."""
    wanted = {f.name for f in fields(Entry)} - {"bundled"}
    entry = Entry(**{key: value for key, value in given.items() if key in wanted}, bundled=bundled)
    _check_spelling(entry.name)
    if entry.file != f"{entry.name}.safetensors":
        raise InputError(f"The file of {entry.name!r} must be called {entry.name}.safetensors")
    if entry.kind == IMAGES:
        entry = replace(entry, sample_rate=0)
    elif type(entry.sample_rate) is not int or not LIMITS.lowest_rate <= entry.sample_rate <= LIMITS.highest_rate:
        raise InputError(
            f"The checkpoint {entry.name!r} states no sample rate of {LIMITS.lowest_rate} to {LIMITS.highest_rate} Hz"
        )
    entry = replace(entry, task=tuple(entry.task), parts=_by_role(entry.parts))
    texts = [getattr(entry, f.name) for f in fields(Entry) if f.type is str]
    if not all(_is_text(text) for text in (*texts, *entry.task, *entry.parts, *entry.parts.values(), *entry.metrics)):
        raise InputError(f"A field of {entry.name!r} is no text of up to {LONGEST_TEXT} characters")
    for shown, longest in LONGEST_SHOWN.items():
        if len(getattr(entry, shown)) > longest:
            raise InputError(f"The {shown} of {entry.name!r} is longer than {longest} characters")
    numbers = (entry.steps, entry.bytes, *entry.metrics.values())
    if not all(type(number) in (int, float) and abs(number) < LARGEST_NUMBER for number in numbers):
        raise InputError(f"A figure of {entry.name!r} is no number")
    return entry


def _is_text(value: object) -> bool:
    """Whether it can be printed, too: JSON has halves of characters."""
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and not any("\ud800" <= c <= "\udfff" for c in value)


def _by_role(parts: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    """Parts by their roles; older manifests list their names alone, which end in the role."""
    return dict(parts) if isinstance(parts, Mapping) else {part.rpartition(".")[2]: part for part in parts}


def _check_spelling(name: str) -> None:
    if not NAME.fullmatch(name) or name.endswith("."):
        raise InputError(
            f"{name[:64]!r} cannot name a checkpoint; use up to 64 of a to z, 0 to 9, dots, dashes and underscores."
        )


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as original, replacing(target) as file:
        shutil.copyfileobj(original, file)


def _write_manifest(folder: Path, entries: list[Entry]) -> None:
    kept = [{key: value for key, value in asdict(entry).items() if key != "bundled"} for entry in entries]
    with replacing(folder / "manifest.json") as file:
        file.write((json.dumps({"checkpoints": kept}, indent=2, ensure_ascii=False) + "\n").encode())
