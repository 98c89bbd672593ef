"""What is logged of layers: root mean squares of their outputs and of their weights' gradients."""

import pytest
import torch
from torch import nn

from core.training.layer_statistics import LayerStatistics


def test_figures_are_those_of_the_last_pass():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU())
    nn.init.eye_(model[0].weight)
    statistics = LayerStatistics(model)
    assert statistics.figures() == {}
    model(torch.tensor([[3.0, -4.0]])).sum().backward()
    figures = statistics.figures()
    assert figures["output/0"] == pytest.approx(12.5**0.5)
    assert figures["gradient/0.weight"] == pytest.approx((25 / 4) ** 0.5)
    assert set(figures) == {"output/0", "gradient/0.weight"}, "layers without weights are left out"
