"""Sums of codes: nearest by brute force, ties, and shares of their own."""

import pytest
import torch

from core.models import code_sums
from core.models.code_sums import CodeSums, sum_codes


def table_of(codebook: torch.Tensor, shares=(0.5, 0.5)) -> torch.Tensor:
    return torch.stack(list(sum_codes(codebook, shares)))


@pytest.fixture
def codebook() -> torch.Tensor:
    return torch.randn(30, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.3, 0.7), (1.0, 1.0)])
def test_no_code_is_nearer(codebook, shares):
    table = table_of(codebook, shares)
    k = codebook.double()
    sums = shares[0] * k[:, None] + shares[1] * k  # the row is the first source's code
    distances = torch.cdist(sums, k)
    chosen = distances.gather(2, table[..., None])[..., 0]
    torch.testing.assert_close(chosen, distances.amin(dim=2), atol=1e-9, rtol=0)


def test_of_two_ends_the_first_is_taken(codebook):
    table = table_of(codebook)
    assert torch.equal(table, table.t())
    assert torch.equal(table.diagonal(), torch.arange(30))
    apart = table_of(torch.eye(6))  # every half-way point is as near to both of its ends
    numbers = torch.arange(6)
    assert torch.equal(apart, torch.minimum(numbers[:, None], numbers))


def test_a_share_of_nothing_leaves_the_other_source(codebook):
    assert torch.equal(table_of(codebook, (1.0, 0.0)), torch.arange(30)[:, None].expand(30, 30))
    assert torch.equal(table_of(codebook, (0.0, 1.0)), torch.arange(30).expand(30, 30))


def test_a_checkpoint_keeps_table_and_shares(codebook):
    sums = CodeSums(table_of(codebook, (0.3, 0.7)), (0.3, 0.7))
    read = code_sums.from_checkpoint("x", sums.config, sums.state, "cpu")
    assert torch.equal(read.table.long(), sums.table) and read.shares == (0.3, 0.7) and read.classes == 30


@pytest.mark.parametrize("spoil", [{"classes": 29}, {"first": 30}, {"first": -1}], ids=str)
def test_a_table_of_other_codes_is_refused(codebook, spoil):
    sums = CodeSums(table_of(codebook))
    state, config = sums.state, sums.config | {key: spoil[key] for key in spoil if key == "classes"}
    state["sums"][0, 0] = spoil.get("first", 0)
    with pytest.raises(ValueError, match="not those of"):
        code_sums.from_checkpoint("x", config, state, "cpu")
