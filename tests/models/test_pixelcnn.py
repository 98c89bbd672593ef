"""Gated PixelCNN: what each pixel's colour may depend on, proved by gradient; drawn step by step as in one pass."""

import itertools

import pytest
import torch

from core.models.compiled.pixelcnn import PixelCNNSteps
from core.models.pixelcnn import PixelCNN, PixelCNNConfig, colour_mask

SIZES = {"levels": 3, "width": 7, "blocks": 2, "head": 5, "labels": 4}
KINDS = {
    "grey": {"colours": 1},
    "rgb": {"colours": 3},
    "original": {"colours": 3, "blind_first": True},
    "legacy": {"colours": 3, "blind_first": True, "legacy": True},
    "noise-told": {"colours": 1, "noise_conditional": True},
    "untold": {"colours": 1, "labels": 0},
    "residual, rows told": {"colours": 3, "vertical_residual": True, "rows": 4},
}
HEIGHT, WIDTH, IMAGES = 5, 6, 2


@pytest.fixture(params=KINDS)
def network(request) -> PixelCNN:
    torch.manual_seed(0)
    network = PixelCNN(PixelCNNConfig(**SIZES | KINDS[request.param])).requires_grad_(False)
    for block in network.blocks:
        if block.row is not None:  # which is 0 before it has learnt
            block.row.weight.normal_()
    return network


def seen_by_gradient(network, row: int, column: int, colour: int) -> torch.Tensor:
    """Which values the logits of one place depend on, in the order in which they are drawn."""
    colours = network.config.colours
    x = torch.rand(1, colours, HEIGHT, WIDTH, requires_grad=True)
    logits = network(x)[0, :, colour, row, column]
    (gradient,) = torch.autograd.grad((logits * torch.randn(len(logits))).sum(), x)
    return gradient[0].permute(1, 2, 0).flatten() != 0


def test_nothing_depends_on_what_is_not_yet_drawn(network):
    colours = network.config.colours
    places = itertools.product(range(HEIGHT), range(WIDTH), range(colours))
    for step, place in enumerate(places):
        assert not seen_by_gradient(network, *place)[step:].any(), place


def test_there_is_no_blind_spot():
    """With blocks enough, the last pixel sees all others; the original's first block hides a colour's own left."""
    torch.manual_seed(0)
    for colours, residual in itertools.product((1, 3), (False, True)):
        config = PixelCNNConfig(colours=colours, width=12, blocks=5, vertical_residual=residual)
        network = PixelCNN(config).requires_grad_(False)
        assert seen_by_gradient(network, HEIGHT - 1, WIDTH - 1, colours - 1)[:-1].all()


def test_masks_by_hand():
    """Colours of 4 channels are 0, 1, 2, 0."""
    mask = colour_mask(4, 4, 3, 3, "A")
    assert mask[..., 0].all() and not mask[..., 2].any()
    assert mask[:, :, 0, 1].tolist() == [[0, 0, 0, 0], [1, 0, 0, 1], [1, 1, 0, 1], [0, 0, 0, 0]]
    assert (colour_mask(4, 4, 3, 3, "B") - mask)[:, :, 0, 1].sum() == 6
    assert not colour_mask(4, 4, 3, 3, "none")[..., 1:].any()


def test_likelihoods_of_all_images_add_up_to_one():
    torch.manual_seed(0)
    network = PixelCNN(PixelCNNConfig(**SIZES | {"levels": 2}))
    images = torch.tensor(list(itertools.product(range(2), repeat=6))).view(-1, 1, 2, 3)
    total = network.log_prob(images, torch.zeros(len(images), dtype=torch.long)).sum(dim=(1, 2, 3)).exp().sum()
    torch.testing.assert_close(total, torch.tensor(1.0))


def test_what_is_not_told_is_the_mean_of_the_labels():
    torch.manual_seed(0)
    network = PixelCNN(PixelCNNConfig(**SIZES))
    for block in network.blocks:
        block.label.weight.data[:] = block.label.weight[0]
    x = torch.rand(2, 1, HEIGHT, WIDTH)
    torch.testing.assert_close(network(x), network(x, torch.tensor([2, -1])))


def label_of(network) -> torch.Tensor | None:
    return torch.tensor([1, 3]) if network.config.labels else None


def test_steps_have_the_logits_of_one_pass(network):
    config = network.config
    x = torch.randint(config.levels, (IMAGES, config.colours, HEIGHT, WIDTH))
    expected = network(network.scaled(x), label_of(network)).permute(0, 3, 4, 2, 1).flatten(1, 3)
    classes = x.permute(0, 2, 3, 1).flatten(1)
    steps = PixelCNNSteps(network, IMAGES, HEIGHT, WIDTH)
    for parts in ([classes.shape[1]], [1, 7, 20, classes.shape[1] - 28]):
        steps.begin(label_of(network))
        made = torch.cat([steps.force(part) for part in classes.split(parts, dim=1)], dim=1)
        torch.testing.assert_close(made, expected, atol=1e-5, rtol=1e-4)
    steps.begin(label_of(network))
    for n in range(2 * WIDTH):
        torch.testing.assert_close(steps.logits(), expected[:, n], atol=1e-5, rtol=1e-4)
        assert torch.equal(steps.logits(), steps.logits())
        steps.advance(classes[:, n])


def test_draws_follow_the_logits_and_do_not_depend_on_how_they_are_cut(network):
    steps = PixelCNNSteps(network, IMAGES, HEIGHT, WIDTH)
    uniforms = torch.rand(IMAGES, steps.steps, dtype=torch.float64)
    steps.begin(label_of(network))
    classes, log_probs = steps.draw(uniforms)
    steps.begin(label_of(network))
    parts = [steps.draw(part)[0] for part in uniforms.split(11, dim=1)]
    assert torch.equal(torch.cat(parts, dim=1), classes)
    steps.begin(label_of(network))
    forced = steps.force(classes).log_softmax(-1).gather(-1, classes[..., None])[..., 0]
    torch.testing.assert_close(log_probs, forced, atol=1e-5, rtol=1e-4)


def test_images_end():
    network = PixelCNN(PixelCNNConfig(**SIZES)).requires_grad_(False)
    steps = PixelCNNSteps(network, 1, 2, 2)
    with pytest.raises(ValueError, match="4 steps 4 are left, not 5"):
        steps.draw(torch.rand(1, 5))


def test_streams_go_on_from_the_pasts_of_others():
    """In the middle of a row, some of them several times."""
    torch.manual_seed(0)
    config = PixelCNNConfig(**SIZES, vertical_residual=True, rows=HEIGHT)
    steps, places = PixelCNNSteps(PixelCNN(config).requires_grad_(False), 3, HEIGHT, WIDTH), WIDTH + 3
    label, x = torch.tensor([0, 1, 2]), torch.randint(0, 3, (3, HEIGHT * WIDTH))
    steps.begin(label)
    steps.force(x[:, :places])
    rows = torch.tensor([2, 0, 2])
    steps.take(rows)
    after = steps.force(x[:, places:])
    steps.begin(label[rows])
    steps.force(x[rows, :places])
    torch.testing.assert_close(after, steps.force(x[:, places:]))
