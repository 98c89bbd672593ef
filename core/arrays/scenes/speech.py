"""Sounds for scenes: recordings of voices with their speakers, and random excerpts."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import probe, read_clip
from core.signal.folders import audio_under
from core.signal.preparation import spoken_part
from core.signal.resampling import resample

TABLE = "metadata.csv"
BUNDLED = Path(__file__).resolve().parents[3] / "assets" / "sounds"
BUNDLED_VOICES = ("speech", "speech-garden", "speech-train", "speech-kettle")  # four people


@dataclass(frozen=True)
class Utterance:
    """A recording of one voice.

    Args:
        part: (k, n) for part k of n equal parts of the speech; (0, 1) is all of it.
    """

    path: Path
    speaker: str
    part: tuple[int, int] = (0, 1)


def find_speech(folder: Path, split: str | None = None) -> list[Utterance]:
    """The recordings under a folder, in sorted order.

    Speakers come from a `metadata.csv` with the columns path, speaker and split, or else from the files' names up to
    the first underscore, as in VCTK.

    Args:
        split: only those that the table lists under it.

    Raises:
        InputError: as `audio_under`, or the table has no such split.
    """
    paths = audio_under(folder)
    listed = _table(folder)
    if split is not None:
        paths = [path for path in paths if _row(listed, path, folder).get("split") == split]
        if not paths:
            raise InputError(f"{folder / TABLE} lists no recording in the split {split}; leave out --split.")
    return [Utterance(path, _row(listed, path, folder).get("speaker") or path.stem.split("_")[0]) for path in paths]


def bundled_speech(voices: int) -> list[Utterance]:
    """At least so many utterances of the four example voices; more than four are different parts of the recordings.

    Raises:
        InputError: Resound was installed without its examples.
    """
    parts = -(-voices // len(BUNDLED_VOICES))
    paths = [BUNDLED / f"{name}.flac" for name in BUNDLED_VOICES]
    if not all(path.is_file() for path in paths):
        raise InputError(f"The example voices in {BUNDLED} are missing; give a folder of recordings.")
    return [Utterance(path, path.stem, (part, parts)) for part in range(parts) for path in paths]


def read_speech(
    path: Path, frames: int, sample_rate: int, rng: np.random.Generator, part: tuple[int, int] = (0, 1)
) -> np.ndarray:
    """A random excerpt of the speech, without the silence before and after it.

    Args:
        part: see `Utterance`.

    Returns:
        float32 [at most frames].

    Raises:
        InputError: not readable, or silent.
    """
    samples = resample(read_clip(path, mono=True).clip, sample_rate).samples[0]
    start, stop = spoken_part(samples)
    number, parts = part
    start, stop = (start + (stop - start) * k // parts for k in (number, number + 1))
    start += int(rng.integers(max(stop - start - frames, 0) + 1))
    excerpt = samples[start : min(start + frames, stop)]
    if not excerpt.any():
        raise InputError(f"{path.name} is silent; take it out of the folder.")
    return excerpt


def read_background(path: Path, frames: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """A random excerpt; a recording that is too short is repeated.

    Returns:
        float32 [frames].

    Raises:
        InputError: not readable.
    """
    seconds = probe(path, mono=True).seconds
    length = frames / sample_rate
    part = {"start": float(rng.uniform(0, seconds - length)), "length": length} if length < seconds < np.inf else {}
    clip: Clip = resample(read_clip(path, mono=True, **part).clip, sample_rate)
    return np.resize(clip.samples[0], frames)


def _table(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of a folder's table by their path."""
    try:
        with (folder / TABLE).open(newline="", encoding="utf-8") as file:
            return {row["path"]: row for row in csv.DictReader(file) if row.get("path")}
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, csv.Error):
        raise InputError(
            f"{folder / TABLE} cannot be read as a table with the columns path, speaker and split; mend or remove it."
        ) from None


def _row(table: dict[str, dict[str, str]], path: Path, folder: Path) -> dict[str, str]:
    return table.get(path.relative_to(folder).as_posix(), {})
