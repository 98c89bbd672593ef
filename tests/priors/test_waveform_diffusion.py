"""Waveform diffusions as priors: in the originals' own terms, between steps, told a spectrogram, of one length."""

import math

import pytest
import torch

from core.errors import InputError
from core.models.diffwave import DiffWave, DiffWaveConfig
from core.models.noise_schedule import NoiseSchedule
from core.models.sashimi import SaShiMi, SaShiMiConfig
from core.priors.waveform_diffusion import WaveformDiffusionPrior
from core.samplers.generation import FAST_BETAS, generation_plan
from core.types import MelCondition, Observation

SCHEDULE = NoiseSchedule.linear(8, 1e-3, 0.4)
SIZES = {"layers": 2, "cycle": 2, "residual": 6, "skip": 5, "embedding": (8, 10, 12)}


def made(network) -> WaveformDiffusionPrior:
    torch.nn.init.normal_(network.noise.weight)
    return WaveformDiffusionPrior("ours", 16000, network, SCHEDULE)


@pytest.fixture
def prior() -> WaveformDiffusionPrior:
    torch.manual_seed(0)
    return made(DiffWave(DiffWaveConfig(**SIZES)))


def test_its_levels_are_the_schedules_and_scores_are_the_predicted_noise(prior):
    assert prior.levels == tuple(reversed(SCHEDULE.levels.tolist()))
    x_t, kept = torch.randn(2, 40), SCHEDULE.alpha_bars[5]
    score = prior.score(x_t / kept.sqrt(), SCHEDULE.levels[5].item())
    noise = prior.model(x_t, torch.tensor([5.0, 5.0]))
    torch.testing.assert_close(score.gradient, -noise / SCHEDULE.levels[5].float(), atol=1e-5, rtol=1e-4)
    assert score.log_prob is None


def test_between_two_steps_it_is_asked_at_a_fractional_one(prior):
    x, (low, high) = torch.randn(1, 40), SCHEDULE.levels[3:5].tolist()
    level = math.sqrt(low * high)
    expected = -prior.model(x / math.sqrt(1 + level**2), torch.tensor([3.5])) / level
    torch.testing.assert_close(prior.score(x, level).gradient, expected, atol=1e-5, rtol=1e-4)


def test_ddpm_is_the_original_reverse_process(prior):
    """x <- (x - beta / sqrt(1 - abar) noise) / sqrt(alpha) + deviation * fresh (Ho et al. 2020, alg. 2)."""
    noises = torch.randn(8, 1, 40, generator=torch.Generator().manual_seed(1))
    plan, draws = generation_plan("ddpm", prior), iter(noises)
    *_, last = plan.start(prior, Observation(), torch.zeros(1, 40), lambda shape: next(draws))
    x = noises[0] * SCHEDULE.levels[-1] * SCHEDULE.alpha_bars[-1].sqrt()
    for t in reversed(range(8)):
        beta, kept = SCHEDULE.betas[t], SCHEDULE.alpha_bars[t]
        noise = prior.model(x.float(), torch.tensor([t]))
        x = (x - beta / (1 - kept).sqrt() * noise) / (1 - beta).sqrt()
        x = x + SCHEDULE.deviations[t] * noises[8 - t] if t else x
    torch.testing.assert_close(last.x, x.float(), atol=1e-4, rtol=1e-3)


def test_fast_tells_the_steps_of_the_training_and_the_short_schedule_alone_its_own(prior):
    """The original's fast sampling is told 0 to 5 (SaShiMi's repository): that is a prior of the short schedule."""
    schedules = (NoiseSchedule.linear(200, 1e-4, 0.02), NoiseSchedule(FAST_BETAS))
    (trained, short), told = [WaveformDiffusionPrior("ours", 16000, prior.model, own) for own in schedules], []
    prior.model.register_forward_pre_hook(lambda _, given: told.append(given[1].item()))
    for asked, name in ((trained, "fast"), (short, "ddpm")):
        for _ in generation_plan(name, asked).start(asked, Observation(), torch.zeros(1, 40), torch.Generator()):
            pass
    assert told[:6] == pytest.approx([138.08, 73.98, 33.82, 13.45, 3.24, 0], abs=0.01)
    assert told[6:] == pytest.approx([5, 4, 3, 2, 1, 0])


def test_a_spectrogram_serves_several_rows_and_its_context_is_left_out():
    torch.manual_seed(0)
    prior = made(DiffWave(DiffWaveConfig(**SIZES, bands=7, upsampling=(4, 2))))
    assert prior.conditions == {MelCondition}
    mel, x = torch.randn(1, 7, 5), torch.randn(3, 40)
    score = prior.score(x, 0.5, MelCondition(mel, 8, 0)).gradient
    for row in range(3):
        alone = prior.score(x[row : row + 1], 0.5, MelCondition(mel, 8, 0)).gradient
        torch.testing.assert_close(score[row : row + 1], alone)
    padded = MelCondition(torch.nn.functional.pad(mel, (2, 2), value=9.0), 8, 2)
    torch.testing.assert_close(prior.score(x, 0.5, padded).gradient, score)
    with pytest.raises(InputError, match="give more frames"):
        prior.score(torch.randn(1, 41), 0.5, MelCondition(mel, 8, 0))


def test_of_the_branch_checkpoints_only_the_training_length_is_known():
    torch.manual_seed(0)
    sizes = {"channels": 4, "layers": 1, "pooling": (2,), "embedding": (8, 10, 12), "length": 32, "state": 4}
    prior = made(SaShiMi(SaShiMiConfig(**sizes, kernel="s4-older")))
    assert prior.score(torch.randn(2, 32), 0.5).gradient.shape == (2, 32)
    with pytest.raises(InputError, match=r"sounds of 0.002 s alone \(32 samples\).* not of 30"):
        prior.score(torch.randn(1, 30), 0.5)
