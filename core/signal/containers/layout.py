"""A file as a decoder is to see it: stretches of it, some bytes put right, without a copy."""

import io
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO, NamedTuple

from core.errors import InputError

MOST_STREAMS = 1000

Pieces = tuple[bytes | range, ...]
WHOLE: Pieces = ()


class Part(NamedTuple):
    """A part of a file that is one stream.

    Args:
        pieces: ranges of the file, or bytes in place of its own; `WHOLE` is the file as it is.
        frames: samples per channel; None leaves it to a decoder to say.
    """

    pieces: Pieces = WHOLE
    frames: int | None = None


@dataclass(frozen=True)
class Layout:
    """The streams in a file, which follow each other.

    Args:
        missing: samples that headers promise, but that are not there.
    """

    parts: tuple[Part, ...] = (Part(),)
    missing: int = 0


class Patched(io.RawIOBase):
    """Pieces of a file as one, to be read only.

    Args:
        file: stays open; it is the caller's to close.
    """

    def __init__(self, file: BinaryIO, pieces: Pieces):
        self._file, self._pieces, self._position = file, pieces, 0
        self._ends = list(accumulate(len(piece) for piece in pieces))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._ends[-1]}[whence]
        return self._position

    def readinto(self, buffer) -> int:
        view, done = memoryview(buffer).cast("B"), 0
        while done < len(view) and 0 <= self._position < self._ends[-1]:
            content = self._next(len(view) - done)
            if not content:
                break
            view[done : done + len(content)] = content
            done += len(content)
            self._position += len(content)
        return done

    def _next(self, most: int) -> bytes:
        number = bisect_right(self._ends, self._position)
        piece, left = self._pieces[number], self._ends[number] - self._position
        at = len(piece) - left
        if isinstance(piece, bytes):
            return piece[at : at + most]
        self._file.seek(piece[at])
        return self._file.read(min(most, left))


def check_streams(streams: Sequence) -> None:
    """Refuses a file that would take long to open.

    Raises:
        InputError: more than MOST_STREAMS.
    """
    if len(streams) > MOST_STREAMS:
        raise InputError(f"The file is put together from more than {MOST_STREAMS} others. Convert it to WAV or FLAC.")


def size_of(file: BinaryIO) -> int:
    """Of a file, in bytes."""
    return file.seek(0, io.SEEK_END)


def read_at(file: BinaryIO, position: int, count: int) -> bytes:
    """As many bytes, or fewer at the end."""
    file.seek(position)
    return file.read(count)
