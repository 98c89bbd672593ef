"""Steering: delays in closed form, exact alignment of a wave that arrives, and back again."""

import math

import numpy as np
import pytest
import torch

from core.arrays.geometry import ARRAYS, circular
from core.arrays.steering import (
    SPEED_OF_SOUND,
    Steering,
    align,
    align_exactly,
    arrival_delays,
    sample_shifts,
    unalign,
    unalign_exactly,
)
from core.evaluation.parity import run_parity

RATE = 44100
ANGLES = np.linspace(-math.pi, math.pi, 17)
ARRAY = ARRAYS["circle-6"]


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def arriving(angle: float, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A periodic wave of 40 cosines, and what each microphone hears of it when it comes from an angle."""
    phases, cycles = 2 * math.pi * noise(40), torch.arange(1, 41, dtype=torch.float64)
    times = torch.arange(frames, dtype=torch.float64) / RATE

    def heard(delay: float) -> torch.Tensor:
        return torch.cos(2 * math.pi * cycles[:, None] * (times - delay) * RATE / frames + phases[:, None]).sum(dim=0)

    return heard(0.0), torch.stack([heard(delay) for delay in arrival_delays(ARRAY, angle).tolist()])


def test_delays_of_two_microphones_in_line_with_the_source():
    """The farther one hears sound from +x later, by the time sound takes from one to the other."""
    pair = circular("pair", 2, 0.1)
    np.testing.assert_allclose(arrival_delays(pair, [0.0, math.pi]), [[0, 0.2 / 343], [0, -0.2 / 343]], atol=1e-15)
    assert sample_shifts(pair, 0.0, 16000).tolist() == [0, round(16000 * 0.2 / SPEED_OF_SOUND)]


def test_delays_turn_with_the_array():
    """A turn by one microphone's angle hands the distances on to the next one."""
    delays = arrival_delays(ARRAY, ANGLES)
    turned = arrival_delays(ARRAY, ANGLES + math.pi / 3)
    np.testing.assert_allclose(turned[:, 1:] - turned[:, 1:2], delays[:, :-1], atol=1e-15)


def test_halves_are_rounded_to_even(monkeypatch):
    monkeypatch.setattr("core.arrays.steering.arrival_delays", lambda *_: np.array([0.0, 0.5, 1.5, -0.5, -1.5]))
    assert sample_shifts(ARRAY, 0.0, 1).tolist() == [0, 0, 2, 0, -2]


def test_alignment_rolls_and_leaves_its_input():
    x, shifts = noise(6, 50), sample_shifts(ARRAY, ANGLES, RATE)
    before, aligned = x.clone(), align(x, shifts)
    for angle, copy in zip(shifts, aligned, strict=True):
        for channel, shift, rolled in zip(x, angle, copy, strict=True):
            assert torch.equal(rolled, channel.roll(-int(shift)))
    assert torch.equal(x, before)
    assert torch.equal(unalign(aligned, shifts), x.expand_as(aligned))


def test_exact_alignment_of_a_wave_that_arrives():
    for angle in ANGLES:
        wave, channels = arriving(angle, 500)
        torch.testing.assert_close(align_exactly(channels, ARRAY, angle, RATE), wave.expand(6, -1))


@pytest.mark.parametrize("frames", [499, 500])
def test_exact_alignment_has_an_inverse(frames):
    x = noise(6, frames)
    if frames % 2 == 0:  # less the highest frequency
        x -= torch.fft.irfft(torch.fft.rfft(x) * (torch.arange(frames // 2 + 1) == frames // 2), n=frames)
    aligned = align_exactly(x, ARRAY, ANGLES, RATE)
    assert aligned.shape == (len(ANGLES), 6, frames)
    torch.testing.assert_close(unalign_exactly(aligned, ARRAY, ANGLES, RATE), x.expand_as(aligned))


def test_exact_alignment_by_whole_samples_is_a_roll(monkeypatch):
    shifts = np.array([0, 3, -2, 7, 1, -49])
    monkeypatch.setattr("core.arrays.steering.arrival_delays", lambda *_: shifts / RATE)
    x = noise(6, 50)
    torch.testing.assert_close(align_exactly(x, ARRAY, 0.0, RATE), align(x, shifts))


@pytest.mark.parametrize("pre_shift", ["original", "exact"])
def test_steering_there_and_back(pre_shift):
    steering, x = Steering(ARRAY, RATE, pre_shift), noise(6, 99)
    towards = steering.towards(x, ANGLES)
    torch.testing.assert_close(steering.back(towards, ANGLES), x.expand_as(towards))
    torch.testing.assert_close(towards[3], steering.towards(x, ANGLES[3]))


def test_goldens(parity_folder):
    checks = list(run_parity(parity_folder, system="cone_of_silence", only="shift"))
    assert len(checks) == 12 and all(check.ok for check in checks)
