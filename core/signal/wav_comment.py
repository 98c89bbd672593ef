"""Comments in WAV files: a LIST chunk of INFO with the field ICMT, behind the samples (RIFF, Microsoft & IBM 1991)."""

import os
import struct
from typing import BinaryIO


def add_comment(file: BinaryIO, comment: str) -> None:
    """Adds a comment to a WAV file that was just written; players and libsndfile show it."""
    text = comment.encode() + b"\0"
    text += b"\0" * (len(text) % 2)
    info = b"INFO" + b"ICMT" + struct.pack("<I", len(text)) + text
    end = file.seek(0, os.SEEK_END)
    file.write(b"\0" * (end % 2) + b"LIST" + struct.pack("<I", len(info)) + info)
    end = file.tell()
    file.seek(4)
    file.write(struct.pack("<I", end - 8))
