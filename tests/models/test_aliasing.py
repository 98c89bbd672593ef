"""The alias detector: what it must not depend on."""

import pytest
import torch

from core.models.aliasing import HOP, SHORTEST, AliasDetector


@pytest.fixture
def detector():
    torch.manual_seed(0)
    return AliasDetector((4, 4, 8, 8), 8).requires_grad_(False)


def noise(*shape):
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_every_row_is_judged_for_itself(detector):
    waveforms = noise(3, 4000) * torch.tensor([[1.0], [0.01], [1.0]])
    alone = torch.cat([detector(row[None], 4000) for row in waveforms])
    torch.testing.assert_close(detector(waveforms, 4000), alone)


def test_the_level_does_not_matter(detector):
    waveform = noise(1, 4000)
    torch.testing.assert_close(detector(waveform, 4000), detector(waveform / 1000, 4000), rtol=1e-3, atol=1e-3)


def test_saying_it_twice_does_not_make_it_surer(detector):
    waveform = noise(1, HOP * 60)
    twice = detector(torch.cat([waveform, waveform], dim=1), 4000)
    torch.testing.assert_close(twice, detector(waveform, 4000), atol=0.01, rtol=0.05)


def test_the_rate_matters(detector):
    waveform = noise(1, 4000)
    assert detector(waveform, 4000) != detector(waveform, 8000)


@pytest.mark.parametrize("waveform", [noise(2, SHORTEST), torch.zeros(2, 1000)], ids=["short", "silent"])
def test_little_is_enough(detector, waveform):
    assert detector(waveform, 4000).shape == (2,) and detector(waveform, 4000).isfinite().all()
