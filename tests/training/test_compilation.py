"""A compiled network is the same network."""

import pytest
import torch
from torch import nn

from core.errors import InputError
from core.training.compilation import compile_in_place


@pytest.mark.slow
def test_a_compiled_network_computes_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2)), torch.randn(3, 5)
    plain, names = model(x), list(model.state_dict())
    plain.sum().backward()
    gradient = model[0].weight.grad.clone()
    model.zero_grad()
    try:
        compile_in_place(model)
    except InputError as error:
        pytest.skip(str(error))
    torch.testing.assert_close(model(x), plain)
    model(x).sum().backward()
    torch.testing.assert_close(model[0].weight.grad, gradient)
    assert list(model.state_dict()) == names  # checkpoints stay as they are


def test_without_a_compiler_one_is_asked_for(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(InputError, match="needs a C\\+\\+ compiler"):
        compile_in_place(nn.Linear(1, 1))
