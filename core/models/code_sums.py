"""Sums of codes: for every pair of an LQ-VAE's codes the one nearest to their weighted sum (Mancusi et al. 2021).

There are as many pairs as the square of the codes; they are gone through row by row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

MEANS = (0.5, 0.5)  # shares of two sources in what an LQ-VAE learns
TIE, SAME = 1e-9, 1e-5  # relative differences of squared distances that are rounding: here, and of other programs
CHECKED = 16  # rows


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

    def fit(self, codebook: Tensor) -> bool:
        """Whether they are those of this codebook, as far as some rows of the table say; of ties any is right."""
        if len(codebook) != self.classes:
            return False
        products = _products(codebook)
        for code in torch.linspace(0, self.classes - 1, min(CHECKED, self.classes)).long().tolist():
            distances = _distances(products, self.shares, code)
            chosen = distances.gather(1, self.table[code, :, None].long())
            if (chosen - distances.amin(dim=1, keepdim=True)).max() > SAME * products.diagonal().max():
                return False
        return True

    @property
    def state(self) -> dict[str, Tensor]:
        return {"sums": self.table.to(torch.int32)}


def sum_codes(codebook: Tensor, shares: tuple[float, float] = MEANS) -> Iterator[Tensor]:
    """Rows of the table, one after the other.

    Half-way between two codes it is their ends that are nearest, both equally: of several that are, the first is taken.

    Args:
        codebook: `[classes, code width]`.

    Yields:
        The sums of a code of the first source with all of the second's, int64 `[classes]`. Memory is that of a few
        tables.
    """
    products = _products(codebook)
    for code in range(len(codebook)):
        distances = _distances(products, shares, code)
        near = distances <= distances.amin(dim=1, keepdim=True) + TIE * products.diagonal().max()
        yield near.byte().argmax(dim=1)


def _products(codebook: Tensor) -> Tensor:
    """Of all pairs of codes, in float64."""
    return codebook.double() @ codebook.double().t()


def _distances(products: Tensor, shares: tuple[float, float], code: int) -> Tensor:
    """Squared ones of all sums of a code of the first source to all codes, but for a constant of each sum, `[second
    source's codes, classes]`: |k|^2 - 2 k (own c + other c')."""
    own, other = shares
    return torch.add(products.diagonal() - 2 * own * products[code], products, alpha=-2 * other)


def from_checkpoint(name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str) -> CodeSums:
    """Of a checkpoint's configuration and its table.

    Raises:
        ValueError: a table of other codes.
    """
    table, classes = state["sums"].to(device), config["classes"]
    if table.shape != (classes, classes) or not 0 <= int(table.min()) <= int(table.max()) < classes:
        raise ValueError(f"its sums are not those of {classes} codes")
    return CodeSums(table, tuple(config["shares"]))
