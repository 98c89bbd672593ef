"""Guidance between two models whose logits stand in a table."""

import pytest
import torch
from torch import Tensor

from core.models.guided import Guided
from core.models.stepwise import StepwiseModel

TOLD, UNTOLD = torch.tensor([0.1, 0.9]).log(), torch.tensor([0.3, 0.7]).log()


class Table(StepwiseModel):
    """The same logits at every step; remembers what it took."""

    streams = 2

    def begin(self, condition: Tensor | None = None) -> None:
        self.row, self.past = UNTOLD if condition is None else TOLD, []

    def logits(self) -> Tensor:
        return self.row.expand(2, -1)

    def advance(self, classes: Tensor) -> None:
        self.past.append(classes)


def guided(guidance: float) -> tuple[Guided, Table, Table]:
    told, untold = Table(), Table()
    model = Guided(told, untold, guidance)
    model.begin(torch.zeros(2))
    return model, told, untold


@pytest.mark.parametrize(
    ("guidance", "shares"),
    [(0.0, [0.3, 0.7]), (1.0, [0.1, 0.9]), (2.0, [0.1**2 / 0.3, 0.9**2 / 0.7])],
)
def test_classes_follow_the_told_ones_to_the_power_of_the_guidance(guidance, shares):
    """p(x | y)^g p(x)^(1 - g), normalised."""
    shares = torch.tensor(shares) / sum(shares)
    torch.testing.assert_close(guided(guidance)[0].logits().softmax(-1), shares.expand(2, -1))


def test_both_take_what_is_drawn_and_the_told_one_says_how_likely_it_was():
    model, told, untold = guided(3.0)
    uniforms = torch.tensor([[0.001, 0.5, 0.9], [0.3, 0.01, 0.02]], dtype=torch.float64)
    classes, log_probs = model.draw(uniforms)
    assert set(classes.unique().tolist()) == {0, 1}
    torch.testing.assert_close(log_probs, TOLD[classes])
    assert torch.equal(torch.stack(told.past, dim=1), classes) and torch.equal(torch.stack(untold.past, dim=1), classes)


def test_both_take_what_is_given():
    model, told, untold = guided(3.0)
    x = torch.tensor([[0, 1], [1, 1]])
    torch.testing.assert_close(model.force(x), TOLD.expand(2, 2, -1))
    assert torch.equal(torch.stack(told.past, dim=1), x) and torch.equal(torch.stack(untold.past, dim=1), x)
