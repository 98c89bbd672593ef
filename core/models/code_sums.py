"""Sums of codes: for every pair of an LQ-VAE's codes the one nearest to their weighted sum (Mancusi et al. 2021).

There are as many pairs as the square of the codes; they are gone through row by row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

MEANS = (0.5, 0.5)  # shares of two sources in what an LQ-VAE learns
TIE = 1e-9  # relative difference of squared distances that is rounding


@dataclass(frozen=True, eq=False)
class CodeSums:
    """The codes of all sums.

    Args:
        table: `[classes, classes]`, whole numbers; the row is the first source's code, the column the second's.
        shares: what the sources are multiplied by, as in the mixture.
    """

    table: Tensor
    shares: tuple[float, float] = MEANS

    @property
    def classes(self) -> int:
        return len(self.table)

    @property
    def config(self) -> dict:
        """As checkpoints have it."""
        return {"classes": self.classes, "shares": list(self.shares)}

    @property
    def state(self) -> dict[str, Tensor]:
        return {"sums": self.table.to(torch.int32)}


def sum_codes(codebook: Tensor, shares: tuple[float, float] = MEANS) -> Iterator[tuple[int, Tensor]]:
    """Rows of the table, one after the other: the first source's code, and the sums with all of the second's.

    Half-way between two codes it is their ends that are nearest, both equally: of several that are, the first is taken.

    Args:
        codebook: `[classes, code width]`.

    Yields:
        A row's number and its codes, int64 `[classes]`; memory is that of one row times the classes.
    """
    products = codebook.double() @ codebook.double().t()
    squares, (own, others) = products.diagonal(), shares
    for code, row in enumerate(products):
        # |k|^2 - 2 k (own * c + others * c'), [second source's codes, k]
        distances = torch.add(squares - 2 * own * row, products, alpha=-2 * others)
        least = distances.amin(dim=1, keepdim=True)
        nearest = distances <= least + TIE * squares.max()
        yield code, nearest.byte().argmax(dim=1)


def from_checkpoint(name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str) -> CodeSums:
    """Of a checkpoint's configuration and its table.

    Raises:
        ValueError: a table of other codes.
    """
    table, classes = state["sums"].to(device), config["classes"]
    if table.shape != (classes, classes) or not 0 <= int(table.min()) <= int(table.max()) < classes:
        raise ValueError(f"its sums are not those of {classes} codes")
    return CodeSums(table, tuple(config["shares"]))
