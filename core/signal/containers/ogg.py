"""Ogg files that were put together from several (chained, RFC 3533 section 4): a decoder takes them one by one."""

import re
from typing import BinaryIO

from core.signal.containers.layout import Layout, Part, check_streams, read_at, size_of

BEGINNING = re.compile(rb"OggS\0[\x02\x03\x06\x07]")  # a page that begins a stream
SEARCHED = 2**20


def ogg_layout(file: BinaryIO) -> Layout:
    """The links of the chain."""
    links, after = [], None
    for position in _beginnings(file):
        if position != after:  # else a stream beside the one before, such as that of a video
            links.append(position)
            check_streams(links)
        segments = read_at(file, position, 27 + 255)[26:]
        after = position + 27 + segments[0] + sum(segments[1 : 1 + segments[0]]) if segments else None
    if len(links) < 2:
        return Layout()
    ends = [*links[1:], size_of(file)]
    return Layout(tuple(Part((range(begin, end),)) for begin, end in zip(links, ends, strict=True)))


def _beginnings(file: BinaryIO):
    position, overlap = 0, 5
    while len(content := read_at(file, position, SEARCHED)) > overlap:
        yield from (position + match.start() for match in BEGINNING.finditer(content))
        position += len(content) - overlap
