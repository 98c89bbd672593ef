"""Annealed Langevin dynamics against posteriors known in closed form, and PnF's own runs step by step."""

import itertools
import math

import pytest
import torch

from core.evaluation.parity import run_parity
from core.observations.masked import Masked
from core.samplers.langevin import annealed_langevin
from core.samplers.pnf import original_langevin
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
    if sampler == "original":
        chain = original_langevin(prior, observation, start, steps=350, batch=1, window=10**6, generator=generator)
    else:
        chain = annealed_langevin(prior, observation, start, steps=1050, step_scale=0.05, generator=generator)
    *_, last = chain
    return last.x.view(-1, SIZE)


def assert_gaussian(rows: torch.Tensor, mean: torch.Tensor, covariance: torch.Tensor) -> None:
    """Five standard errors, and what the step size adds to the variance (at most eta / (2 level^2) = 2.5 %)."""
    variance = covariance.diagonal()
    assert ((rows.mean(dim=0) - mean).abs() < 5 * (variance / len(rows)).sqrt()).all()
    limit = 5 * torch.outer(variance, variance).sqrt() / math.sqrt(len(rows)) * math.sqrt(2)
    assert ((torch.cov(rows.T) - covariance).abs() < limit + 0.04 * variance.max()).all()


@pytest.mark.parametrize("sampler", ["original", "annealed"])
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


@pytest.mark.parametrize("sampler", ["original", "annealed"])
def test_soft_evidence_leaves_the_product_gaussian(prior, sampler):
    soft = SoftSums()
    rows = run(sampler, prior, soft)
    precision = torch.linalg.inv(noisy_covariance(prior))
    expected = torch.linalg.inv(precision + soft.matrix.T @ soft.matrix / soft.spread**2)
    mean = expected @ (precision @ prior.mean + soft.matrix.T @ soft.y / soft.spread**2)
    assert_gaussian(rows, mean, expected)


@pytest.mark.parametrize("steps", [1, 7, 20, 40, 160])
def test_our_schedule_spends_exactly_its_steps(prior, steps):
    x = torch.zeros(1, SIZE)
    iterates = list(annealed_langevin(prior, Observation(), x, steps=steps, generator=torch.Generator()))
    assert [i.step for i in iterates] == list(range(1, steps + 1))
    assert prior.calls == steps == iterates[0].total_steps
    levels = [i.level for i in iterates]
    assert levels == sorted(levels, reverse=True)


def test_the_originals_number_of_updates(prior):
    """floor(samples / (window * batch) * steps) a level."""
    x = torch.zeros(1, SIZE * 50)
    chain = original_langevin(
        prior, Observation(), x, steps=16, window=SIZE * 10, batch=3, generator=torch.Generator(), draws=BlockDraws()
    )
    assert len(list(chain)) == len(LEVELS) * int(50 / (10 * 3) * 16)


class BlockDraws:
    """Windows that start on blocks, some outside."""

    def positions(self, batch, window, frames):
        return [-window, 5 * SIZE, frames - 1][:batch]

    def noise(self, window):
        return torch.zeros(window)


def test_windows_are_clipped_add_up_and_read_the_same_state(prior):
    x = torch.ones(1, SIZE * 50)
    window, eta = SIZE * 10, 0.05 * LEVELS[0] ** 2
    first = next(
        original_langevin(
            prior, Observation(), x, window=window, batch=3, generator=torch.Generator(), draws=BlockDraws()
        )
    )
    gradient = prior.score(x, LEVELS[0]).gradient
    times = torch.zeros_like(x)
    for start in (0, 5 * SIZE, SIZE * 40):
        times[:, start : start + window] += 1
    torch.testing.assert_close(first.x, x + times * eta * gradient)


@pytest.mark.parametrize("sampler", [annealed_langevin, original_langevin])
def test_closing_stops_within_a_step(prior, sampler):
    chain = sampler(prior, Observation(), torch.zeros(1, SIZE), steps=100, generator=torch.Generator())
    for _ in itertools.islice(chain, 3):
        pass
    chain.close()
    assert prior.calls == 3


@pytest.mark.parametrize("sampler", [annealed_langevin, original_langevin])
def test_same_seed_same_chain(prior, sampler):
    ends = []
    for seed in (4, 4, 5):
        generator = torch.Generator().manual_seed(seed)
        *_, last = sampler(prior, Observation(), torch.zeros(2, SIZE), steps=6, generator=generator)
        ends.append(last.x)
    assert torch.equal(ends[0], ends[1]) and not torch.equal(ends[0], ends[2])


@pytest.mark.parametrize("run_name", ["sgld_superres", "sgld_inpainting", "sgld_separation", "sgld_spectrogram"])
def test_goldens(parity_folder, run_name):
    checks = list(run_parity(parity_folder, system="pnf_wavenet", only=run_name))
    assert any("_after_level" in check.name for check in checks)
    assert not [check for check in checks if not check.ok]
