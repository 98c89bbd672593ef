"""Files out of tar and zip archives of others: none outside the folder, no links, no more than was to be expected."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.errors import InputError

CHUNK_BYTES = 2**20
LARGEST_TEXT = 2**24  # bytes of a file that is read as a whole
MOST_MEMBERS = 1_000_000

Place = Callable[[PurePosixPath], PurePosixPath | str | None]


class DamagedArchive(InputError):
    """An archive that cannot be what its publisher offers."""


def unpack(archive: Path, folder: Path, place: Place, most_bytes: int) -> list[PurePosixPath]:
    """Writes files of an archive into a folder; the checksums that the archive has of its own are looked at.

    Args:
        place: where below the folder a file goes, by its path in the archive; None leaves it out.
        most_bytes: that may be written in all.

    Returns:
        The places of what was written, sorted.

    Raises:
        DamagedArchive: no archive, a broken one, more in it than `most_bytes`, links, or paths that lead out of it.
    """
    written, left = [], most_bytes
    with _damage_said(archive):
        for path, file in _members(archive):
            target = place(path)
            if target is None:
                continue
            target = PurePosixPath(target)
            left -= _write(file, folder / target, left, archive)
            written.append(target)
    return sorted(written)


def read_texts(archive: Path, wanted: Callable[[PurePosixPath], bool]) -> dict[PurePosixPath, str]:
    """Small files of an archive, path -> UTF-8 text; raises as `unpack`."""
    found = {}
    with _damage_said(archive):
        for path, file in _members(archive):
            if wanted(path):
                content = file.read(LARGEST_TEXT + 1)
                if len(content) > LARGEST_TEXT:
                    raise DamagedArchive(f"{path} in {archive.name} is larger than {LARGEST_TEXT} bytes.")
                found[path] = content.decode("utf-8", errors="replace")
    return found


def _members(archive: Path) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
    """Every file in an archive, in its order; a file is read before the next one is asked for."""
    files = _zipped(archive) if zipfile.is_zipfile(archive) else _tarred(archive)
    for number, (name, file) in enumerate(files):
        if number >= MOST_MEMBERS:
            raise DamagedArchive(f"{archive.name} holds more than {MOST_MEMBERS} files.")
        yield _inside(archive, name), file


def _zipped(archive: Path) -> Iterator[tuple[str, BinaryIO]]:
    with zipfile.ZipFile(archive) as files:
        for member in files.infolist():
            mode = member.external_attr >> 16
            if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or not stat.S_IFMT(mode)):
                _refuse_special(archive, member.filename)
            if not member.is_dir():
                with files.open(member) as file:
                    yield member.filename, file


def _tarred(archive: Path) -> Iterator[tuple[str, BinaryIO]]:
    with tarfile.open(archive, "r|*") as files:  # as a stream: it is read once, and never sought in
        for member in files:
            if member.isfile():
                yield member.name, files.extractfile(member)
            elif not member.isdir():
                _refuse_special(archive, member.name)


def _refuse_special(archive: Path, name: str) -> None:
    raise DamagedArchive(f"{archive.name} holds {name!r}, which is a link or a device; it is not unpacked.")


def _inside(archive: Path, name: str) -> PurePosixPath:
    """A path as an archive writes it, where it stays below the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or any(c in name for c in "\\:\0"):
        raise DamagedArchive(f"{archive.name} holds {name!r}, which would lie outside the folder; it is not unpacked.")
    return path


def _write(file: BinaryIO, target: Path, left: int, archive: Path) -> int:
    """Writes a file whole; returns its bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("xb") as out:
        while chunk := file.read(CHUNK_BYTES):
            written += len(chunk)
            if written > left:
                raise DamagedArchive(f"{archive.name} holds more than it should; it is not unpacked.")
            out.write(chunk)
    return written


@contextmanager
def _damage_said(archive: Path) -> Iterator[None]:
    """Says in one sentence what the readers of archives raise in many ways; errors of the disk pass."""
    broken = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError)
    try:
        yield
    except InputError:
        raise
    except FileExistsError as error:
        raise DamagedArchive(f"{archive.name} holds two files of one name, {Path(error.filename).name}.") from None
    except (*broken, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk, not of the archive
            raise
        raise DamagedArchive(f"{archive.name} is damaged ({error}); fetch it again.") from None
