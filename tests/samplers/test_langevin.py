"""Annealed Langevin dynamics against posteriors known in closed form, and PnF's own runs step by step."""

import itertools
import math

import pytest
import torch

from core.evaluation.parity import run_parity
from core.observations.masked import Masked
from core.samplers.langevin import annealed_langevin
from core.samplers.pnf import pnf_langevin
from core.signal.companding import Waveform
from core.types import Observation
from tests.samplers.gaussian import BlockPrior

SIZE, COPIES = 6, 1500
LEVELS = (2.0, 1.0, 0.5)


class SoftSums(Observation):
    """y = A x + noise of standard deviation 0.7 for every block."""

    matrix = torch.tensor([[1.0, 1, 0, 0, 0, 0], [0, 0, 0.5, -1, 0, 1]])
    y, spread, domain = torch.tensor([2.0, -1.0]), 0.7, Waveform()

    def gradient(self, x, level):
        error = self.y - x.view(-1, SIZE) @ self.matrix.T
        return (error @ self.matrix / self.spread**2).view(x.shape)


@pytest.fixture
def prior() -> BlockPrior:
    generator = torch.Generator().manual_seed(1)
    factor = torch.randn(SIZE, SIZE, generator=generator)
    covariance = factor @ factor.T / SIZE + 0.3 * torch.eye(SIZE)
    return BlockPrior(torch.randn(SIZE, generator=generator), covariance, LEVELS)


def noisy_covariance(prior: BlockPrior) -> torch.Tensor:
    """Of what the chain is at its last level."""
    return prior.covariance + LEVELS[-1] ** 2 * torch.eye(SIZE)


def run(sampler: str, prior: BlockPrior, observation: Observation) -> torch.Tensor:
    """The end of a chain of 350 updates a level, its blocks as rows."""
    start, generator = observation.project(torch.zeros(1, SIZE * COPIES)), torch.Generator().manual_seed(3)
    settings = {"step_scale": 0.05, "generator": generator}
    if sampler == "pnf":
        chain = pnf_langevin(prior, observation, start, sigmas=LEVELS, steps=350, batch=1, window=10**6, **settings)
    else:
        chain = annealed_langevin(prior, observation, start, sigmas=[s for s in LEVELS for _ in range(350)], **settings)
    *_, last = chain
    return last.x.view(-1, SIZE)


def assert_gaussian(rows: torch.Tensor, mean: torch.Tensor, covariance: torch.Tensor) -> None:
    """Five standard errors, and what the step size adds to the variance (at most eta / (2 level^2) = 2.5 %)."""
    variance = covariance.diagonal()
    assert ((rows.mean(dim=0) - mean).abs() < 5 * (variance / len(rows)).sqrt()).all()
    limit = 5 * torch.outer(variance, variance).sqrt() / math.sqrt(len(rows)) * math.sqrt(2)
    assert ((torch.cov(rows.T) - covariance).abs() < limit + 0.04 * variance.max()).all()


@pytest.mark.parametrize("sampler", ["pnf", "annealed"])
def test_hard_evidence_leaves_the_conditional_gaussian(prior, sampler):
    known = torch.tensor([True, False, False, True, False, False])
    values = torch.where(known, torch.tensor([1.0, 0, 0, -2.0, 0, 0]), 0.0)
    observation = Masked(values.repeat(COPIES)[None], known.repeat(COPIES)[None], Waveform())
    rows = run(sampler, prior, observation)
    covariance, mean = noisy_covariance(prior), prior.mean
    gain = covariance[~known][:, known] @ torch.linalg.inv(covariance[known][:, known])
    expected_mean = mean[~known] + gain @ (values[known] - mean[known])
    expected = covariance[~known][:, ~known] - gain @ covariance[known][:, ~known]
    assert (rows[:, known] == values[known]).all()
    assert_gaussian(rows[:, ~known], expected_mean, expected)


@pytest.mark.parametrize("sampler", ["pnf", "annealed"])
def test_soft_evidence_leaves_the_product_gaussian(prior, sampler):
    soft = SoftSums()
    rows = run(sampler, prior, soft)
    precision = torch.linalg.inv(noisy_covariance(prior))
    expected = torch.linalg.inv(precision + soft.matrix.T @ soft.matrix / soft.spread**2)
    mean = expected @ (precision @ prior.mean + soft.matrix.T @ soft.y / soft.spread**2)
    assert_gaussian(rows, mean, expected)


class CleanValues(Masked):
    """Known samples, said of the clean x alone."""

    of_clean_alone = True


def test_evidence_of_clean_x_leaves_the_chain_its_noise(prior):
    """Estimates have the known values; x is off them by just the noise of the level that comes next."""
    known = torch.arange(SIZE * COPIES)[None] % 2 == 0
    values = torch.full((1, SIZE * COPIES), 0.7)
    sigmas, generator = (2.0, 2.0, 1.5, 1.5, 0.2, 0.2), torch.Generator().manual_seed(3)
    observation = CleanValues(values, known, Waveform())
    chain = annealed_langevin(prior, observation, torch.zeros_like(values), sigmas=sigmas, generator=generator)
    for iterate, following in zip(chain, [*sigmas[1:], sigmas[-1]], strict=True):
        assert (iterate.denoised[known] == 0.7).all()
        if iterate.step > 1:  # the start was off the values
            assert (iterate.x[known] - 0.7).std().item() == pytest.approx(following, rel=0.05)


def test_every_level_is_one_update(prior):
    sigmas, generator = (2.0, 1.0, 1.0, 0.5), torch.Generator()
    iterates = list(annealed_langevin(prior, Observation(), torch.zeros(1, SIZE), sigmas=sigmas, generator=generator))
    assert [(i.step, i.level, i.total_steps) for i in iterates] == [(n, s, 4) for n, s in enumerate(sigmas, start=1)]
    assert prior.calls == 4


class BlockDraws:
    """Windows that start on blocks, some outside."""

    def positions(self, batch, window, frames):
        return [-window, 5 * SIZE, frames - 1][:batch]

    def noise(self, window):
        return torch.zeros(window)


@pytest.fixture
def windowed(prior):
    """PnF's chain from ones in 50 blocks: three windows of ten blocks each an update."""
    settings = {"sigmas": LEVELS, "window": SIZE * 10, "batch": 3, "draws": BlockDraws()}
    return pnf_langevin(
        prior, Observation(), torch.ones(1, SIZE * 50), steps=16, generator=torch.Generator(), **settings
    )


def test_pnfs_number_of_updates(windowed):
    """floor(samples / (window * batch) * steps) a level."""
    assert len(list(windowed)) == len(LEVELS) * int(50 / (10 * 3) * 16)


def test_windows_are_clipped_add_up_and_read_the_same_state(prior, windowed):
    x, window, eta = torch.ones(1, SIZE * 50), SIZE * 10, 0.05 * LEVELS[0] ** 2
    gradient = prior.score(x, LEVELS[0]).gradient
    times = torch.zeros_like(x)
    for start in (0, 5 * SIZE, SIZE * 40):
        times[:, start : start + window] += 1
    torch.testing.assert_close(next(windowed).x, x + times * eta * gradient)


def short_chain(sampler, prior, rows: int = 1, seed: int = 4, **settings):
    """Without evidence."""
    generator, start = torch.Generator().manual_seed(seed), torch.zeros(rows, SIZE)
    return sampler(prior, Observation(), start, sigmas=LEVELS, generator=generator, **settings)


@pytest.mark.parametrize("sampler", [annealed_langevin, pnf_langevin])
def test_closing_stops_within_a_step(prior, sampler):
    chain = short_chain(sampler, prior)
    list(itertools.islice(chain, 2))
    chain.close()
    assert prior.calls == 2


@pytest.mark.parametrize("sampler", [annealed_langevin, pnf_langevin])
def test_same_seed_same_chain(prior, sampler):
    first, same, other = (list(short_chain(sampler, prior, 2, seed))[-1].x for seed in (4, 4, 5))
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_channels_share_their_noise(prior):
    shared, pairs, alone = (
        list(short_chain(annealed_langevin, prior, 4, channels=channels))[-1].x for channels in (None, 2, 1)
    )
    torch.testing.assert_close(shared, shared[:1].expand(4, -1))
    torch.testing.assert_close(pairs[0::2], pairs[1::2])
    assert not torch.allclose(pairs[0], pairs[2], rtol=0.1) and not torch.allclose(alone[0], alone[1], rtol=0.1)


@pytest.mark.parametrize("run_name", ["sgld_superres", "sgld_inpainting", "sgld_separation", "sgld_spectrogram"])
def test_goldens(parity_folder, run_name):
    checks = list(run_parity(parity_folder, system="pnf_wavenet", only=run_name))
    assert any("_after_level" in check.name for check in checks)
    assert not [check for check in checks if not check.ok]
