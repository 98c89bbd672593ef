"""Mixtures: the operator, its pull, and the exact forms, whose posteriors under Gaussians are known."""

import pytest
import torch

from core.observations.mixture import Mixture, SharedSum
from core.priors.independent import Independent
from core.priors.remainder import Remainder
from core.samplers.diffusion import reverse_diffusion
from core.samplers.langevin import annealed_langevin
from core.samplers.schedules import karras
from core.signal.companding import Linear, Waveform
from core.types import MixtureCondition, Observation, Prior, Score

FRAMES, GAINS = 50, (1.0, 0.5, 2.0)


class White(Prior):
    """Independent samples around a mean, as a prior."""

    sample_rate, domain, rms, device = 16000, Waveform(), 1.0, torch.device("cpu")
    levels, start_level = (0.5, 0.2, 0.05), 0.5

    def __init__(self, mean: float, variance: float):
        self.name, self.mean, self.variance = f"white-{mean}", mean, variance

    def score(self, x, level, condition=None):
        variance = self.variance + level**2
        return Score((self.mean - x) / variance, -((x - self.mean) ** 2 / (2 * variance)).sum(dim=1))


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def mixture():
    return Mixture(noise(2, FRAMES).double(), GAINS, Waveform(), strength=0.3)


def test_adjoint(mixture):
    """<A x, y> = <x, A* y> for random x and y."""
    x, y = noise(6, FRAMES, seed=1).double(), noise(2, FRAMES, seed=2).double()
    assert (mixture.forward(x) * y).sum().item() == pytest.approx((x * mixture.adjoint(y)).sum().item(), rel=1e-9)


def test_the_gradient_is_that_of_the_misfit(mixture):
    x = noise(6, FRAMES, seed=1).double().requires_grad_()
    gamma = mixture.strength / 0.7**2
    misfit = -gamma / 2 * (mixture.forward(x) - mixture.observed).square().sum()
    (expected,) = torch.autograd.grad(misfit, x)
    torch.testing.assert_close(mixture.gradient(x.detach(), 0.7), expected)


@pytest.mark.parametrize("domain", [Waveform(), Linear()], ids=["waveform", "linear"])
def test_a_pull_of_the_nearest_strength_reaches_the_mixture_in_one_step(domain):
    observed = 0.2 * noise(1, FRAMES).double()
    mixture = Mixture(observed, GAINS, domain, strength=1 / sum(g**2 for g in GAINS))
    x = domain.zero + domain.unit * 0.3 * noise(3, FRAMES, seed=4).double()
    assert mixture.residual(x) > 0.1
    assert mixture.residual(x + 9.0 * mixture.gradient(x, 3.0)) < 1e-9
    assert mixture.residual(mixture.initialise(torch.Generator())) < 1e-9


def test_the_last_source_is_what_the_others_leave():
    observed = noise(2, FRAMES)
    remainder = Remainder(Independent([White(0, 1)] * 3), observed, GAINS)
    free = noise(2 * 2 * 4, FRAMES, seed=1)  # four draws, two channels, two free sources
    sources = remainder.complete(free).view(4, 2, 3, FRAMES)
    torch.testing.assert_close(sources[:, :, :2].flatten(0, 2), free)
    mixed = (sources * torch.tensor(GAINS)[:, None]).sum(dim=2)
    torch.testing.assert_close(mixed, observed.expand(4, -1, -1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sharpness", [1.0, 1.4])
def test_the_score_of_the_remainder_is_the_gradient_of_its_density(sharpness):
    observed = noise(2, FRAMES)
    prior = Independent([White(0.1, 1.0), White(-0.3, 0.2), White(0.5, 3.0)])
    remainder = Remainder(prior, observed, GAINS, sharpness)
    free = noise(4, FRAMES, seed=1).requires_grad_()
    log_prob = remainder.score(free, 0.4).log_prob
    assert log_prob.shape == (4,) and log_prob[0] == log_prob[1], "sources of a channel share one density"
    (expected,) = torch.autograd.grad(log_prob[::2].sum(), free)
    torch.testing.assert_close(remainder.score(free.detach(), 0.4).gradient, expected)


def test_the_residual_is_by_how_much_the_priors_disagree_about_the_sum():
    observed, level = noise(1, FRAMES), 0.4
    priors = [White(0.1, 1.0), White(-0.3, 0.2)]
    remainder = Remainder(Independent(priors), observed, (1.0, 0.5))
    free = noise(1, FRAMES, seed=1)
    estimates = [
        x + level**2 * p.score(x, level).gradient
        for x, p in zip(remainder.complete(free).split(1), priors, strict=True)
    ]
    expected = (estimates[0] + 0.5 * estimates[1] - observed).square().mean().sqrt().item()
    assert remainder.score(free, level).residual == pytest.approx(expected, rel=1e-4)


def test_langevin_on_the_remainder_reaches_the_gaussian_posterior():
    """Two Gaussians and their exact sum: x_1 | y is Gaussian with weights by the variances."""
    means, variances, y = (0.5, -1.0), (1.0, 0.5), 0.8
    frames = 40_000
    prior = Independent([White(m, v) for m, v in zip(means, variances, strict=True)])
    remainder = Remainder(prior, torch.full((1, frames), y), (1.0, 1.0))
    start, generator = torch.full((1, frames), y / 2), torch.Generator().manual_seed(0)
    *_, last = annealed_langevin(
        remainder, Observation(), start, sigmas=[0.05] * 900, step_scale=20.0, generator=generator
    )
    a, b = (v + 0.05**2 for v in variances)
    expected = means[0] + a / (a + b) * (y - sum(means))
    assert last.x.mean().item() == pytest.approx(expected, abs=0.02)
    assert last.x.var().item() == pytest.approx(a * b / (a + b), rel=0.1)


@pytest.mark.parametrize("domain", [Waveform(), Linear()], ids=["waveform", "linear"])
def test_what_estimates_miss_is_shared_by_least_squares(domain):
    shared = SharedSum(0.2 * noise(2, FRAMES).double(), GAINS, domain)
    x = domain.zero + domain.unit * 0.3 * noise(6, FRAMES, seed=4).double()
    moved = shared.project(x)
    assert shared.residual(moved) < 1e-9 and not shared.gradient(x, 0.5).any()
    torch.testing.assert_close(shared.project(moved), moved)
    step = (moved - x).view(2, 3, FRAMES)
    inside = torch.linalg.svd(torch.tensor([GAINS], dtype=torch.float64))[2][1:]  # directions in which the sum stays
    assert torch.einsum("ks,csf->ckf", inside, step).abs().max() < 1e-9, "the shortest way"


class Hearer(White):
    """White noise that another white noise is mixed with, and a prior that knows both: it looks at mixtures."""

    conditions = frozenset({MixtureCondition})

    def __init__(self, mean, variance, other_mean, other_variance):
        super().__init__(mean, variance)
        self.other_mean, self.other_variance = other_mean, other_variance

    def score(self, x, level, condition=None):
        """Of the product of three Gaussians: its own, the mixture's say and the noise's."""
        said = condition.mixture.repeat(len(x) // len(condition.mixture), 1) - self.other_mean
        precision = 1 / self.variance + 1 / self.other_variance + 1 / level**2
        mean = (self.mean / self.variance + said / self.other_variance + x / level**2) / precision
        return Score((mean - x) / level**2)


def test_draws_of_a_shared_sum_have_the_posterior_mean():
    """Two Gaussians and their sum, each heard by a prior that is shown it."""
    means, variances, y, frames = (0.5, -1.0), (1.0, 0.5), 0.8, 20_000
    own = list(zip(means, variances, strict=True))
    prior = Independent([Hearer(*own[0], *own[1]), Hearer(*own[1], *own[0])])
    shared = SharedSum(torch.full((1, frames), y), (1.0, 1.0), Waveform())
    *_, last = reverse_diffusion(
        prior,
        shared,
        shared.initialise(torch.Generator()),
        sigmas=karras(20.0, 0.02, 80),
        condition=shared.condition(),
        generator=torch.Generator().manual_seed(0),
    )
    share = variances[0] / sum(variances)
    expected = means[0] + share * (y - sum(means))
    assert last.denoised[0].mean().item() == pytest.approx(expected, abs=0.03)
    assert last.denoised.sum(dim=0).sub(y).abs().max() < 1e-5


def test_a_mixture_is_as_loud_as_it_is_beside_each_source():
    condition = SharedSum(noise(2, FRAMES), GAINS, Waveform()).condition()
    torch.testing.assert_close(condition.of_source(1).mixture, condition.mixture * 2)
