"""Augmentation of recordings: random speed, equalisation, reverberation and a noise floor.

Each is a product or a sum in the spectrum of the whole segment, so all of them together cost one Fourier transform and
its inverse. The convolution is circular: reverberation past the end of a segment returns at its beginning.
"""

import math

import torch
from torch import Generator, Tensor

SPEED_SEMITONES, LARGEST_SPEED = 1.5, 1.25  # standard deviation, and the largest factor
RIPPLES, RIPPLE_DB = 5, 2.0  # the equaliser's cosines over log frequency, and the standard deviation of each
ROOM_SHARE, LONGEST_T60, DIRECT_DB = 0.25, 0.5, (0.0, 15.0)  # probability; seconds; direct over reverberant sound
FLOOR_DB, FLOOR_SLOPE = (-50.0, -22.0), (-1.0, 0.0)  # level relative to the sound; magnitude's exponent of frequency
RATE = 16000  # the seconds above are at this rate


def augment(waveforms: Tensor, generator: Generator, noisy_share: float) -> Tensor:
    """Waveforms [batch, samples], each augmented at random.

    Args:
        noisy_share: probability of a noise floor.

    Returns:
        [batch, samples / LARGEST_SPEED].
    """
    frames = int(waveforms.shape[1] / LARGEST_SPEED)
    return torch.stack([_augment_one(row, frames, generator, noisy_share) for row in waveforms])


def _augment_one(waveform: Tensor, frames: int, generator: Generator, noisy_share: float) -> Tensor:
    speed = 2 ** (SPEED_SEMITONES / 12 * torch.randn(1, generator=generator).item())
    taken = round(frames * min(max(speed, 1 / LARGEST_SPEED), LARGEST_SPEED))
    spectrum = torch.fft.rfft(waveform[:taken]) * _equaliser(taken // 2 + 1, generator).to(waveform.device)
    if _chance(generator) < ROOM_SHARE:
        spectrum = spectrum * torch.fft.rfft(_room(taken, generator).to(waveform.device))
    spectrum = _with_bins(spectrum, frames // 2 + 1)
    if _chance(generator) < noisy_share:
        spectrum = spectrum + _floor(spectrum, generator)
    return torch.fft.irfft(spectrum, frames) * (frames / taken)


def _equaliser(bins: int, generator: Generator) -> Tensor:
    """Smooth random gains, [bins]."""
    octaves = torch.linspace(1 / bins, 1, bins).log2() / 8  # over eight octaves, 0 at the top
    ripples = torch.stack([torch.cos(math.pi * n * octaves) for n in range(1, RIPPLES + 1)])
    decibels = RIPPLE_DB * torch.randn(RIPPLES, generator=generator) @ ripples
    return 10 ** (decibels / 20)


def _room(samples: int, generator: Generator) -> Tensor:
    """Impulse response of a random room: an impulse, then exponentially decaying noise, [samples]."""
    t60 = 0.1 + (LONGEST_T60 - 0.1) * _chance(generator)
    times = torch.arange(samples) / RATE
    tail = torch.randn(samples, generator=generator) * 10 ** (-3 * times / t60)
    direct = DIRECT_DB[0] + (DIRECT_DB[1] - DIRECT_DB[0]) * _chance(generator)
    tail = tail * 10 ** (-direct / 20) / tail.square().sum().sqrt()
    tail[0] = 1.0
    return tail


def _floor(spectrum: Tensor, generator: Generator) -> Tensor:
    """Spectrum of noise with a random slope, at a random level relative to the sound."""
    slope = FLOOR_SLOPE[0] + (FLOOR_SLOPE[1] - FLOOR_SLOPE[0]) * _chance(generator)
    noise = torch.randn(2, len(spectrum), generator=generator) * (torch.arange(len(spectrum)) + 20.0) ** slope
    noise = torch.complex(*noise).to(spectrum.device)
    level = FLOOR_DB[0] + (FLOOR_DB[1] - FLOOR_DB[0]) * _chance(generator)
    return noise * (10 ** (level / 20) * spectrum.abs().square().sum().sqrt() / noise.abs().square().sum().sqrt())


def _with_bins(spectrum: Tensor, bins: int) -> Tensor:
    """The spectrum cut or zero padded to so many bins."""
    return torch.nn.functional.pad(spectrum, (0, max(bins - len(spectrum), 0)))[:bins]


def _chance(generator: Generator) -> float:
    return torch.rand(1, generator=generator).item()
