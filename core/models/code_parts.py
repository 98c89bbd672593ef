"""What the codes of two sources add to how an LQ-VAE's encoder hears their mixture, learned of pairs of stems.

An encoder that was trained for it hears a mixture nearly as the sum of what it hears of the sources (Mancusi et al.
2021). So its output is, before the nearest code is taken, a vector of the first source's code, one of the second's and
something else: z = u(a) + v(b) + e, with e Gaussian. That says more of both than the nearest code does. The mean
spectra of both kinds of sounds say whose it may be where codes say little.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

RARE = 5.0  # occurrences that a code's vector is drawn to nothing by
ROUNDS = 30  # of least squares, one source after the other
RIDGE = 3e-5  # of the covariance, over its mean variance
QUIET = 0.2  # share of the variance that errors have in silence; they grow with the mixture
TENSORS = ("first", "second", "whiten", "centre", "spectra")


@dataclass(frozen=True, eq=False)
class CodeParts:
    """The vectors of all codes of both sources, where errors have the variance of one in all directions.

    Args:
        first, second: of the sources' codes, `[classes, code width]`.
        whiten: what the encoder's output is multiplied by, `[code width, code width]`.
        centre: its mean over mixtures, `[code width]`.
        spectra: mean power of both kinds of sounds, over its mean over all bins, `[2, bins]`.
        other: the name of the second source's prior; the first one's has these beside it.
    """

    first: Tensor
    second: Tensor
    whiten: Tensor
    centre: Tensor
    spectra: Tensor
    other: str = ""

    @property
    def config(self) -> dict:
        """As checkpoints have it."""
        sizes = {"classes": len(self.first), "code_width": len(self.centre), "bins": self.spectra.shape[1]}
        return sizes | {"other": self.other}

    @property
    def state(self) -> dict[str, Tensor]:
        tables = {name: getattr(self, name).cpu() for name in TENSORS}
        return tables | {name: tables[name].half() for name in ("first", "second")}

    def swapped(self) -> "CodeParts":
        """With the sources in the other order."""
        return replace(self, first=self.second, second=self.first, spectra=self.spectra.flip(0))

    @cached_property
    def _products(self) -> Tensor:
        return 2 * self.second @ self.first.t()

    def log_likelihoods(self, heard: Tensor) -> Tensor:
        """Of all pairs, `[second, first]`, up to a constant.

        The louder a mixture, the larger are its errors: their variance is that of what is heard, and `QUIET` more.

        Args:
            heard: the encoder's output at one step, `[code width]`.
        """
        shown = heard @ self.whiten
        variance = QUIET + (shown - self.centre @ self.whiten).square().mean()
        first, second = ((shown - own).square().sum(dim=1) for own in (self.first, self.second))
        second = second[:, None] - shown.square().sum()
        missing = (self._products + second).add_(first)  # |shown - first - second|^2, in one piece of memory
        return missing.div_(-2 * variance)


class CodePartsFit:
    """Learns them of any amount of mixtures, in the memory of a few tables.

    Args:
        classes, width: of the codebook.
        bins: of spectra.
    """

    def __init__(self, classes: int, width: int, bins: int):
        double = {"dtype": torch.float64}
        self.pairs = torch.zeros(classes, classes, **double)
        self.sums = torch.zeros(2, classes, width, **double)
        self.squares = torch.zeros(width, width, **double)
        self.spectra = torch.zeros(2, bins, **double)

    def add(self, codes: tuple[Tensor, Tensor], heard: Tensor, spectra: Tensor) -> None:
        """Of some steps.

        Args:
            codes: of both sources, `[steps]` each.
            heard: what the encoder makes of their mixture, `[steps, code width]`.
            spectra: the sources' mean power, `[2, bins]`; every sound counts as much, however loud it is.
        """
        heard = heard.double()
        self.pairs.index_put_(codes, torch.ones(len(heard), dtype=torch.float64), accumulate=True)
        for own, numbers in zip(self.sums, codes, strict=True):
            own.index_add_(0, numbers, heard)
        self.squares += heard.t() @ heard
        self.spectra += _over_its_mean(spectra.double())

    def solve(self, other: str) -> CodeParts:
        """Least squares, and the errors' covariance.

        Args:
            other: see `CodeParts`.

        Raises:
            ValueError: nothing was added.
        """
        steps = self.pairs.sum()
        if not steps:
            raise ValueError("nothing was heard")
        counts = self.pairs.sum(dim=1)[:, None], self.pairs.sum(dim=0)[:, None]
        first, second = torch.zeros_like(self.sums)
        for _ in range(ROUNDS):
            first = (self.sums[0] - self.pairs @ second) / (counts[0] + RARE)
            second = (self.sums[1] - self.pairs.t() @ first) / (counts[1] + RARE)
        whiten = self._whitening(first, second, counts, steps)
        centre = self.sums[0].sum(dim=0) / steps
        made = (first @ whiten, second @ whiten, whiten, centre, _over_its_mean(self.spectra))
        return CodeParts(*(tensor.float() for tensor in made), other)

    def _whitening(self, first: Tensor, second: Tensor, counts: tuple[Tensor, Tensor], steps: Tensor) -> Tensor:
        """What gives errors the covariance of one: of sum (z - u - v)(z - u - v)^T, from what was summed."""
        heard = first.t() @ self.sums[0] + second.t() @ self.sums[1]
        both = first.t() @ self.pairs @ second
        own = first.t() @ (counts[0] * first) + second.t() @ (counts[1] * second)
        covariance = (self.squares - heard - heard.t() + both + both.t() + own) / steps
        covariance.diagonal().add_(RIDGE * covariance.diagonal().mean())
        return torch.linalg.inv(torch.linalg.cholesky(covariance)).t()


def _over_its_mean(spectra: Tensor) -> Tensor:
    """Nothing stays nothing."""
    return spectra / spectra.mean(dim=-1, keepdim=True).clamp(min=torch.finfo(spectra.dtype).tiny)


def from_checkpoint(name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str) -> CodeParts:
    """Of a checkpoint's configuration and its tables.

    Raises:
        ValueError: tables of other codes.
    """
    tables = {key: state[key].to(device) for key in TENSORS}
    table, spectra = (config["classes"], config["code_width"]), (2, config["bins"])
    shapes = dict(zip(TENSORS, (table, table, table[1:] * 2, table[1:], spectra), strict=True))
    if any(tables[key].shape != shape for key, shape in shapes.items()):
        raise ValueError(f"its parts are not those of {table[0]} codes")
    return CodeParts(**tables, other=config["other"])
