"""Reverse diffusion against posteriors known in closed form."""

import itertools

import pytest
import torch

from core.observations.gap import Gap
from core.observations.masked import Masked
from core.samplers.diffusion import reverse_diffusion
from core.samplers.schedules import karras
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
    *_, last = reverse_diffusion(
        prior, observation, start, sigmas=karras(*LEVELS, 120), generator=generator, **settings
    )
    return last.denoised.view(COPIES, FRAMES)


@pytest.mark.parametrize("stochasticity", [0.0, 0.5, 1.0])
def test_unconditioned_draws_have_the_priors_mean_and_covariance(prior, stochasticity):
    final = ends(prior, Observation(), stochasticity=stochasticity)
    assert (final.mean(dim=0) - prior.mean).abs().max() < 0.08
    assert (torch.cov(final.T) - prior.covariance).abs().max() < 0.12


def test_an_odd_number_of_draws_share_nothing_and_denoised_is_their_mean(prior):
    final = ends(prior, Observation(), draws=3)
    assert (torch.cov(final.T) - prior.covariance / 3).abs().max() < 0.04


def test_draws_of_opposite_noise_agree_on_the_mean(prior):
    """A Gaussian's estimates are linear in the noise, so that it cancels to the last digit; each draw keeps it."""
    torch.testing.assert_close(ends(prior, Observation(), draws=2), prior.mean.expand(COPIES, -1), atol=1e-3, rtol=0)
    *_, last = run(prior, torch.zeros(1, FRAMES), steps=50, draws=2)
    assert (last.x - last.denoised).abs().max() > 0.1


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


def run(prior, x, *, seed=3, steps=5, **settings):
    """A chain without evidence."""
    generator, sigmas = torch.Generator().manual_seed(seed), karras(*LEVELS, steps)
    return reverse_diffusion(prior, Observation(), x, sigmas=sigmas, generator=generator, **settings)


def test_same_seed_same_audio_and_another_seed_another(prior):
    first, same, other = (list(run(prior, torch.zeros(1, FRAMES), seed=seed))[-1].denoised for seed in (3, 3, 4))
    assert torch.equal(first, same) and not torch.equal(first, other)


@pytest.mark.parametrize("draws", [1, 3])
def test_channels_share_their_noise(prior, draws):
    x = torch.zeros(4, FRAMES)
    shared, pairs, alone = (
        list(run(prior, x, draws=draws, channels=channels))[-1].denoised for channels in (None, 2, 1)
    )
    torch.testing.assert_close(shared, shared[:1].expand(4, -1))
    torch.testing.assert_close(pairs[0::2], pairs[1::2])
    assert not torch.allclose(pairs[0], pairs[2], rtol=0.1) and not torch.allclose(alone[0], alone[1], rtol=0.1)


def test_closing_stops_the_work(prior):
    chain = run(prior, torch.zeros(1, FRAMES), steps=100)
    list(itertools.islice(chain, 3))
    chain.close()
    assert prior.calls == 3


def test_gap_at_each_end_starts_from_what_is_known():
    waveform = torch.sin(torch.arange(2000) / 5)[None]
    observation = Gap(waveform, [(0, 100), (1900, 2000)], Waveform())
    start = observation.initialise(torch.Generator())
    assert (start - waveform).abs().max() < 0.05  # a tone is predicted, also from one side


def test_iterates_carry_the_log_probability_per_sample(prior):
    observation = Gap(prior.mean[None], [(2, 4)], Waveform())
    generator = torch.Generator().manual_seed(0)
    first = next(reverse_diffusion(prior, observation, prior.mean[None], sigmas=LEVELS, generator=generator))
    noise = torch.randn(1, 1, FRAMES, generator=torch.Generator().manual_seed(0))[0]
    expected = prior.score(prior.mean[None] + LEVELS[0] * noise, LEVELS[0]).log_prob.item() / FRAMES
    assert first.log_prob == pytest.approx(expected, rel=1e-5)
