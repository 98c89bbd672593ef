"""Which recordings of a folder are evaluated, and which moments of them."""

import csv
from pathlib import Path

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.signal.resampling import resample

SECONDS = 4.0
QUIETEST = 0.01  # root mean square of an excerpt


def find_recordings(folder: Path, count: int, seconds: float = SECONDS) -> list[Path]:
    """So many recordings of a folder, of the test split where its `metadata.csv` tells one, of as many speakers or
    composers as there are.

    Raises:
        InputError: none that last so many seconds.
    """
    table = folder / "metadata.csv"
    if table.is_file():
        with table.open(newline="", encoding="utf-8") as lines:
            rows = [row for row in csv.DictReader(lines) if row.get("split") == "test"]
    else:
        rows = [{"path": path.relative_to(folder).as_posix()} for path in sorted(folder.rglob("*")) if path.is_file()]
    by_whom: dict[str, list[Path]] = {}
    for row in rows:
        if float(row.get("seconds") or seconds) >= seconds:
            by_whom.setdefault(row.get("speaker") or row.get("composer") or "", []).append(folder / row["path"])
    turns = max(map(len, by_whom.values()), default=0)
    found = [own[turn] for turn in range(turns) for own in by_whom.values() if turn < len(own)][:count]
    if not found:
        raise InputError(f"{folder} has no recordings of {seconds:g} s or more; choose another folder.")
    return found


def read_excerpt(path: Path, sample_rate: int, seconds: float = SECONDS) -> Clip:
    """The first moments of a recording that hold sound, mono at a rate.

    Raises:
        InputError: a recording that cannot be read, is too short, or is silent.
    """
    clip = resample(read_clip(path, mono=True).clip, sample_rate)
    frames = round(seconds * sample_rate)
    for start in range(0, clip.frames - frames + 1, frames // 2):
        part = clip.samples[:, start : start + frames].clip(-1, 1)
        if part.std() >= QUIETEST:
            return Clip(part, sample_rate)
    raise InputError(f"{path.name} holds no {seconds:g} s of sound; leave it out.")
