"""Which files in a folder are audio, by their names."""

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
