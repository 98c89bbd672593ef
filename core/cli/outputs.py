"""Folders that commands write into: several sounds at once or none, and sets that grow from run to run."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from core.errors import InputError
from core.signal.output import replacing


def check_folder(folder: Path, contents: str) -> None:
    """Refuses, before any work, a folder that could not be written into after it.

    Args:
        contents: what goes there, in the plural.

    Raises:
        InputError: it is a file, or its own folder is missing.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, but the {contents} need a folder; choose another name.")
    if not folder.parent.is_dir():
        raise InputError(f"The folder {folder.parent} does not exist; make it first.")


def claim_folder(folder: Path, name: str, settings: Mapping, contents: str) -> None:
    """Makes a folder for one set of settings, or makes sure that it holds this one.

    Args:
        name: of the file in it that keeps the settings.
        settings: what JSON can hold.
        contents: what goes there, in the plural.

    Raises:
        InputError: the folder holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, but {contents} need a folder; choose another name.")
    known = folder / name
    if known.exists():
        if _read(known) != settings:
            raise InputError(f"{folder} holds {contents} of other settings (see {known}); choose another folder.")
        return
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty and holds no {contents} of this command; choose a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(known, settings)


def write_json(path: Path, content: Mapping) -> None:
    """Writes it whole or not at all, as `write_text`."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: Path, content: str) -> None:
    """Writes it under a temporary name first."""
    write_bytes(path, content.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """As `write_text`."""
    with replacing(path) as file:
        file.write(content)


def hidden() -> bool:
    """Whether nobody would see a progress bar move."""
    return not sys.stderr.isatty()


def write_clips(
    folder: Path, clips: Mapping, comments: Mapping[str, str] | None = None
) -> tuple[dict[str, Path], list[str]]:
    """Writes every clip as NAME.wav, or none; the folder is made where it is missing.

    Args:
        clips: name -> clip.
        comments: name -> what the file says of itself.

    Returns:
        Name -> file, and notes.

    Raises:
        InputError: see `core.signal.files.write_clip`.
    """
    from core.signal.files import write_clip

    def write(path: Path, name: str) -> Iterable[str]:
        return write_clip(path, clips[name], comment=(comments or {}).get(name, ""))

    return _write_all(folder, [f"{name}.wav" for name in clips], write)


def write_images(folder: Path, images: Mapping, comments: Mapping[str, str]) -> dict[str, Path]:
    """Writes every image as NAME.png, as `write_clips` does clips."""
    from core.signal.image_files import write_image

    def write(path: Path, name: str) -> Iterable[str]:
        write_image(path, images[name], comments.get(name, ""))
        return ()

    return _write_all(folder, [f"{name}.png" for name in images], write)[0]


def _write_all(
    folder: Path, names: Sequence[str], write: Callable[[Path, str], Iterable[str]]
) -> tuple[dict[str, Path], list[str]]:
    """Files of these names by `write(path, name without suffix)`, all or none; what it noted."""
    made, notes = not folder.exists(), []
    folder.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as aside:
            for name in names:
                notes += write(Path(aside) / name, Path(name).stem)
            for name in names:
                os.replace(Path(aside) / name, folder / name)
    except (InputError, OSError):
        if made:
            folder.rmdir()
        raise
    return {Path(name).stem: folder / name for name in names}, notes


def _read(path: Path):
    from core.signal.json_files import read_json

    try:
        return read_json(path)
    except (OSError, ValueError):
        return None
