"""The mel denoiser: preconditioning, what is told, and that a fresh one changes nothing but the scale."""

import pytest
import torch

from core.models.mel_denoiser import NOT_TOLD, build

SIZES = {"bands": 6, "frames": 8, "patch": 2, "channels": 16, "blocks": 2, "heads": 4, "labels": ["a", "b"]}


def network(trained: bool = True):
    torch.manual_seed(0)
    model = build(SIZES)
    if trained:
        for layer in (model.modulate, model.head):  # which begin as zeros
            torch.nn.init.normal_(layer.weight, std=0.2)
    return model


def noisy(rows: int = 3):
    return torch.randn(rows, 6, 8, generator=torch.Generator().manual_seed(1))


def nobody(rows: int = 3):
    return torch.full((rows,), NOT_TOLD)


@pytest.mark.parametrize("level", [0.01, 1.0, 40.0])
def test_a_fresh_network_answers_the_best_linear_estimate(level):
    """Of data of unit variance: x / (1 + sigma^2), EDM's c_skip."""
    x = noisy()
    estimate = network(trained=False)(x, torch.full((3,), level), nobody(), nobody())
    torch.testing.assert_close(estimate, x / (1 + level**2))


def test_little_noise_leaves_little_to_say():
    """c_out vanishes with the noise: what is clean stays, whatever the network answers."""
    x = noisy()
    assert torch.allclose(network()(x, torch.full((3,), 1e-4), nobody(), nobody()), x, atol=1e-3)


def test_rows_are_answered_each_for_itself():
    model, x, sigma, label = network(), noisy(), torch.tensor([0.1, 1.0, 10.0]), torch.tensor([0, 1, 2])
    together = model(x, sigma, label, nobody())
    for row in range(3):
        alone = model(x[row : row + 1], sigma[row : row + 1], label[row : row + 1], nobody(1))
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-5)


def test_labels_are_heard():
    model, x, sigma = network(), noisy(), torch.ones(3)
    answers = [model(x, sigma, torch.full((3,), label), nobody()) for label in range(3)]
    assert not torch.allclose(answers[0], answers[1]) and not torch.allclose(answers[1], answers[2])


def test_a_moment_is_heard_in_its_own_group_and_in_the_others():
    """Groups of frames keep their order: the gradient of an output frame reaches every input frame."""
    x = noisy(1).requires_grad_()
    network()(x, torch.ones(1), nobody(1), nobody(1))[0, :, 5].sum().backward()
    assert (x.grad.abs().sum(dim=1) > 0).all()


def test_normalising_is_undone():
    model, mel = network(), noisy()
    model.mean.copy_(torch.arange(6.0)), model.scale.copy_(torch.arange(1.0, 7.0))
    torch.testing.assert_close(model.restore(model.normalise(mel)), mel)
    torch.testing.assert_close(model.normalise(model.mean[:, None].expand(6, 8)), torch.zeros(6, 8))
