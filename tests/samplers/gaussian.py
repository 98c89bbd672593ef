"""A Gaussian prior: its posterior under hard and soft linear evidence is known."""

import torch

from core.signal.companding import Waveform
from core.types import Score


class GaussianPrior:
    """x ~ N(mean, covariance), so x + level * noise ~ N(mean, covariance + level^2 I)."""

    name, sample_rate, domain, rms, device = "gaussian", 16000, Waveform(), 1.0, torch.device("cpu")
    start_level = 1.0

    def __init__(self, mean: torch.Tensor, covariance: torch.Tensor, levels):
        self.mean, self.covariance, self.levels = mean, covariance, levels
        self.eye = torch.eye(len(mean))

    def encode(self, waveform):
        return waveform

    decode = encode

    def score(self, x, level, condition=None):
        noisy = self.covariance + level**2 * self.eye
        gradient = -torch.linalg.solve(noisy, (x - self.mean).T).T
        distribution = torch.distributions.MultivariateNormal(self.mean, noisy)
        return Score(gradient, distribution.log_prob(x))

    def denoise(self, x, level, condition=None):
        return x + level**2 * self.score(x, level).gradient

    def estimate(self, condition):
        return None
