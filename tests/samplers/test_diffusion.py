"""Reverse diffusion against posteriors known in closed form."""

import itertools

import pytest
import torch

from core.observations.gap import Gap
from core.observations.masked import Masked
from core.samplers.diffusion import karras_ladder, reverse_diffusion
from core.signal.companding import Waveform
from core.types import Observation
from tests.samplers.gaussian import BlockPrior

FRAMES, COPIES = 6, 4000
LEVELS = (20.0, 0.01)


@pytest.fixture
def prior():
    generator = torch.Generator().manual_seed(1)
    factor = torch.randn(FRAMES, FRAMES, generator=generator)
    return BlockPrior(
        torch.randn(FRAMES, generator=generator), factor @ factor.T / FRAMES + 0.1 * torch.eye(FRAMES), LEVELS
    )


def ends(prior, observation, **settings) -> torch.Tensor:
    """Where a chain over many blocks ends, [COPIES, FRAMES]."""
    generator = torch.Generator().manual_seed(2)
    start = prior.mean.repeat(COPIES)[None]
    *_, last = reverse_diffusion(prior, observation, start, steps=120, generator=generator, **settings)
    return last.denoised.view(COPIES, FRAMES)


@pytest.mark.parametrize("stochasticity", [0.0, 0.5, 1.0])
def test_unconditioned_draws_have_the_priors_mean_and_covariance(prior, stochasticity):
    final = ends(prior, Observation(), stochasticity=stochasticity)
    assert (final.mean(dim=0) - prior.mean).abs().max() < 0.08
    assert (torch.cov(final.T) - prior.covariance).abs().max() < 0.12


def test_draws_share_nothing_and_denoised_is_their_mean(prior):
    final = ends(prior, Observation(), draws=4)
    assert (torch.cov(final.T) - prior.covariance / 4).abs().max() < 0.03


def test_posterior_with_known_samples(prior):
    """Known samples stay; where the others do not depend on them, they keep the prior's mean and covariance.

    (Where they do, imposing the evidence on the estimate is an approximation: the exact sampler is Langevin's.)
    """
    covariance = torch.block_diag(prior.covariance[:3, :3], prior.covariance[3:, 3:])
    prior = BlockPrior(prior.mean, covariance, LEVELS)
    known = torch.tensor([1.0, 0.5, -0.2, 0.0, 0.0, 0.0])
    mask = torch.tensor([True, True, True, False, False, False])
    final = ends(prior, Masked(known.repeat(COPIES)[None], mask.repeat(COPIES)[None], Waveform()))
    assert torch.equal(final[:, :3], known[:3].expand(COPIES, -1))
    assert (final[:, 3:].mean(dim=0) - prior.mean[3:]).abs().max() < 0.08
    assert (torch.cov(final[:, 3:].T) - covariance[3:, 3:]).abs().max() < 0.12


def test_same_seed_same_audio_and_another_seed_another(prior):
    def run(seed):
        generator = torch.Generator().manual_seed(seed)
        return list(reverse_diffusion(prior, Observation(), torch.zeros(1, FRAMES), steps=5, generator=generator))[
            -1
        ].denoised

    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


def test_channels_share_their_noise(prior):
    generator = torch.Generator().manual_seed(5)
    last = list(reverse_diffusion(prior, Observation(), torch.zeros(2, FRAMES), steps=5, generator=generator, draws=3))[
        -1
    ]
    torch.testing.assert_close(last.denoised[0], last.denoised[1])


def test_closing_stops_the_work(prior):
    chain = reverse_diffusion(prior, Observation(), torch.zeros(1, FRAMES), steps=100, generator=torch.Generator())
    list(itertools.islice(chain, 3))
    chain.close()
    assert prior.calls == 3


def test_ladder_falls_from_start_to_end():
    ladder = karras_ladder(0.5, 0.002, 10, 5.0)
    assert ladder[0] == pytest.approx(0.5) and ladder[-1] == pytest.approx(0.002)
    assert all(a > b for a, b in itertools.pairwise(ladder))


def test_gap_at_each_end_starts_from_what_is_known():
    waveform = torch.sin(torch.arange(2000) / 5)[None]
    observation = Gap(waveform, [(0, 100), (1900, 2000)], Waveform())
    start = observation.initialise(torch.Generator())
    assert (start - waveform).abs().max() < 0.05  # a tone is predicted, also from one side


def test_iterates_carry_the_log_probability_per_sample(prior):
    observation = Gap(prior.mean[None], [(2, 4)], Waveform())
    first = next(
        reverse_diffusion(prior, observation, prior.mean[None], steps=3, generator=torch.Generator().manual_seed(0))
    )
    noise = torch.randn(1, 1, FRAMES, generator=torch.Generator().manual_seed(0))[0]
    expected = prior.score(prior.mean[None] + LEVELS[0] * noise, LEVELS[0]).log_prob.item() / FRAMES
    assert first.log_prob == pytest.approx(expected, rel=1e-5)
