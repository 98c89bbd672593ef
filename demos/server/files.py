"""Where visitors' files lie: a folder of this server's own, cleared when it has ended and bounded while it runs."""

import atexit
import os
import secrets
import shutil
import stat
import tempfile
import threading
import time
from pathlib import Path

from filelock import FileLock, Timeout

VARIABLE = "GRADIO_TEMP_DIR"  # Gradio's name for where uploads and its cache go
PREFIX, LOCK = "server-", ".lock"
MOST_BYTES, KEPT_SHARE = 4 * 2**30, 0.75  # of all files; what is left of it where it is passed
YOUNG_SECONDS = 120.0  # a file in this age may be about to be read
SWEEP_SECONDS = 60.0


def claim_folder() -> Path:
    """Makes a folder of this process's own the place of visitors' files, and removes those of servers that have ended.

    It lies in $GRADIO_TEMP_DIR, by default in the system's folder of temporary files. It is locked as long as this
    process lives, however it ends.
    """
    base = Path(os.environ[VARIABLE]).expanduser() if os.environ.get(VARIABLE) else _default_base()
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    remove_ended(base)
    folder = base.resolve() / f"{PREFIX}{secrets.token_hex(8)}"
    lock = FileLock(f"{folder}{LOCK}")
    lock.acquire()
    folder.mkdir(mode=0o700)
    os.environ[VARIABLE] = str(folder)
    atexit.register(_give_back, folder, lock)
    return folder


def remove_ended(base: Path) -> None:
    """Removes the folders of servers whose processes are gone."""
    for folder in base.glob(f"{PREFIX}*"):
        if folder.is_symlink() or not folder.is_dir():
            continue
        lock = FileLock(f"{folder}{LOCK}")
        try:
            with lock.acquire(blocking=False):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue
        Path(lock.lock_file).unlink(missing_ok=True)


def keep_bounded(folder: Path, most: int = MOST_BYTES) -> None:
    """Watches the folder from a thread, see `bound`."""

    def watch() -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            bound(folder, most)

    threading.Thread(target=watch, name="cache", daemon=True).start()


def bound(folder: Path, most: int, now: float | None = None) -> None:
    """Removes the oldest files where all together have more bytes than they may; those just written stay.

    Args:
        now: seconds since 1970; the present where not given.
    """
    now = time.time() if now is None else now
    files = sorted(_files(folder))
    total, kept = sum(size for _, size, _ in files), KEPT_SHARE * most
    if total <= most:
        return
    for written, size, path in files:
        if total <= kept or now - written < YOUNG_SECONDS:
            return
        path.unlink(missing_ok=True)
        total -= size


def _files(folder: Path):
    """(time of writing, bytes, path) of every file."""
    for path in folder.rglob("*"):
        try:
            found = path.lstat()
        except OSError:  # gone meanwhile
            continue
        if stat.S_ISREG(found.st_mode):
            yield found.st_mtime, found.st_size, path


def _default_base() -> Path:
    """One for each user; another user's folder of that name is not taken."""
    owner = os.getuid() if hasattr(os, "getuid") else 0
    base = Path(tempfile.gettempdir()) / f"resound-{owner}"
    if base.is_symlink() or (base.exists() and base.stat().st_uid != owner):
        return Path(tempfile.mkdtemp(prefix="resound-"))
    return base


def _give_back(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)
