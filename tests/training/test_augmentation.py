"""Augmented recordings: as long as asked for, at another pitch, in another room, with a floor where one is wanted."""

import pytest
import torch

from core.training.objectives import augmentation
from core.training.objectives.augmentation import LARGEST_SPEED, augment

SAMPLES = 40_000


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def tone():
    return 0.1 * torch.sin(2 * torch.pi * 1000 / 16000 * torch.arange(SAMPLES))[None]


@pytest.fixture
def plain(monkeypatch):
    """Neither rooms, nor another speed, nor an equaliser, unless a test says so."""
    for name, value in {"SPEED_SEMITONES": 0.0, "RIPPLE_DB": 0.0, "ROOM_SHARE": 0.0}.items():
        monkeypatch.setattr(augmentation, name, value)
    return monkeypatch


def test_nothing_asked_for_changes_nothing(plain, tone):
    frames = int(SAMPLES / LARGEST_SPEED)
    torch.testing.assert_close(augment(tone, generator(), 0.0), tone[:, :frames], rtol=0, atol=1e-5)


def test_speed_moves_pitch_within_bounds(plain, tone):
    plain.setattr(augmentation, "SPEED_SEMITONES", 3.0)
    made = augment(tone.expand(60, -1), generator(), 0.0)
    peaks = torch.fft.rfft(made).abs().argmax(dim=1) * 16000 / made.shape[1] / 1000
    assert 0.75 < peaks.min() < 0.9 and 1.1 < peaks.max() < 1.3
    assert made.std(dim=1).sub(tone.std()).abs().max() < 0.002, "as loud as before"


def test_a_floor_lies_where_it_should(plain, tone):
    floors = augment(tone.expand(60, -1), generator(), 1.0) - augment(tone.expand(60, -1), generator(), 0.0)
    levels = 20 * (floors.std(dim=1) / tone.std()).log10()
    low, high = augmentation.FLOOR_DB
    assert low - 1 < levels.min() < low + 10 and high - 10 < levels.max() < high + 1
    clean = augment(tone.expand(60, -1), generator(), 0.5) - tone[:, :32000]
    assert 15 < (clean.std(dim=1) < 1e-5).sum() < 45


def test_an_equaliser_is_smooth_and_moderate(plain):
    plain.setattr(augmentation, "RIPPLE_DB", 2.0)
    noise = torch.randn(1, SAMPLES, generator=generator())
    made = augment(noise.expand(20, -1), generator(), 0.0)
    gains = 20 * (torch.fft.rfft(made).abs() / torch.fft.rfft(noise[:, :32000]).abs()).log10()
    assert 1 < gains.std(dim=0).mean() < 8
    assert gains[:, 1:].diff().abs().median() < 0.01


def test_a_room_rings_after_a_click(plain):
    plain.setattr(augmentation, "ROOM_SHARE", 1.0)
    click = torch.zeros(1, SAMPLES)
    click[0, 100] = 1.0
    rung = augment(click, generator(), 0.0)[0]
    assert rung.argmax() == 100 and rung[:100].abs().max() < 1e-3
    assert rung[101:1000].square().sum() > 10 * rung[8000:9000].square().sum() > 0
