"""Gated recurrent units of our own: states and gradients are those of torch."""

import pytest
import torch
from torch import nn

from core.models.recurrence import run_gru


@pytest.mark.parametrize(("batch", "frames"), [(3, 11), (1, 1)])
def test_states_and_gradients_are_torchs(batch, frames):
    torch.manual_seed(0)
    gru, x = nn.GRU(5, 7, batch_first=True), torch.randn(batch, frames, 5, requires_grad=True)
    at_states, at_last = torch.randn(batch, frames, 7), torch.randn(1, batch, 7)

    def gradients(states, last):
        return torch.autograd.grad((states * at_states).sum() + (last * at_last).sum(), [x, *gru.parameters()])

    ours, theirs = run_gru(gru, x), gru(x)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(gradients(*ours), gradients(*theirs), atol=1e-5, rtol=1e-5)


def test_frozen_layers_are_torchs_own():
    gru, x = nn.GRU(5, 7, batch_first=True).requires_grad_(False), torch.randn(2, 4, 5)
    for ours, theirs in zip(run_gru(gru, x), gru(x), strict=True):
        assert torch.equal(ours, theirs)
