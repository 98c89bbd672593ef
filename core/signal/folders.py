"""Which files in a folder are audio, by their names, and who speaks in which."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from core.errors import InputError

AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".oga", ".mp3", ".opus", ".aiff", ".aif", ".au", ".caf"}
AUDIO_SUFFIXES |= {".m4a", ".mp4", ".aac", ".webm", ".mka", ".amr", ".wma"}  # what takes ffmpeg


def is_audio(path: Path) -> bool:
    """Whether it is a file with the name of one that can be read."""
    return path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()


def audio_under(folder: Path) -> list[Path]:
    """All audio under a folder, sorted.

    Raises:
        InputError: no folder, or no audio in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give a folder of recordings.")
    found = sorted(path for path in folder.rglob("*") if is_audio(path))
    if not found:
        raise InputError(
            f"{folder} holds no audio (wav, flac, ogg, mp3, opus, aiff, m4a, webm, ...); give a folder of recordings."
        )
    return found


def recordings_by_speaker(folders: Sequence[Path]) -> dict[str, list[tuple[Path, str]]]:
    """Speaker -> (recording, split), of folders with a `metadata.csv`.

    Raises:
        InputError: a folder without one.
    """
    found: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for folder in folders:
        try:
            with (folder / "metadata.csv").open(newline="", encoding="utf-8") as lines:
                for row in csv.DictReader(lines):
                    if row.get("speaker"):
                        found[row["speaker"]].append((folder / row["path"], row.get("split") or ""))
        except OSError:
            raise InputError(f"{folder} has no metadata.csv that names speakers; choose another folder.") from None
    return found
