"""The score of a PixelCNN that is told how noisy its pixels are: the gradient of the likelihood that it says."""

import pytest
import torch

from core.models.pixelcnn import PixelCNN, PixelCNNConfig
from core.priors import pixelcnn
from core.priors.pixelcnn import PixelCNNPrior, from_checkpoint

CONFIG = {"levels": 5, "width": 6, "blocks": 1, "head": 6, "labels": 0, "noise_conditional": True}


@pytest.fixture
def prior() -> PixelCNNPrior:
    torch.manual_seed(0)
    return PixelCNNPrior("pixels", PixelCNN(PixelCNNConfig(**CONFIG)).double())


@pytest.mark.parametrize("level", [0.5, 8.0])
def test_the_gradient_is_that_of_the_likelihood(prior, level):
    x, step = torch.randn(1, 1, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 2, 1e-5
    gradient = prior.score(x, level).gradient
    for row, column in ((0, 0), (1, 3), (3, 4)):
        there = torch.zeros_like(x)
        there[0, 0, row, column] = step
        slope = (prior.score(x + there, level).log_prob - prior.score(x - there, level).log_prob) / (2 * step)
        assert gradient[0, 0, row, column].item() == pytest.approx(slope.item(), rel=1e-5, abs=1e-9)


def test_without_a_network_the_estimate_is_the_mean_of_its_classes(prior):
    """Where logits see nothing, the smoothed likelihood is a mixture whose posterior mean is known in closed form."""
    for weight in prior.network.parameters():
        weight.zero_()
    x, level = torch.tensor([[[[-1.0, 0.3, 2.0, 7.5]]]], dtype=torch.float64), 0.7
    weights = (-((x[..., None] - torch.arange(5)) ** 2) / (2 * level**2)).softmax(dim=-1)
    torch.testing.assert_close(prior.denoise(x, level), (weights * torch.arange(5)).sum(dim=-1))


def test_images_are_scored_alike_some_at_a_time(prior, monkeypatch):
    x = torch.rand(5, 1, 4, 5, dtype=torch.float64) * 4
    whole = prior.score(x, 1.0)
    monkeypatch.setattr(pixelcnn, "AT_ONCE", 2 * 20)
    parts = prior.score(x, 1.0)
    torch.testing.assert_close(parts.gradient, whole.gradient)
    torch.testing.assert_close(parts.log_prob, whole.log_prob)


@pytest.mark.parametrize("others", [{}, {"vertical_residual": True, "rows": 29}])
def test_a_large_image_is_scored_in_tiles_as_in_one_piece(others, monkeypatch):
    torch.manual_seed(0)
    network = PixelCNN(PixelCNNConfig(**CONFIG | others)).double().requires_grad_(False)
    for block in network.blocks:
        if block.row is not None:
            block.row.weight.normal_()
    prior = PixelCNNPrior("pixels", network)
    x = torch.rand(2, 1, 31, 23, dtype=torch.float64) * 4
    whole = prior.score(x, 1.0)
    monkeypatch.setattr(pixelcnn, "AT_ONCE", 100)
    monkeypatch.setattr(pixelcnn, "TILE", 7)
    parts = prior.score(x, 1.0)
    torch.testing.assert_close(parts.gradient, whole.gradient)
    torch.testing.assert_close(parts.log_prob, whole.log_prob)


@pytest.mark.parametrize("residual", [False, True])
def test_nothing_is_seen_from_beyond_the_networks_reach(residual):
    torch.manual_seed(0)
    config = PixelCNNConfig(levels=3, width=4, blocks=2, head=4, labels=0, vertical_residual=residual)
    network = PixelCNN(config).double()
    x, at = torch.rand(1, 1, 30, 30, dtype=torch.float64, requires_grad=True), 20
    (gradient,) = torch.autograd.grad(network(x)[..., at, at].sum(), x)
    rows, columns = (gradient[0, 0].abs().amax(dim=dim).nonzero().flatten() for dim in (1, 0))
    assert max(at - rows.min(), at - columns.min(), columns.max() - at) <= network.reach


def test_the_ladder_begins_where_training_did(prior):
    made = from_checkpoint("pixels", CONFIG | {"loudest": 3.0}, prior.network.float().state_dict(), "cpu")
    assert made.levels[0] == pytest.approx(3.0 * 4)
