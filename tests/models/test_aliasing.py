"""The alias detector: what it must not depend on."""

import pytest
import torch

from core.models.aliasing import SHORTEST, AliasDetector


@pytest.fixture
def detector():
    torch.manual_seed(0)
    return AliasDetector(8)


def noise(*shape):
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_every_row_is_judged_for_itself(detector):
    waveforms = noise(3, 4000) * torch.tensor([[1.0], [0.01], [1.0]])
    alone = torch.cat([detector(row[None], 4000) for row in waveforms])
    torch.testing.assert_close(detector(waveforms, 4000), alone)


def test_the_level_does_not_matter(detector):
    waveform = noise(1, 4000)
    torch.testing.assert_close(detector(waveform, 4000), detector(waveform / 1000, 4000), rtol=1e-3, atol=1e-3)


def test_pauses_say_nothing(detector):
    waveform = noise(1, 128 * 40)
    pause = 1e-4 * noise(1, 128 * 60)
    joined = detector(torch.cat([waveform, pause], dim=1), 4000)
    torch.testing.assert_close(joined, detector(waveform, 4000), atol=0.02, rtol=0.1)


@pytest.mark.parametrize("waveform", [noise(2, SHORTEST), torch.zeros(2, 1000)], ids=["short", "silent"])
def test_little_is_enough(detector, waveform):
    assert detector(waveform, 4000).shape == (2,) and detector(waveform, 4000).isfinite().all()
