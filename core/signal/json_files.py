"""JSON files that others may have written: plain files of bounded size, nested as deep as can be read."""

import json
from pathlib import Path
from typing import Any

LARGEST_BYTES = 4_000_000


def read_json(path: Path, largest: int = LARGEST_BYTES) -> Any:
    """What a file holds; a device or a pipe is never opened.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read.
        ValueError: no plain file, over `largest` bytes, or no JSON.
    """
    if path.exists() and not path.is_file():
        raise ValueError("it is no plain file")
    if path.stat().st_size > largest:
        raise ValueError(f"it has over {largest} bytes")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deep") from None
