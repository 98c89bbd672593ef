"""The noise of a diffusion over discrete steps (Ho et al. 2020): x_t = sqrt(abar_t) clean + sqrt(1 - abar_t) noise.

In the house's terms x = x_t / sqrt(abar_t) is clean sound with noise of level sqrt((1 - abar_t) / abar_t).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class NoiseSchedule:
    """Steps 0 to T - 1, from little noise to much.

    Args:
        betas: variance of the noise that every step adds.

    Attributes:
        alpha_bars: running product of 1 - beta, float32 `[T]`.
        levels: of the noise over the clean sound, one a step, rising.
    """

    def __init__(self, betas: Sequence[float] | Tensor):
        self.betas = torch.as_tensor(betas, dtype=torch.float32)
        alphas = (1 - self.betas).numpy()
        self.alpha_bars = torch.from_numpy(np.multiply.accumulate(alphas))  # step by step in float32, as the originals
        self.levels = ((1 - self.alpha_bars.double()) / self.alpha_bars.double()).sqrt()

    @classmethod
    def linear(cls, steps: int, first: float, last: float) -> "NoiseSchedule":
        """Betas evenly spaced from the first to the last, as DiffWave's."""
        return cls(torch.linspace(first, last, steps))

    def __len__(self) -> int:
        return len(self.betas)

    @property
    def deviations(self) -> Tensor:
        """Standard deviation of the noise that a step back adds, `[T]`; step 0 adds none, and has beta's there."""
        before = torch.cat([torch.zeros(1), self.alpha_bars[:-1]])
        variances = self.betas * (1 - before) / (1 - self.alpha_bars)
        return torch.cat([self.betas[:1], variances[1:]]).sqrt()

    def step_of(self, level: float) -> float:
        """The step at which noise has this level, fractional between two; the nearest for what lies outside."""
        place = torch.tensor(level, dtype=torch.float64).log()
        known = self.levels.log()
        after = int(torch.searchsorted(known, place).clamp(1, len(self) - 1)) if len(self) > 1 else 0
        if after == 0:
            return 0.0
        share = (place - known[after - 1]) / (known[after] - known[after - 1])
        return after - 1 + share.clamp(0, 1).item()
