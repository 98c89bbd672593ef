"""FLAC files that were put together from several, and those from an encoder that could not go back to write the length:
its last frame says it (RFC 9639, sections 8.2 and 9)."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import BinaryIO

from core.signal.containers.layout import Layout, Part, check_streams, read_at, size_of

BEGINNING = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # of a stream, whose first block has 34 bytes
TOTAL = slice(21, 26)  # of a stream; the last 36 bits of it are the samples per channel
FRAME = re.compile(rb"(?=\xff[\xf8\xf9][\x10-\xff][\x00-\xaf])", re.DOTALL)
SEARCHED = 2**20  # bytes that are looked through at once
TAIL = 2**20  # bytes at a stream's end, which hold the last two frames
LONGEST_HEADER = 16


def flac_layout(file: BinaryIO) -> Layout:
    """The streams one after the other, each with the length in its header where that does not know it."""
    begins = []
    for position in _beginnings(file):
        begins.append(position)
        check_streams(begins)
    parts = [_part(file, begin, end) for begin, end in pairwise([*begins, size_of(file)])]
    return Layout(tuple(parts)) if len(parts) > 1 or (parts and isinstance(parts[0].pieces[0], bytes)) else Layout()


def _beginnings(file: BinaryIO) -> Iterator[int]:
    position, overlap = 0, 7
    while len(content := read_at(file, position, SEARCHED)) > overlap:
        yield from (position + match.start() for match in BEGINNING.finditer(content))
        position += len(content) - overlap


def _part(file: BinaryIO, begin: int, end: int) -> Part:
    head = bytearray(read_at(file, begin, min(TOTAL.stop, end - begin)))
    if len(head) == TOTAL.stop and not any(head[22:26]) and not head[21] & 0x0F:
        frames = _end_of_last_frame(file, begin, end, int.from_bytes(head[8:10], "big"))
        if 0 < frames < 2**36:
            head[TOTAL] = (int.from_bytes(head[TOTAL], "big") | frames).to_bytes(5, "big")
            return Part((bytes(head), range(begin + TOTAL.stop, end)))
    return Part((range(begin, end),))


def _end_of_last_frame(file: BinaryIO, begin: int, end: int, block_size: int) -> int:
    """Samples up to it; 0 if no frame is found that is the first, or begins where another one ends."""
    first = max(begin, end - TAIL)
    tail = read_at(file, first, end - first)
    ends, last = {0}, 0
    for match in FRAME.finditer(tail):
        before, after = _extent(tail[match.start() : match.start() + LONGEST_HEADER], block_size)
        if before in ends:
            last = after
        ends.add(after)
    return last


def _extent(header: bytes, block_size: int) -> tuple[int, int]:
    """The samples of a frame, from and to; (-1, 0) if the header's checksum is wrong.

    Args:
        block_size: of all frames but the last, where frames are counted instead of samples.
    """
    code, rate = header[2] >> 4, header[2] & 0x0F
    extra = max(0, 8 - (header[4] ^ 0xFF).bit_length() - 1) if len(header) > 4 else 0  # bytes 2 to 7 of a number
    at = 5 + extra
    stop = at + {6: 1, 7: 2}.get(code, 0) + {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if len(header) <= stop or _checksum(header[:stop]) != header[stop]:
        return -1, 0
    number = header[4] & (0x7F >> extra + bool(extra))
    for byte in header[5:at]:
        number = number << 6 | byte & 0x3F
    if code in (6, 7):
        size = 1 + int.from_bytes(header[at : at + code - 5], "big")
    else:
        size = 192 if code == 1 else 576 << code - 2 if code < 6 else 256 << code - 8
    begin = number if header[1] & 1 else number * block_size
    return begin, begin + size


def _checksum(content: bytes) -> int:
    """CRC-8 with the polynomial x^8 + x^2 + x + 1."""
    value = 0
    for byte in content:
        value = _table()[value ^ byte]
    return value


@cache
def _table() -> list[int]:
    table = list(range(256))
    for _ in range(8):
        table = [value << 1 & 0xFF ^ (7 if value & 0x80 else 0) for value in table]
    return table
