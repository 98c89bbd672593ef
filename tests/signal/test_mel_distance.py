"""Distances between short sounds: what does not count in them, and what does."""

import numpy as np
import pytest
import torch

from core.signal.clip import Clip
from core.signal.mel_distance import comparable_mel, comparable_mels, mel_distances, nearest

RATE = 16000


def tone(hertz: float, seconds: float = 0.4) -> torch.Tensor:
    times = torch.arange(round(seconds * RATE)) / RATE
    return 0.3 * torch.sin(2 * torch.pi * hertz * times) * torch.hann_window(len(times), periodic=False)


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(mel_distances(comparable_mel(one, RATE)[None], comparable_mel(other, RATE)[None]))


def test_level_and_silence_around_a_sound_do_not_count():
    sound = tone(440)
    moved = torch.cat([torch.zeros(1600), 0.2 * sound, torch.zeros(4800)])
    assert distance(sound, moved) < 0.02 < 0.2 < distance(sound, tone(880))


def test_a_sound_of_another_length_is_further_away():
    assert distance(tone(440), tone(440, 0.38)) < distance(tone(440), tone(440, 0.2))


def test_the_distance_is_a_root_mean_square_in_decades():
    mels = torch.randn(3, 48, 63, generator=torch.Generator().manual_seed(0))
    found = mel_distances(mels, torch.stack([mels[1], mels[1] + 0.5]))
    assert found.shape == (3, 2)
    assert found[1].tolist() == pytest.approx([0.0, 0.5], abs=1e-3)
    assert float(found[0, 0]) == pytest.approx(float((mels[0] - mels[1]).square().mean().sqrt()), rel=1e-4)


def test_the_nearest_is_found_at_whatever_rate_it_was_recorded():
    others = comparable_mels([Clip(tone(hertz)[None].numpy(), RATE) for hertz in (440, 880)], 8000)
    wanted = Clip(np.float32(0.1 * np.sin(2 * np.pi * 880 * np.arange(19200) / 48000))[None], 48000)
    distances, numbers = nearest(comparable_mels([wanted], 8000), others)
    assert numbers.tolist() == [1] and distances[0] < mel_distances(comparable_mels([wanted], 8000), others)[0, 0]


def test_silence_and_sounds_longer_than_the_window_are_compared_as_well():
    for waveform in (torch.zeros(100), torch.zeros(3 * RATE), tone(440, 2.5)):
        mel = comparable_mel(waveform, RATE)
        assert mel.shape == comparable_mel(tone(440), RATE).shape and mel.isfinite().all()
