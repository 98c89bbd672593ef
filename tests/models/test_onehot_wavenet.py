"""The one-hot WaveNet: what a prediction sees, by gradient; drawn step by step as in one pass."""

import pytest
import torch

from core.models.compiled.onehot_wavenet import OneHotWaveNetSteps
from core.models.onehot_wavenet import OneHotWaveNet, OneHotWaveNetConfig

SIZES = {"levels": 8, "width": 5, "head": 6, "stacks": 2, "layers": 3}
KINDS = {"plain": {}, "told": {"labels": 3}, "legacy": {"legacy": True}}
FRAMES, STREAMS = 40, 2


def make(**changes) -> OneHotWaveNet:
    torch.manual_seed(0)
    return OneHotWaveNet(OneHotWaveNetConfig(**SIZES | changes)).requires_grad_(False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_prediction_sees_its_receptive_field_and_nothing_later(kind):
    network = make(**KINDS[kind])
    x = network.inputs(torch.randint(8, (1, FRAMES))).requires_grad_()
    (gradient,) = torch.autograd.grad((network(x)[0, -1] * torch.randn(8)).sum(), x)
    seen = gradient[0].abs().sum(-1).nonzero()[:, 0]
    last = FRAMES - 1 if network.config.legacy else FRAMES - 2  # the early version was trained to see its target
    first = FRAMES - 1 - network.config.receptive_field
    assert seen.min() == first and seen.max() == last


@pytest.mark.parametrize("kind", KINDS)
def test_steps_see_nothing_that_is_not_yet_drawn(kind):
    network = make(**KINDS[kind])
    label = torch.tensor([0, 2]) if network.config.labels else None
    x = torch.randint(8, (STREAMS, FRAMES))
    steps = OneHotWaveNetSteps(network, STREAMS)
    steps.begin(label)
    forced = steps.force(x)
    for t in (0, 1, 7, FRAMES - 1):
        unknown = network.inputs(x)
        unknown[:, t:] = 0
        torch.testing.assert_close(network(unknown, label)[:, t], forced[:, t], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_follow_the_logits(kind):
    network = make(**KINDS[kind])
    steps, uniforms = OneHotWaveNetSteps(network, STREAMS), torch.rand(STREAMS, FRAMES, dtype=torch.float64)
    classes, log_probs = steps.draw(uniforms)
    steps.begin()
    for t in range(5):
        logits = steps.logits()
        assert torch.equal(logits, steps.logits()), "asking again changes nothing"
        torch.testing.assert_close(logits.log_softmax(-1).gather(-1, classes[:, t : t + 1])[:, 0], log_probs[:, t])
        steps.advance(classes[:, t])


def test_likelihoods_add_up_to_one():
    network = make(levels=2)
    sequences = torch.cartesian_prod(*[torch.arange(2)] * 6)
    torch.testing.assert_close(network.log_prob(sequences).sum(dim=1).exp().sum(), torch.tensor(1.0))
