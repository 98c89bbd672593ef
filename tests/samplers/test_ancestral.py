"""Ancestral sampling: compiled logits are the network's, draws follow the distribution, chunks change nothing."""

import itertools

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.models.wavenet import WaveNet, WaveNetConfig
from core.models.wavenet_steps import LayerQueues
from core.samplers.ancestral import ancestral, gates_of

SIZES = {"layers": 6, "stacks": 2, "residual": 10, "gate": 16, "skip": 7, "classes": 256}
TOLD = {"bands": 5, "frame_padding": 1, "upsampling": (2, 4)}


def make(**sizes) -> WaveNet:
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig(**SIZES, **sizes)).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.normal_(0, 0.3)
    model.first.requires_grad_(False)
    return model


@pytest.mark.parametrize("kernel_size", [2, 3])
@pytest.mark.parametrize("kind", [{}, {"noise_conditional": True}, TOLD], ids=["plain", "noise", "told"])
def test_teacher_forced_logits_equal_the_parallel_pass(kernel_size, kind):
    model = make(kernel_size=kernel_size, **kind)
    x = torch.randint(0, 256, (3, 96), generator=torch.Generator().manual_seed(1)).float()
    condition = model.upsample(torch.randn(3, 5, 14)) if "bands" in kind else None
    if not model.config.noise_conditional:
        model.first.weight /= 100  # raw class indices
    expected = model(x, torch.full((3,), 2.5), condition=condition)
    queues = LayerQueues(model, streams=3, sigma=2.5)
    parts = [slice(0, 40), slice(40, 41), slice(41, 96)]
    gates = [None if condition is None else gates_of(model, condition[:, part]) for part in parts]
    logits = np.concatenate(
        [queues.logits(x[:, part].numpy(), g) for part, g in zip(parts, gates, strict=True)], axis=1
    )
    assert np.abs(logits - expected.numpy()).max() < 1e-4 * expected.abs().max()


def test_draws_follow_the_distribution():
    """The first sample after one that is given: thousands of streams against its probabilities."""
    model = make(kernel_size=2)
    model.first.weight /= 100
    initial = torch.full((4000, 1), 127.0)
    *_, last = ancestral(model, frames=1, generator=torch.Generator().manual_seed(0), initial=initial)
    probabilities = model(initial[:1])[0, 0].softmax(-1).numpy()
    counts = np.bincount(last.x[:, 0].long().numpy(), minlength=256)
    expected = 4000 * probabilities
    often = expected > 5
    assert often.sum() > 5
    chi_squared = ((counts - expected)[often] ** 2 / expected[often]).sum()
    assert chi_squared < often.sum() + 5 * np.sqrt(2 * often.sum())


def test_log_prob_is_that_of_the_samples_drawn():
    model = make(kernel_size=2)
    model.first.weight /= 100
    initial = torch.full((2, 1), 127.0)
    generator = torch.Generator().manual_seed(0)
    *_, last = ancestral(model, frames=30, generator=generator, initial=initial, temperature=0.7, chunk=30)
    logits = model(torch.cat([initial, last.x[:, :-1]], dim=1))
    own = logits.log_softmax(-1).gather(2, last.x[..., None].long())
    assert last.log_prob == pytest.approx(own.mean().item(), rel=1e-3)


def draw(streams=2, seed=0, **settings) -> torch.Tensor:
    model = make(kernel_size=2)
    model.first.weight /= 100
    initial = settings.pop("initial", torch.full((streams, 1), 127.0))
    generator = torch.Generator().manual_seed(seed)
    *_, last = ancestral(model, frames=50, generator=generator, initial=initial, **settings)
    return last.x


def test_seed_streams_and_chunks():
    assert torch.equal(draw(), draw(chunk=7)), "the chunk is only how often one hears of it"
    assert torch.equal(draw(3)[:2], draw(2)), "a stream does not know of the others"
    assert not torch.equal(draw(seed=1), draw()) and not torch.equal(draw()[0], draw()[1])


def test_cold_draws_take_the_likeliest_class():
    x = draw(temperature=0.0)
    assert torch.equal(x[0], x[1])
    model = make(kernel_size=2)
    model.first.weight /= 100
    logits = model(torch.cat([torch.full((1, 1), 127.0), x[:1, :-1]], dim=1))
    assert torch.equal(logits[0].argmax(-1).float(), x[0])


def test_a_longer_beginning_is_gone_on_from():
    longer = torch.randint(0, 256, (2, 90), generator=torch.Generator().manual_seed(2)).float()
    assert not torch.equal(draw(initial=longer), draw(initial=longer[:, -1:]))


def test_the_beginning_is_there_before_the_end():
    model = make(kernel_size=2)
    run = ancestral(model, frames=10**9, generator=torch.Generator(), initial=torch.zeros(1, 1), chunk=16)
    iterates = list(itertools.islice(run, 3))
    assert [i.x.shape[1] for i in iterates] == [16, 32, 48] and iterates[0].total_steps == 10**9
    assert torch.equal(iterates[2].x[:, :32], iterates[1].x)


@pytest.mark.parametrize("settings", [{"temperature": -1.0}, {"temperature": float("nan")}, {"frames": 0}])
def test_refusals(settings):
    with pytest.raises(InputError):
        next(ancestral(make(), **{"frames": 5} | settings, generator=torch.Generator(), initial=torch.zeros(1, 1)))
