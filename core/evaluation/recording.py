"""What was recorded of an original system: arrays that went in, and those that came out."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.evaluation.parity import Check, compare


class Recording:
    """The arrays of `<prefix>inputs.npz` and `<prefix>expected.npz` in a folder."""

    def __init__(self, folder: Path, prefix: str = ""):
        self.inputs, self.expected = (np.load(folder / f"{prefix}{kind}.npz") for kind in ("inputs", "expected"))

    def input(self, name: str) -> Tensor:
        return torch.from_numpy(self.inputs[name])

    def check(self, name: str, actual, **tolerance) -> Iterator[Check]:
        """`compare` with what was recorded under this name; nothing where nothing was."""
        if name in self.expected:
            actual = actual.detach() if isinstance(actual, Tensor) else actual
            yield compare(name, actual, self.expected[name], **tolerance)


def numbered(names: Iterable[str], start: str) -> Iterator[tuple[str, int]]:
    """Those of the names that are a start and a number, and the number."""
    matches = (re.fullmatch(rf"{re.escape(start)}(\d+)", name) for name in names)
    return ((match[0], int(match[1])) for match in matches if match)
