"""Some samples are known exactly, the others are free: what gaps and clipping share."""

from dataclasses import dataclass

from torch import Tensor

from core.signal.companding import Domain
from core.types import Observation


def misfit(error: Tensor) -> float:
    """Root mean square of an error; zero where there is nothing to miss."""
    return error.square().mean().sqrt().item() if error.numel() else 0.0


@dataclass(frozen=True, eq=False)
class Masked(Observation):
    """Known samples are hard evidence.

    Args:
        observed: what was measured, in the prior's domain, [batch, frames]; arbitrary where it is unknown.
        mask: True where a sample is known, [batch, frames].
    """

    observed: Tensor
    mask: Tensor
    domain: Domain

    def forward(self, x: Tensor) -> Tensor:
        """A x: zeros where nothing is known."""
        return x * self.mask

    def adjoint(self, y: Tensor) -> Tensor:
        """A* y = A y: a mask is its own adjoint."""
        return y * self.mask

    def project(self, x: Tensor) -> Tensor:
        """Puts the known samples back."""
        return self.observed.where(self.mask, x)

    def residual(self, denoised: Tensor) -> float:
        """Root mean square distance of the estimate, before projection, to the known samples."""
        return misfit((self.domain.decode(denoised) - self.domain.decode(self.observed))[self.mask])
