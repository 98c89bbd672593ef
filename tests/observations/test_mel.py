"""Mel magnitudes as evidence: what agrees with them stays, what does not is moved towards them."""

import pytest
import torch

from core.observations.mel import MelMagnitudes
from core.signal.mel import FRONT_ENDS, mel_filters, mel_spectrogram

FRONT_END = FRONT_ENDS["pnf-16k"]
FILTERS = torch.from_numpy(mel_filters(FRONT_END))


def speechlike(seed=0, frames=16000):
    generator = torch.Generator().manual_seed(seed)
    t = torch.arange(frames) / 16000
    voice = sum(
        torch.sin(2 * torch.pi * 150 * n * t + 6 * torch.rand(1, generator=generator)) / n for n in range(1, 20)
    )
    return (0.05 * voice * (1 + torch.sin(2 * torch.pi * 3 * t)))[None]


def observe(x):
    empty = MelMagnitudes(torch.zeros(1), FILTERS, FRONT_END.hop_length, x)
    return MelMagnitudes(empty.forward(x), FILTERS, FRONT_END.hop_length, torch.zeros_like(x))


def test_magnitudes_are_those_of_the_front_end():
    x = speechlike()
    expected = torch.from_numpy(10 ** mel_spectrogram(x[0].numpy(), FRONT_END))
    torch.testing.assert_close(observe(x).magnitudes[0], expected, rtol=1e-3, atol=1e-6)


def test_the_truth_is_left_alone():
    x = speechlike()
    observation = observe(x)
    inside = slice(2000, -2000)
    assert observation.residual(x) == 0
    torch.testing.assert_close(observation.project(x)[:, inside], x[:, inside], rtol=0, atol=2e-3)


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_a_wrong_level_is_put_right(factor):
    x = speechlike()
    observation = observe(x)
    assert observation.residual(observation.project(x * factor)) < 0.1 * observation.residual(x * factor)


def test_noise_takes_on_the_spectrogram():
    observation = observe(speechlike())
    noise = 0.1 * torch.randn(1, 16000, generator=torch.Generator().manual_seed(1))
    assert observation.residual(observation.project(noise)) < 0.2 * observation.residual(noise)
    assert torch.isfinite(observation.initialise(torch.Generator())).all(), "silence can be started from, too"
