"""Gaussian priors: their posteriors under hard and soft linear evidence are known."""

import torch

from core.signal.companding import Waveform
from core.types import Prior, Score


class GaussianPrior(Prior):
    """x ~ N(mean, covariance), so x + level * noise ~ N(mean, covariance + level^2 I)."""

    name, sample_rate, domain, rms, device = "gaussian", 16000, Waveform(), 1.0, torch.device("cpu")
    start_level = 1.0

    def __init__(self, mean: torch.Tensor, covariance: torch.Tensor, levels):
        self.mean, self.covariance, self.levels = mean, covariance, levels
        self.variances, self.axes = torch.linalg.eigh(covariance)
        self.calls = 0

    def score(self, x, level, condition=None):
        self.calls += 1
        variances, along = self.variances + level**2, (x - self.mean) @ self.axes
        log_prob = -(along**2 / variances + (2 * torch.pi * variances).log()).sum(dim=1) / 2
        return Score(-(along / variances) @ self.axes.T, log_prob)


class BlockPrior(GaussianPrior):
    """One long sequence whose blocks are independent draws from one Gaussian: a chain is many."""

    @property
    def size(self) -> int:
        """Samples of a block."""
        return len(self.mean)

    def score(self, x, level, condition=None):
        score = super().score(x.view(-1, self.size), level)
        return Score(score.gradient.view(x.shape), score.log_prob.view(len(x), -1).sum(dim=1))
