"""The report of a run as a JSON file; costs nothing to import, so that the command line starts at once."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.signal.output import replacing


def write_report(
    path: Path, source: Path | str | None, output: Path | str, report: Mapping, notes: Sequence[str]
) -> None:
    """Writes the report of a run with its file names; figures that are not finite become null."""
    whole = {
        "task": report["task"],
        "input": None if source is None else str(source),
        "output": str(output),
        **report,
        "notes": list(notes),
    }
    with replacing(path) as file:
        file.write((json.dumps(_finite(whole), indent=2, ensure_ascii=False) + "\n").encode())


def _finite(value):
    """The same with null for every figure that JSON has no name for."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
