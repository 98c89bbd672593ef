"""Drawing a class from logits: the inverse of the cumulative distribution, temperature and top-k in closed form."""

import pytest
import torch

from core.models.categorical import pick

PROBABILITIES = torch.tensor([0.1, 0.4, 0.2, 0.3])


def shares(**settings) -> torch.Tensor:
    """How often each class is picked by uniforms on a fine grid."""
    uniforms = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    classes, log_probs = pick(PROBABILITIES.log().expand(10_000, -1), uniforms, **settings)
    torch.testing.assert_close(log_probs, PROBABILITIES.log()[classes])  # the model's own, however it is drawn
    assert (classes.diff() >= 0).all()
    return torch.bincount(classes, minlength=4) / 10_000


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, PROBABILITIES),
        ({"temperature": 0.5}, PROBABILITIES**2 / (PROBABILITIES**2).sum()),
        ({"temperature": 2.0}, PROBABILITIES**0.5 / (PROBABILITIES**0.5).sum()),
        ({"temperature": 0.0}, torch.tensor([0.0, 1, 0, 0])),
        ({"top_k": 1}, torch.tensor([0.0, 1, 0, 0])),
        ({"top_k": 2}, torch.tensor([0, 4 / 7, 0, 3 / 7])),
        ({"top_k": 3, "temperature": 0.5}, torch.tensor([0, 16 / 29, 4 / 29, 9 / 29])),
        ({"top_k": 4}, PROBABILITIES),
        ({"top_k": 99}, PROBABILITIES),
    ],
    ids=str,
)
def test_shares_are_the_probabilities(settings, expected):
    torch.testing.assert_close(shares(**settings), expected, atol=2e-4, rtol=0)


def test_as_likely_as_the_last_of_the_likeliest_stays():
    logits = torch.tensor([0.0, 1.0, 0.0, -1.0]).expand(3, -1)
    classes, _ = pick(logits, torch.tensor([0.0, 0.5, 0.99]), top_k=2)
    assert classes.tolist() == [0, 1, 2]


def test_edges_of_the_uniforms():
    """A class of no probability is never drawn, at the very ends neither."""
    logits = torch.tensor([-torch.inf, 0.0, 0.0, -torch.inf]).expand(2, -1)
    ends = torch.tensor([0.0, 1 - 2.0**-53], dtype=torch.float64)
    assert pick(logits, ends)[0].tolist() == [1, 2]
