"""Sounds that the page plays, kept in Gradio's cache under a name that depends on their content."""

import os
from pathlib import Path

from gradio.processing_utils import hash_bytes
from gradio.utils import get_upload_folder

from core.signal.output import replacing


def cached(content: bytes, name: str) -> str:
    """Path of a file with this content; it appears whole, and one that is there is not written again.

    Args:
        name: of the file, with its suffix.
    """
    path = Path(get_upload_folder()).resolve() / hash_bytes(content) / name
    if path.exists():
        os.utime(path)  # it is young again, for what clears the cache by age
        return str(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(content)
    return str(path)
