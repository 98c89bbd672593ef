"""Detects audio files that end before their header says, which libsndfile reads silently in most formats."""

import re
from pathlib import Path

# libsndfile's log of a header: the sizes that bound the samples of WAV, AU, AIFF, W64 and RF64
PROMISED = re.compile(r"^\s*(?:data|Data Size|SSND|riff|Riff size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
UNKNOWN_SIZE = 0x7FFFF000  # sizes from here on are placeholders of writers that did not know them
LARGEST_OGG_PAGE = 65307
END_OF_STREAM = 4


def header_promises_more(log: str) -> bool:
    """Whether the header promises more bytes than the file has, by libsndfile's log."""
    sizes = ((int(promised), int(found)) for promised, found in PROMISED.findall(log))
    return any(found < promised < UNKNOWN_SIZE for promised, found in sizes)


def ogg_lacks_end(path: Path) -> bool:
    """Whether the last page of an Ogg file is cut or does not end the stream (RFC 3533, section 6)."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 2 * LARGEST_OGG_PAGE))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or not page[5] & END_OF_STREAM:
        return True
    segments = page[27 : 27 + page[26]]
    return len(page) < 27 + page[26] + sum(segments)
