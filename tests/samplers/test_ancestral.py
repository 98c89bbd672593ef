"""Ancestral sampling, of toys whose distributions are known: streams, chunks and beginnings; and of a WaveNet."""

import itertools

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.models.stepwise import StepwiseModel
from core.models.wavenet import WaveNet, WaveNetConfig
from core.priors.wavenet import WaveNetPrior
from core.samplers.ancestral import ancestral, ancestral_between
from core.signal.companding import MuLaw


class MarkovChain(StepwiseModel):
    """A class depends on the one before; the condition, `[streams, steps, classes]`, adds to the logits."""

    def __init__(self, transitions: torch.Tensor, streams: int):
        self.transitions, self.streams = transitions, streams

    def begin(self, condition=None):
        self.condition, self.time = condition, 0
        self.last = torch.zeros(self.streams, dtype=torch.long)

    def logits(self):
        logits = self.transitions[self.last].log()
        return logits if self.condition is None else logits + self.condition[:, self.time]

    def advance(self, classes):
        self.last, self.time = classes.long(), self.time + 1


class JointChains(StepwiseModel):
    """Two chains whose codes are drawn together: class a + b * codes says that they go to a and b."""

    def __init__(self, transitions: torch.Tensor, streams: int, agreement: torch.Tensor):
        self.chains = MarkovChain(transitions, streams), MarkovChain(transitions, streams)
        self.streams, self.agreement = streams, agreement

    def begin(self, condition=None):
        for chain in self.chains:
            chain.begin()

    def logits(self):
        first, second = (chain.logits() for chain in self.chains)
        return (first[:, None, :] + second[:, :, None] + self.agreement).flatten(1)

    def advance(self, classes):
        for chain, codes in zip(self.chains, (classes % 3, classes // 3), strict=True):
            chain.advance(codes)


TRANSITIONS = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])


def draw(model=None, streams=2, steps=50, seed=0, **settings):
    """The last iterate."""
    model = model or MarkovChain(TRANSITIONS, streams)
    *_, last = ancestral(model, steps=steps, generator=torch.Generator().manual_seed(seed), **settings)
    return last


def assert_drawn_from(x: torch.Tensor, probabilities: torch.Tensor) -> None:
    expected = len(x) * probabilities.numpy()
    counts = np.bincount(x.long().numpy(), minlength=len(expected))
    often = expected > 5
    chi_squared = ((counts - expected)[often] ** 2 / expected[often]).sum()
    assert often.sum() > 2 and chi_squared < often.sum() + 5 * np.sqrt(2 * often.sum())


def test_every_step_follows_its_distribution():
    x = draw(streams=4000, steps=4).x
    powers = [torch.linalg.matrix_power(TRANSITIONS, n)[0] for n in range(1, 5)]
    for n, probabilities in enumerate(powers):
        assert_drawn_from(x[:, n], probabilities)


def test_two_chains_are_drawn_together():
    agreement = 2 * torch.eye(3)  # evidence that they go the same way
    x = draw(JointChains(TRANSITIONS, 4000, agreement), steps=2).x
    joint = TRANSITIONS[0][:, None] * TRANSITIONS[0] * agreement.exp()
    assert_drawn_from(x[:, 0], joint.flatten() / joint.sum())
    first, second = x.long() % 3, x.long() // 3
    came = first[:, 0] + 3 * second[:, 0] == 1 + 3 * 2
    then = TRANSITIONS[2][:, None] * TRANSITIONS[1] * agreement.exp()
    assert_drawn_from(x[came, 1], then.flatten() / then.sum())


def test_seed_streams_and_chunks():
    x = draw().x
    assert torch.equal(x, draw(chunk=7).x), "the chunk is only how often one hears of it"
    assert torch.equal(draw(streams=3).x[:2], x), "a stream does not know of the others"
    assert not torch.equal(draw(seed=1).x, x) and not torch.equal(x[0], x[1])


def test_cold_draws_take_the_likeliest_class():
    assert draw(temperature=0.0).x[0, :4].tolist() == [1, 0, 1, 0]
    assert torch.equal(draw(top_k=1).x, draw(temperature=0.0).x)
    unlikely_last = MarkovChain(torch.tensor([0.5, 0.3, 0.2]).expand(3, -1), streams=5)
    assert draw(unlikely_last, top_k=2).x.unique().tolist() == [0, 1]


def test_a_beginning_is_gone_on_from():
    x = draw(streams=4000, steps=1, initial=torch.full((4000, 3), 2.0)).x
    assert_drawn_from(x[:, 0], TRANSITIONS[2])


def test_a_condition_reaches_over_beginning_and_drawn_steps():
    told = torch.zeros(2, 6, 3)
    told[:, torch.arange(6), torch.tensor([0, 0, 2, 1, 0, 2])] = 100
    x = draw(condition=told, initial=torch.zeros(2, 2), steps=4).x
    assert x.tolist() == [[2, 1, 0, 2]] * 2


def test_the_beginning_is_there_before_the_end():
    run = ancestral(MarkovChain(TRANSITIONS, 1), steps=10**9, generator=torch.Generator(), chunk=16)
    iterates = list(itertools.islice(run, 3))
    assert [i.x.shape[1] for i in iterates] == [16, 32, 48] and iterates[0].total_steps == 10**9
    assert torch.equal(iterates[2].x[:, :32], iterates[1].x)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"temperature": -1.0}, "not -1"),
        ({"temperature": float("nan")}, "not nan"),
        ({"steps": 0}, "at least one sample"),
        ({"top_k": 0}, "At least one class"),
    ],
)
def test_refusals(settings, reason):
    with pytest.raises(InputError, match=reason):
        draw(**settings)


@pytest.mark.slow
def test_a_wavenet_is_drawn_after_silence():
    """Its draws, and their log-probability, are those of the network that is given them."""
    torch.manual_seed(0)
    config = WaveNetConfig(layers=6, stacks=2, residual=10, gate=16, skip=7, kernel_size=2, noise_conditional=True)
    prior = WaveNetPrior("test", 16000, WaveNet(config), MuLaw())
    last = draw(prior.stepwise(streams=2), steps=30, temperature=0.7, chunk=30)
    heard = torch.cat([prior.encode(torch.zeros(2, 1)), last.x[:, :-1]], dim=1)
    own = prior.predict(heard, 0.0).log_softmax(-1).gather(2, last.x[..., None].long())
    assert last.log_prob == pytest.approx(own.mean().item(), rel=1e-3)
    assert_drawn_from(draw(prior.stepwise(4000), steps=1).x[:, 0], prior.predict(heard[:1, :1], 0.0)[0, 0].softmax(-1))


def test_every_step_says_how_likely_it_was_those_that_were_given_too():
    initial = torch.tensor([[1, 0], [2, 2]])
    iterate = draw(initial=initial, steps=5)
    path = torch.cat([torch.zeros(2, 1), initial, iterate.x], dim=1).long()
    torch.testing.assert_close(iterate.step_log_probs, TRANSITIONS.log()[path[:, :-1], path[:, 1:]])


def test_what_is_known_is_taken_and_what_lies_between_is_drawn_given_all_before_it():
    x, known = torch.full((4000, 4), 2), torch.tensor([False, True, False, False])
    made = ancestral_between(MarkovChain(TRANSITIONS, 4000), x, known, generator=torch.Generator().manual_seed(0))
    assert (made[:, 1] == 2).all()
    assert_drawn_from(made[:, 0], TRANSITIONS[0])
    assert_drawn_from(made[:, 2], TRANSITIONS[2])
    assert_drawn_from(made[:, 3], TRANSITIONS[2] @ TRANSITIONS)
    everything = ancestral_between(MarkovChain(TRANSITIONS, 4000), x, ~known | known, generator=torch.Generator())
    assert torch.equal(everything, x.float())
