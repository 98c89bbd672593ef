"""Weights of eight bits: how near they are, what stays as it is, what no checkpoint may say."""

import pytest
import torch

from core.errors import InputError
from core.zoo.checkpoint import load_checkpoint, save_checkpoint
from core.zoo.eight_bits import SCALE, from_eight_bits, to_eight_bits


@pytest.fixture
def state():
    torch.manual_seed(0)
    rows = torch.logspace(-6, 3, 8)[:, None]
    exact = {"table": torch.randn(4, 7), "bias": torch.randn(8).half()}
    return exact | {
        "matrix": (rows * torch.randn(8, 33)).half(),
        "kernel": torch.randn(4, 3, 5).half(),
        "zeros": torch.zeros(2, 2).half(),
    }


def test_weights_are_as_near_as_their_rows_largest_allows(state):
    again = from_eight_bits(to_eight_bits(state))
    for name, weight in state.items():
        step = weight.float().reshape(len(weight), -1).abs().amax(dim=1) / 127 * (name not in ("table", "bias"))
        wrong = (again[name] - weight.float()).reshape(len(weight), -1).abs().amax(dim=1)
        assert (wrong <= 0.5001 * step + 1e-30).all(), name
    assert torch.equal(again["bias"], state["bias"]) and again["kernel"].dtype == torch.float32
    assert torch.equal(again["table"], state["table"]), "what must not be rounded to half precision is not to less"


def test_a_file_holds_them_and_is_read_as_any(state, tmp_path):
    small, whole = tmp_path / "small.safetensors", tmp_path / "whole.safetensors"
    state["matrix"] = state["matrix"].repeat(1, 400)
    save_checkpoint(small, "x", {}, to_eight_bits(state))
    save_checkpoint(whole, "x", {}, {name: weight.half() for name, weight in state.items()})
    assert small.stat().st_size < 0.55 * whole.stat().st_size
    read = load_checkpoint(small)
    assert read.state.keys() == state.keys() and all(weight.dtype == torch.float32 for weight in read.state.values())


@pytest.mark.parametrize("scale", [torch.ones(3), torch.ones(8, 1), torch.tensor(1.0)])
def test_scales_that_do_not_fit_are_refused(state, tmp_path, scale):
    path = tmp_path / "odd.safetensors"
    save_checkpoint(path, "x", {}, to_eight_bits(state) | {"matrix" + SCALE: scale})
    with pytest.raises(InputError, match="no Resound checkpoint"):
        load_checkpoint(path)
    save_checkpoint(path, "x", {}, state | {"nothing" + SCALE: torch.ones(8)})
    with pytest.raises(InputError, match="no Resound checkpoint"):
        load_checkpoint(path)
