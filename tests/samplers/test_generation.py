"""Samplers of sound of which nothing was measured, against a Gaussian whose reverse process is known in closed form."""

import math

import pytest
import torch
from torch import Generator

from core.errors import InputError
from core.models.noise_schedule import NoiseSchedule
from core.observations.masked import Masked
from core.samplers.generation import FAST_BETAS, GENERATION_SAMPLERS, generation_plan
from core.samplers.heun import heun
from core.samplers.noise import SeparateNoise
from core.samplers.schedules import karras
from core.signal.companding import Linear, Waveform
from core.types import Observation
from tests.samplers.gaussian import GaussianPrior

SIZE, COUNT = 4, 6000
LADDER = NoiseSchedule.linear(60, 1e-4, 0.3).levels.flip(0).tolist()  # noise 130 times the sound, down to 0.01 of it


@pytest.fixture
def prior() -> GaussianPrior:
    generator = Generator().manual_seed(1)
    factor = torch.randn(SIZE, SIZE, generator=generator)
    covariance = factor @ factor.T / SIZE + 0.1 * torch.eye(SIZE)
    return GaussianPrior(torch.randn(SIZE, generator=generator), covariance, LADDER)


def draw(name: str, prior: GaussianPrior, start: torch.Tensor, generator, observation=None, **settings):
    plan = generation_plan(name, prior, **settings)
    return list(plan.start(prior, observation or Observation(), start, generator))


def shrinkage(variances: torch.Tensor, sigmas: list[float], stochasticity: float) -> tuple[torch.Tensor, torch.Tensor]:
    """What the walk of `reverse_diffusion` makes, along an axis of that variance, of the distance of its clean start
    from the mean, and the variance that it adds: each step is linear."""
    kept, variance = torch.ones_like(variances), torch.full_like(variances, sigmas[0] ** 2)
    for level, following in zip(sigmas, [*sigmas[1:], 0.0], strict=True):
        clean = variances / (variances + level**2)
        fresh = stochasticity * following * math.sqrt(1 - (following / level) ** 2)
        factor = clean + math.sqrt(following**2 - fresh**2) / level * (1 - clean)
        kept, variance = factor * kept, factor**2 * variance + fresh**2
    return kept, variance


@pytest.mark.parametrize("name", ["ddpm", "ddim", "fast"])
def test_mean_and_covariance_are_those_of_the_linear_reverse_process(prior, name):
    """Few steps leave a known error, which each sampler has to have."""
    plan = generation_plan(name, prior)
    kept, variances = shrinkage(prior.variances, plan.settings["sigmas"], plan.settings["stochasticity"])
    x = draw(name, prior, torch.zeros(COUNT, SIZE), Generator().manual_seed(2))[-1].x
    mean = prior.mean - prior.axes @ (kept * (prior.axes.T @ prior.mean))
    covariance = prior.axes @ variances.diag() @ prior.axes.T
    limit = 5 * covariance.diagonal().max() * math.sqrt(2 / COUNT)
    assert (x.mean(dim=0) - mean).abs().max() < limit
    assert (torch.cov(x.T) - covariance).abs().max() < limit


@pytest.mark.parametrize(("name", "steps"), [("ddpm", 200), ("ddim", 200), ("heun", 30), ("sde", 60)])
def test_enough_steps_leave_the_prior_itself(prior, name, steps):
    x = draw(name, prior, torch.zeros(COUNT, SIZE), Generator().manual_seed(2), steps=steps)[-1].x
    largest = prior.covariance.diagonal().max()
    assert (x.mean(dim=0) - prior.mean).abs().max() < 5 * (largest / COUNT).sqrt()
    assert (torch.cov(x.T) - prior.covariance).abs().max() < 5 * largest * math.sqrt(2 / COUNT) + 0.02 * largest


def test_heun_follows_the_flow_to_second_order(prior):
    """The flow of a Gaussian is known: along an axis the distance from the mean goes as the deviation there."""
    x = torch.randn(3, SIZE, generator=Generator().manual_seed(3)) * LADDER[0]
    along = (x - prior.mean) @ prior.axes
    exact = prior.mean + along * (prior.variances / (prior.variances + LADDER[0] ** 2)).sqrt() @ prior.axes.T
    errors = []
    for steps in (40, 80):
        sigmas = karras(LADDER[0], 1e-4, steps, rho=7.0)
        chain = heun(prior, Observation(), x, sigmas=sigmas, generator=lambda shape: torch.zeros(*shape))
        *_, last = chain
        errors.append((last.x - exact).abs().max().item())
    assert errors[0] < 0.05 and 3 < errors[0] / errors[1] < 5


def test_heun_without_churn_draws_no_noise_but_the_first(prior):
    seeds = Generator().manual_seed(0)
    first = next(iter(draw("heun", prior, torch.zeros(1, SIZE), seeds)))
    drawn_by = Generator().manual_seed(0)
    torch.randn(1, SIZE, generator=drawn_by)
    assert first.total_steps == 18 and torch.equal(seeds.get_state(), drawn_by.get_state())


@pytest.mark.parametrize("name", GENERATION_SAMPLERS)
def test_a_sound_is_the_same_in_any_company(prior, name):
    def generators(seeds):
        return SeparateNoise([Generator().manual_seed(seed) for seed in seeds])

    together = draw(name, prior, torch.zeros(3, SIZE), generators([5, 6, 7]))[-1].x
    alone = draw(name, prior, torch.zeros(1, SIZE), generators([6]))[-1].x
    torch.testing.assert_close(together[1:2], alone)
    assert (together[0] - together[1]).abs().max() > 0.01


@pytest.mark.parametrize("name", GENERATION_SAMPLERS)
def test_evidence_is_kept_and_every_step_told(prior, name):
    known = torch.tensor([[True, False, False, False]]).expand(2, -1)
    observation = Masked(torch.full((2, SIZE), 0.7), known, Waveform())
    iterates = draw(name, prior, torch.zeros(2, SIZE), Generator().manual_seed(0), observation, **steps_of(name, 7))
    assert [i.step for i in iterates] == list(range(1, iterates[0].total_steps + 1))
    assert [i.level for i in iterates] == sorted((i.level for i in iterates), reverse=True)
    assert (iterates[-1].x[:, 0] == 0.7).all() and torch.equal(iterates[-1].x, iterates[-1].denoised)


def steps_of(name: str, steps: int) -> dict:
    return {} if name == "fast" else {"steps": steps}


def test_ddpm_walks_the_priors_own_ladder(prior):
    assert generation_plan("ddpm", prior).settings["sigmas"] == pytest.approx(LADDER)
    assert len(generation_plan("ddim", prior, 13).settings["sigmas"]) == 13


def test_fast_levels_are_those_of_its_betas_where_x_is_a_waveform(prior):
    levels = NoiseSchedule(FAST_BETAS).levels.flip(0).tolist()
    assert generation_plan("fast", prior).settings["sigmas"] == pytest.approx(levels)
    assert len(generation_plan("fast", prior, betas=[0.1, 0.5]).settings["sigmas"]) == 2
    prior.domain = Linear()
    scaled = generation_plan("fast", prior).settings["sigmas"]
    assert scaled[0] == LADDER[0] and scaled[-1] / scaled[0] == pytest.approx(levels[-1] / levels[0])


@pytest.mark.parametrize(
    ("name", "steps", "said"),
    [("dpm", 5, "no sampler dpm"), ("fast", 20, "6 steps of its own"), ("ddpm", 0, "between 1"), ("sde", 9999, "1000")],
)
def test_what_there_is_not_is_refused(prior, name, steps, said):
    with pytest.raises(InputError, match=said):
        generation_plan(name, prior, steps)
