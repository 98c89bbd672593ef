"""Observations: operators and their adjoints, hard and soft evidence, what a network is shown of it."""

import pytest
import torch

from core.observations.clipping import Clipping
from core.observations.decimation import Decimation
from core.observations.gap import Gap, PredictedGap
from core.observations.lowpass import LowpassDecimation
from core.signal.companding import Linear, MuLaw, Waveform

FRAMES = 1003
WAVEFORM = Waveform()


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def operators():
    for factor in (2, 4, 7, 16):
        kept = torch.zeros(2, -(-FRAMES // factor), dtype=torch.float64)
        yield Decimation(factor, kept, FRAMES, WAVEFORM)
        yield LowpassDecimation(factor, kept, FRAMES, WAVEFORM)
    yield Gap(noise(2, FRAMES), [(100, 200), (500, 503)], WAVEFORM)
    loud = noise(2, FRAMES)
    yield Clipping(loud.clamp(-1, 1), loud >= 1, loud <= -1, WAVEFORM)


@pytest.mark.parametrize("operator", operators(), ids=lambda o: f"{type(o).__name__}{getattr(o, 'factor', '')}")
def test_adjoint(operator):
    """<A x, y> = <x, A* y> for random x and y: what every linear observation must satisfy."""
    x = noise(2, FRAMES, seed=1)
    measured = operator.forward(x)
    y = noise(*measured.shape, seed=2)
    assert torch.sum(measured * y).item() == pytest.approx(
        torch.sum(x * operator.adjoint(y)).item(), rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize("domain", [Waveform(), MuLaw(), Linear()], ids=lambda d: type(d).__name__)
def test_hard_evidence_is_kept_and_projection_is_idempotent(domain):
    clean = domain.encode(noise(1, FRAMES).float().mul(0.2).clamp(-1, 1))
    loud = clean >= domain.encode(torch.tensor(0.3))
    for observation in (
        Decimation(4, clean[:, ::4], FRAMES, domain),
        Gap(clean, [(300, 500)], domain),
        Clipping(clean, loud, torch.zeros_like(loud), domain),
    ):
        wild = clean + 50 * noise(1, FRAMES, seed=3).float()
        projected = observation.project(wild)
        assert torch.equal(observation.project(projected), projected)
        assert observation.residual(projected) == 0.0
        assert torch.equal(
            observation.project(observation.initialise(torch.Generator())), observation.initialise(torch.Generator())
        )


def test_clipped_samples_never_fall_under_the_threshold():
    observed = noise(1, FRAMES).clamp(-0.5, 0.5)
    observation = Clipping(observed, observed >= 0.5, observed <= -0.5, WAVEFORM)
    projected = observation.project(noise(1, FRAMES, seed=4) * 3)
    assert (projected[observation.high] >= 0.5).all() and (projected[observation.low] <= -0.5).all()
    assert torch.equal(projected[observation.mask], observed[observation.mask])


@pytest.mark.parametrize("domain", [Waveform(), MuLaw(), Linear()], ids=lambda d: type(d).__name__)
def test_a_predicted_gap_pulls_to_its_interpolation_by_its_doubt(domain):
    t = torch.arange(FRAMES * 4, dtype=torch.float64) / 16000
    tone = 0.3 * torch.sin(2 * torch.pi * 440 * t) + 0.05 * noise(FRAMES * 4)
    gap = PredictedGap(domain.encode(tone.float())[None], [(2000, 2300)], domain)
    target = domain.encode(gap.filled)
    unit = (domain.encode(gap.filled + gap.doubt) - domain.encode(gap.filled - gap.doubt))[:, 2000:2300].mean() / 2
    x = target + 10 * unit
    for level, least, most in ((100, 0.99, 1.0), (1, 0.3, 0.8), (0.01, 0.0, 0.05)):
        level = level * unit.item()
        moved = level**2 * gap.gradient(x, level) / (target - x)
        assert not moved[gap.mask].any(), "what is known needs no pull"
        assert least <= moved[~gap.mask].mean().item() <= most


def test_a_gap_without_two_sides_is_left_to_the_prior():
    gap = PredictedGap(noise(1, FRAMES).float(), [(0, 300)], WAVEFORM)
    assert not gap.gradient(noise(1, FRAMES, seed=7).float(), 0.1).any()


def test_lowpass_gradient_is_the_gradient_of_its_log_likelihood():
    """Against autograd through the whole likelihood, in a companded domain."""
    domain, level, noise_std = MuLaw(), 3.0, 1e-2
    x = (127 + 20 * noise(1, 256, seed=5)).float()
    kept = 0.1 * noise(1, 64, seed=6).float()
    observation = LowpassDecimation(4, kept, 256, domain, noise=noise_std)
    leaf = x.clone().requires_grad_(True)
    waveform = domain.decode(leaf)
    slope = torch.autograd.grad(waveform.sum(), leaf, retain_graph=True)[0]
    variance = (level * slope).square().mean() / 4 + noise_std**2
    log_likelihood = -(observation.forward(waveform) - kept).square().sum() / 2 / variance
    expected = torch.autograd.grad(log_likelihood, leaf)[0]
    torch.testing.assert_close(observation.gradient(x, level), expected, rtol=1e-4, atol=1e-6)


def test_lowpass_steps_reach_the_evidence_and_leave_the_band_above():
    """level^2 times the gradient moves the kept band onto y; what lies over the cut-off does not change."""
    truth = noise(1, 8000).float()
    observation = LowpassDecimation(4, torch.zeros(1, 2000), 8000, WAVEFORM)
    observation = LowpassDecimation(4, observation.forward(truth), 8000, WAVEFORM)
    x = noise(1, 8000, seed=7).float()
    before = torch.fft.rfft(x)
    misfit = observation.residual(x)
    for _ in range(20):
        x = x + 0.1**2 * observation.gradient(x, 0.1)
    after = torch.fft.rfft(x)
    assert observation.residual(x) < 0.03 * misfit
    high = slice(int(0.27 * 4000), None)
    torch.testing.assert_close(after[:, high], before[:, high], rtol=0, atol=1e-2 * before.abs().max().item())


def test_condition_shows_every_alias_at_its_height():
    """A tone kept every fourth sample stands in the zero-filled spectrum at its frequency and amplitude."""
    t = torch.arange(16000, dtype=torch.float64) / 16000
    tone = 0.3 * torch.cos(2 * torch.pi * 3000 * t)[None]
    condition = Decimation(4, tone[:, ::4], 16000, WAVEFORM).condition()
    amplitude = torch.fft.rfft(condition.known)[0].abs() / 8000
    assert amplitude[3000].item() == pytest.approx(0.3, rel=1e-6)
    assert amplitude[1000].item() == pytest.approx(0.3, rel=1e-6)  # the alias
    assert condition.mask.mean().item() == 0.25


def test_a_better_estimate_takes_the_interpolations_place():
    t = torch.arange(FRAMES * 4, dtype=torch.float64) / 16000
    tone = (0.3 * torch.sin(2 * torch.pi * 440 * t) + 0.05 * noise(FRAMES * 4)).float()[None]
    gap = PredictedGap(tone, [(2000, 2300)], WAVEFORM)
    assert gap.expecting(gap.filled.clone()) is gap
    better = gap.expecting(tone)
    assert not better.gradient(tone, 0.01).any(), "there it pulls to nowhere"
    off = tone + 0.01
    pulls = [(observation.gradient(off, 1e-3).abs()[~gap.mask]).mean() for observation in (better, gap)]
    assert pulls[0] > pulls[1] and torch.equal(gap.expecting(tone).project(off), gap.project(off))
