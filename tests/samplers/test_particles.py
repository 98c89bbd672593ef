"""Particles are resampled as their weights say."""

import pytest
import torch

from core.samplers.particles import effective_share, resampled


def test_rows_are_resampled_in_proportion():
    weights = torch.tensor([0.5, 0.25, 0.25, 0.0]).log()
    assert resampled(weights, 0.5).tolist() == [0, 0, 1, 2]
    counts = sum(resampled(torch.tensor([0.3, 0.7]).log(), u / 100).bincount(minlength=2) for u in range(100))
    assert counts.tolist() == pytest.approx([60, 140], abs=2)
    assert effective_share(torch.zeros(8)) == pytest.approx(1)
    assert effective_share(torch.tensor([0.0, -1e3])) == pytest.approx(0.5)


# ---- which chains ----------------------------------------------------------------------------------------------------
