"""Files whose writer could not go back to write the size of the samples: samples go on to the end of the file."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from core.signal.containers.layout import Layout, Part, read_at, size_of

CHUNK_NAME = re.compile(rb"[ -~]{4}")
MOST_CHUNKS = 1000


def unfinished_layout(file: BinaryIO) -> Layout:
    """With the size in its place, where the header of a WAV, RF64, AIFF, AU or CAF file says 0 or none at all."""
    size, head = size_of(file), read_at(file, 0, 12)
    if head[:4] == b".snd" and head[8:12] == bytes(4):
        return _patched(8, b"\xff" * 4, size)
    patch = None
    if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
        patch = _wave(file, size)
    elif head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        patch = _aiff(file, size)
    elif head[:4] == b"caff":
        patch = _caf(file, size)
    return _patched(*patch, size) if patch else Layout()


def wave_samples(file: BinaryIO) -> int:
    """Where the samples of a WAV file begin; 0 if nowhere."""
    return next((at + 8 for name, at, _ in _chunks(file, 12, 4, "little") if name == b"data"), 0)


def _wave(file: BinaryIO, size: int) -> tuple[int, bytes] | None:
    long_size = None
    for name, at, promised in _chunks(file, 12, 4, "little"):
        if name == b"ds64":
            long_size = at + 16
        if name == b"data":
            begin = at + 8
            if promised == 0xFFFFFFFF and long_size and not any(read_at(file, long_size, 8)):
                return long_size, (size - begin).to_bytes(8, "little")
            if promised == 0 and not _chunk_follows(file, begin, size, "little"):
                return at + 4, b"\xff" * 4
            return None
    return None


def _aiff(file: BinaryIO, size: int) -> tuple[int, bytes] | None:
    for name, at, promised in _chunks(file, 12, 4, "big"):
        if name == b"SSND":  # its size counts 8 bytes of its own
            unknown = promised == 0 or (promised == 8 and not _chunk_follows(file, at + 16, size, "big"))
            return (at + 4, min(size - at - 8, 0xFFFFFFFF).to_bytes(4, "big")) if unknown else None
    return None


def _caf(file: BinaryIO, size: int) -> tuple[int, bytes] | None:
    for name, at, promised in _chunks(file, 8, 8, "big"):
        if name == b"data":
            return (at + 4, (size - at - 12).to_bytes(8, "big")) if promised in (0, 2**64 - 1) else None
    return None


def _chunks(file: BinaryIO, at: int, width: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Names, places and sizes of chunks, with sizes of so many bytes."""
    size = size_of(file)
    for _ in range(MOST_CHUNKS):
        head = read_at(file, min(at, size), 4 + width)
        if len(head) < 4 + width:
            return
        promised = int.from_bytes(head[4:], order)
        yield head[:4], at, promised
        at += len(head) + promised + promised % 2 * (width == 4)


def _chunk_follows(file: BinaryIO, at: int, size: int, order: str) -> bool:
    """Whether nothing, or another chunk stands here."""
    head = read_at(file, at, 8)
    return at >= size or bool(CHUNK_NAME.match(head)) and at + 8 + int.from_bytes(head[4:], order) <= size


def _patched(at: int, content: bytes, size: int) -> Layout:
    return Layout((Part((range(0, at), content, range(at + len(content), size))),))
