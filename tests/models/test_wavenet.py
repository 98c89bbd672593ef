"""WaveNet: what it may see, and the analytic score against autograd, finite differences and the goldens."""

import pytest
import torch

from core.evaluation.parity import run_parity
from core.models.wavenet import WaveNet, WaveNetConfig
from core.models.wavenet_score import WaveNetScore, smoothed_log_prob

SIZES = {"layers": 6, "stacks": 2, "residual": 8, "gate": 16, "skip": 12, "kernel_size": 3}


@pytest.fixture(params=[False, True], ids=["original", "noise-conditional"])
def model(request) -> WaveNet:
    torch.manual_seed(0)
    return WaveNet(WaveNetConfig(**SIZES, noise_conditional=request.param)).requires_grad_(False)


@pytest.fixture
def x() -> torch.Tensor:
    return 127 + 40 * torch.randn(2, 100, generator=torch.Generator().manual_seed(1))


def noise_levels(x: torch.Tensor, level: float) -> torch.Tensor:
    return torch.full((len(x),), level)


def autograd_score(model: WaveNet, x: torch.Tensor, level: float) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.clone().requires_grad_()
    log_prob, _, _ = smoothed_log_prob(model(x[:, :-1], noise_levels(x, level)), x[:, 1:], level)
    return log_prob.detach(), torch.autograd.grad(log_prob.sum(), x)[0]


def test_logits_see_the_receptive_field_and_nothing_else(model, x):
    field, moment = model.config.receptive_field, 60
    x = x.requires_grad_()
    model(x, noise_levels(x, 3.0))[0, moment].square().sum().backward()
    seen = x.grad[0].nonzero().flatten()
    assert (seen.min(), seen.max()) == (moment - field + 1, moment)
    assert not x.grad[1].any()


def test_sample_by_sample_equals_all_at_once(model, x):
    past, sigma = model.no_past(x), noise_levels(x, 3.0)
    steps = torch.cat([model(sample, sigma, past) for sample in x.split(1, dim=1)], dim=1)
    torch.testing.assert_close(steps, model(x, sigma), atol=1e-5, rtol=1e-5)


def test_noise_level_changes_the_answer_and_quiet_ones_count_as_none():
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig(**SIZES, noise_conditional=True)).requires_grad_(False)
    x = torch.full((1, 50), 127.5)  # the centre: scaling by sigma does not move it
    answers = [model(x, noise_levels(x, level)) for level in (0.0, 0.05, 10.0)]
    assert torch.equal(answers[0], answers[1])
    assert not torch.allclose(answers[0], answers[2])


@pytest.mark.parametrize("level", [0.3, 3.0, 30.0])
def test_smoothed_likelihood_is_a_density(level):
    logits = torch.randn(1, 1, 256, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    y = torch.arange(-300.0, 556.0, 0.05, dtype=torch.float64)
    log_prob = torch.cat([smoothed_log_prob(logits, part[None], level)[0] for part in y.split(2000)], dim=1)
    assert log_prob.exp().sum().item() * 0.05 == pytest.approx(1.0, abs=1e-4)


def test_smoothed_likelihood_gradients():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 256, dtype=torch.float64, generator=generator).requires_grad_()
    y = (300 * torch.rand(2, 5, dtype=torch.float64, generator=generator) - 20).requires_grad_()
    log_prob, dlogits, dy = smoothed_log_prob(logits, y, 2.0)
    expected = torch.autograd.grad(log_prob.sum(), (logits, y))
    torch.testing.assert_close((dlogits, dy), expected)
    assert torch.autograd.gradcheck(lambda y: smoothed_log_prob(logits.detach(), y, 2.0)[0], y)


@pytest.mark.parametrize("chunk", [1000, 37, 3])
@pytest.mark.parametrize("level", [0.3, 3.0, 30.0])
def test_analytic_score_equals_autograd(model, x, chunk, level):
    log_prob, gradient = WaveNetScore(model, chunk=chunk)(x, level)
    expected_log_prob, expected = autograd_score(model, x, level)
    torch.testing.assert_close(log_prob, expected_log_prob, atol=2e-5, rtol=1e-5)
    assert (gradient - expected).norm() <= 1e-5 * expected.norm()


def test_score_equals_finite_differences(model, x):
    score, level, step = WaveNetScore(model), 10.0, 0.1
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    ahead, behind = (score(x + sign * step * direction, level)[0].double().sum() for sign in (1, -1))
    slope = (score(x, level)[1] * direction).sum().item()
    assert (ahead - behind).item() / (2 * step) == pytest.approx(slope, rel=1e-2)


@pytest.mark.parametrize("level", [0.3, 3.0, 30.0])
def test_half_precision_score_is_close(model, x, level):
    _, gradient = WaveNetScore(model, torch.bfloat16, chunk=64)(x, level)
    _, expected = autograd_score(model, x, level)
    assert (gradient - expected).norm() <= 2e-2 * expected.norm()


def test_context_has_no_likelihood_of_its_own(model, x):
    score = WaveNetScore(model)
    whole, context = score(x, 3.0)[0], 40
    log_prob, gradient = score(x, 3.0, context)
    torch.testing.assert_close(log_prob, whole[:, context - 1 :])
    assert not gradient[:, : context - model.config.receptive_field].any()


@pytest.mark.parametrize(
    "folder", ["uncond_mulaw", "uncond_linear_source0", "uncond_linear_source1", "spectrogram_mulaw"]
)
def test_goldens(parity_folder, folder):
    checks = list(run_parity(parity_folder, system="pnf_wavenet", only=folder))
    assert len(checks) > 10
    assert not [check for check in checks if not check.ok]
