"""From a name to a folder that recipes can be trained on: downloads, unpacks and lays out a data set.

The folder appears whole or not at all. Until then everything lies in FOLDER.partial beside it, where a later call goes
on; that folder is removed in the end.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import InputError
from core.signal.json_files import read_json
from core.training.datasets.archives import DamagedArchive
from core.training.datasets.download import Watch, fetch, missing_bytes, size_text
from core.training.datasets.registry import DATA_SETS, DataSet

SOURCE = "source.json"  # says what a folder holds and whom to name for it
SPARE = 1.02  # of what is needed, for the file system's own


def find_data_set(name: str) -> DataSet:
    """A data set by its name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in DATA_SETS:
        raise InputError(f"There is no data set {name!r}; known are {', '.join(DATA_SETS)}.")
    return DATA_SETS[name]


def is_fetched(data: DataSet, folder: Path) -> bool:
    """Whether a folder holds it, whole."""
    try:
        return read_json(folder / SOURCE)["name"] == data.name
    except (OSError, ValueError, KeyError, TypeError):
        return False


def fetch_data(data: DataSet, folder: Path, watch: Watch) -> None:
    """Brings a data set into a folder; does nothing where it is already there.

    Raises:
        InputError: the folder holds something else, too little space is free, another command is at it, or as
            `download.fetch` and the layouts.
    """
    if is_fetched(data, folder):
        return
    check_new(folder)
    partial = folder.with_name(f"{folder.name}.partial")
    _check_space(data, partial)
    partial.mkdir(exist_ok=True)
    try:
        with FileLock(partial / "lock", timeout=0):
            archives = [fetch(download, partial, watch) for download in data.downloads]
            watch(f"laying out {data.name}", 0, 0)
            laid_out = _lay_out(data, archives, partial)
            if folder.exists():
                folder.rmdir()  # it is empty
            os.replace(laid_out, folder)
    except Timeout:
        raise InputError(f"Another command is fetching into {folder}; wait for it, or choose another folder.") from None
    shutil.rmtree(partial)


def check_new(folder: Path) -> None:
    """Refuses a folder that holds something.

    Raises:
        InputError: it does, or it is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something else; choose a new folder.")


def _check_space(data: DataSet, partial: Path) -> None:
    coming = sum(missing_bytes(download, partial) for download in data.downloads)
    needed, free = SPARE * (coming + data.kept_bytes), shutil.disk_usage(partial.parent).free
    if needed > free:
        raise InputError(
            f"{data.short_title} needs about {size_text(needed)} more on this disk ({size_text(coming)} to download, "
            f"{size_text(data.kept_bytes)} laid out), and {size_text(free)} are free; make room, or choose a folder on "
            "another disk."
        )


def _lay_out(data: DataSet, archives: Sequence[Path], partial: Path) -> Path:
    """A folder beside the archives with what is kept of them; archives that are damaged are removed."""
    folder = partial / "data"
    shutil.rmtree(folder, ignore_errors=True)  # of a call that was stopped
    folder.mkdir()
    try:
        data.lay_out(archives, folder, 2 * data.kept_bytes)
    except DamagedArchive:
        for archive in archives:
            archive.unlink()
        raise
    known = {"name": data.name, "title": data.title, "page": data.page, "licence": data.licence}
    known |= {"attribution": data.attribution, "downloads": [[d.url, d.checksum] for d in data.downloads]}
    (folder / SOURCE).write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder
