"""Atomic writing of files: whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from core.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A binary file under a temporary name in the same folder; it takes its name when the block ends without an error.

    Raises:
        InputError: the folder is missing or cannot be written to, the name is a folder's, the disk is full.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder. Give the name of a file.")
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(temporary, "xb") as file:
            yield file
        os.replace(temporary, path)
    except OSError as error:
        if not path.parent.is_dir():
            raise InputError(f"The folder {path.parent} does not exist. Make it first, or choose another.") from error
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
