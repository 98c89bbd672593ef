"""Muon: matrices are orthogonalised, everything else takes AdamW's steps, and a training goes on where it was."""

import pytest
import torch
from torch import nn

from core.training.muon import ADAMW_RMS, Muon, orthogonalise

RATE, BETAS, DECAY = 1e-2, (0.9, 0.99), 0.1


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.ModuleDict({"conv": nn.Conv2d(6, 8, 3), "table": nn.Embedding(4, 5), "norm": nn.LayerNorm(5)})


def give_gradients(model: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)


@pytest.mark.parametrize("shape", [(8, 54), (54, 8), (16, 16)])
def test_singular_values_become_about_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    for scale in (1, 1e-6):
        inside = u.T @ orthogonalise(scale * matrix) @ v.T  # diagonal, as the singular vectors stay
        large = inside.diagonal()[values > 0.1 * values.max()]
        assert ((large > 0.6) & (large < 1.3)).all()
        torch.testing.assert_close(inside, torch.diag(inside.diagonal()), rtol=0, atol=1e-3)


def test_steps_of_matrices_are_as_long_as_adamw_s():
    model = network()
    before = model["conv"].weight.detach().clone()
    give_gradients(model, 0)
    Muon(model, RATE, BETAS, 0.0).step()
    step = model["conv"].weight.detach() - before
    assert step.square().mean().sqrt().item() == pytest.approx(RATE * ADAMW_RMS, rel=0.2)


def test_what_is_no_matrix_takes_adamw_s_steps():
    ours, theirs = network(), network()
    optimizers = (
        Muon(ours, RATE, BETAS, DECAY),
        torch.optim.AdamW(theirs.parameters(), lr=RATE, betas=BETAS, weight_decay=DECAY),
    )
    for seed in range(5):
        for model, optimizer in zip((ours, theirs), optimizers, strict=True):
            give_gradients(model, seed)
            optimizer.step()
    for name in ("conv.bias", "table.weight", "norm.weight", "norm.bias"):
        torch.testing.assert_close(ours.get_parameter(name), theirs.get_parameter(name))
    assert not torch.allclose(ours["conv"].weight, theirs["conv"].weight)


def test_it_goes_on_from_a_saved_state():
    def run(steps: range, model: nn.Module, optimizer: Muon) -> None:
        for seed in steps:
            give_gradients(model, seed)
            optimizer.step()

    whole = network()
    run(range(4), whole, Muon(whole, RATE, BETAS, DECAY))
    first = network()
    optimizer = Muon(first, RATE, BETAS, DECAY)
    run(range(2), first, optimizer)
    second = network()
    second.load_state_dict(first.state_dict())
    resumed = Muon(second, RATE, BETAS, DECAY)
    resumed.load_state_dict(optimizer.state_dict())
    run(range(2, 4), second, resumed)
    for name, weight in whole.named_parameters():
        torch.testing.assert_close(second.get_parameter(name), weight)
