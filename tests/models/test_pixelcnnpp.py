"""PixelCNN++: what a pixel sees, by gradient; its mixtures against their definition."""

import math

import pytest
import torch

from core.models.logistic_mixture import grid_log_prob, log_prob, mixture_of, smoothed_log_prob
from core.models.pixelcnnpp import PixelCNNPP, PixelCNNPPConfig

HEIGHT = WIDTH = 8


@pytest.fixture(params=[1, 3], ids=["grey", "rgb"])
def network(request) -> PixelCNNPP:
    torch.manual_seed(0)
    sizes = PixelCNNPPConfig(blocks=1, width=6, mixtures=2, colours=request.param)
    return PixelCNNPP(sizes).eval().requires_grad_(False)


def test_a_pixel_sees_nothing_of_itself_and_later_ones(network):
    x = torch.rand(1, network.config.colours, HEIGHT, WIDTH, requires_grad=True)
    out = network(x)
    for step in range(HEIGHT * WIDTH):
        row, column = divmod(step, WIDTH)
        own = (out[0, :, row, column] * torch.randn(out.shape[1])).sum()
        (gradient,) = torch.autograd.grad(own, x, retain_graph=True)
        assert not gradient[0].abs().sum(0).flatten()[step:].any()
    assert gradient[0].abs().sum(0).flatten()[:-1].count_nonzero() > HEIGHT * WIDTH / 2


def test_green_and_blue_depend_on_the_colours_before_them():
    torch.manual_seed(0)
    outputs, x = torch.randn(1, 20, 2, 2), torch.rand(1, 3, 2, 2) * 2 - 1
    plain = mixture_of(outputs, torch.zeros_like(x)).means
    c0, c1, c2 = outputs[:, 2:].unflatten(1, (3, 3, 2))[:, :, 2].tanh().unbind(1)
    moved = mixture_of(outputs, x).means - plain
    assert not moved[:, :, 0].any()
    torch.testing.assert_close(moved[:, :, 1], c0 * x[:, None, 0])
    torch.testing.assert_close(moved[:, :, 2], c1 * x[:, None, 0] + c2 * x[:, None, 1])


def test_the_masses_of_all_bins_add_up_to_one():
    """Of one colour, where scales are broad enough for every bin to count as a mass."""
    torch.manual_seed(0)
    outputs = torch.randn(1, 6, 3, 3)
    outputs[:, 4:] = -2
    x = torch.linspace(-1, 1, 256).view(-1, 1, 1, 1).expand(-1, 1, 3, 3)
    total = log_prob(outputs.expand(256, -1, -1, -1), x).exp().sum(dim=0)
    torch.testing.assert_close(total, torch.ones(3, 3), atol=1e-4, rtol=0)


def test_smoothing_is_a_mixture_of_gaussians_over_the_grid():
    torch.manual_seed(0)
    outputs, x, sigma, points = torch.randn(1, 6, 2, 2), torch.rand(1, 1, 2, 2), 0.3, 16
    weights = grid_log_prob(outputs, x, points).softmax(0)
    grid = torch.linspace(-1, 1, points).view(-1, 1, 1, 1, 1)
    density = (weights * torch.exp(-(((x - grid) / sigma) ** 2) / 2)).sum(0) / (sigma * math.sqrt(2 * math.pi))
    torch.testing.assert_close(smoothed_log_prob(outputs, x, sigma, points), density.log())
