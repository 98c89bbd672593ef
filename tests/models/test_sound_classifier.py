"""The sound classifier: what it must not depend on."""

import pytest
import torch

from core.models.sound_classifier import WINDOW, SoundClassifier, prepared

RATE = SoundClassifier.sample_rate


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    return SoundClassifier(["a", "b", "c"], channels=4, features=8).eval()


def chirp(moments: int = 32) -> torch.Tensor:
    """As long as so many of the moments that quiet ends are measured by."""
    frames = 256 * moments
    time = torch.arange(frames) / RATE
    return torch.hann_window(frames) ** 0.5 * torch.sin(2 * torch.pi * (300 + 1500 * time) * time)


def tone(hertz: float, like: torch.Tensor) -> torch.Tensor:
    """Of whole periods, so that its spectrum is one line."""
    return 0.2 * torch.sin(2 * torch.pi * hertz * torch.arange(len(like)) / RATE)


def test_probabilities_add_up_and_features_are_few(classifier):
    mels = torch.stack([prepared(chirp()), prepared(chirp(12))])
    torch.testing.assert_close(classifier(mels).exp().sum(dim=1), torch.ones(2))
    assert classifier.features(mels).shape == (2, 8)


def test_every_sound_is_judged_for_itself(classifier):
    mels = torch.stack([prepared(chirp()), prepared(chirp(12))])
    alone = torch.cat([classifier(mel[None]) for mel in mels])
    torch.testing.assert_close(classifier(mels), alone)


def test_nothing_over_its_band_is_heard():
    """Neither the tone itself nor the level that it adds."""
    hiss, hum = tone(5000, chirp()), tone(500, chirp())
    torch.testing.assert_close(prepared(chirp() + hiss), prepared(chirp()), atol=0.01, rtol=0)
    assert (prepared(chirp() + hum) - prepared(chirp())).abs().max() > 0.3


def test_level_and_place_do_not_matter():
    later = torch.cat([torch.zeros(256 * 20), 0.1 * chirp(), torch.zeros(256 * 3)])
    torch.testing.assert_close(prepared(later), prepared(chirp()), atol=0.05, rtol=0)


@pytest.mark.parametrize("waveform", [torch.zeros(2000), torch.zeros(40), chirp(200)], ids=["silence", "short", "long"])
def test_anything_can_be_judged(classifier, waveform):
    assert prepared(waveform).shape == (40, WINDOW // 128)
    assert classifier(prepared(waveform)[None]).isfinite().all()
