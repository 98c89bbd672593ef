"""Comments in WAV files: a LIST chunk of INFO with the field ICMT, behind the samples (RIFF, Microsoft & IBM 1991)."""

import struct


def with_comment(wav: bytes, comment: str) -> bytes:
    """The bytes of a WAV file with a comment added, which players and libsndfile show."""
    text = comment.encode() + b"\0"
    text += b"\0" * (len(text) % 2)
    info = b"INFO" + b"ICMT" + struct.pack("<I", len(text)) + text
    longer = wav + b"\0" * (len(wav) % 2) + b"LIST" + struct.pack("<I", len(info)) + info
    return longer[:4] + struct.pack("<I", len(longer) - 8) + longer[8:]
