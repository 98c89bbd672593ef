"""Perturbation of log mel frames that leaves what is said: other pitch and formants, other microphones, noise, gaps.

Pitch and formants are moved by factors of their own: the envelope over the bands, and what is left of them. What is
moved keeps its time, unlike what is played faster.
"""

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core.signal.mel import MelFrontEnd, mel_edges

ENVELOPE_BANDS = 9  # that the envelope is the mean over
LARGEST_WARP, LARGEST_BEND = 1.2, 1.12  # factors on the frequencies of formants, and more on the low than on the high
LARGEST_SHIFT = 1.5  # factor on the pitch
TILT_DECADES, RIPPLES, RIPPLE_DECADES = 0.15, 6, 0.12  # standard deviations of the equaliser's
NARROW_SHARE, NARROWEST_HZ = 0.3, 3200.0  # probability, and the lowest end of a band
NOISE_SHARE, NOISE_DECADES = 0.5, (-2.5, -0.4)  # level relative to the loudest frames
GAPS, LONGEST_GAP, GAP_SHARE = 2, 30, 0.5  # in time, frames of each, and their probability
BAND_GAPS, WIDEST_GAP = 2, 12  # over all times; bands of each


def perturb(mel: Tensor, front_end: MelFrontEnd, generator: Generator) -> Tensor:
    """Log10 mel frames [batch, bands, frames], each spectrogram perturbed at random."""
    draws = torch.rand(len(mel), 2, generator=generator).to(mel)
    mel = say_otherwise(mel, front_end, generator)
    mel = torch.where(draws[:, 0, None, None] < NOISE_SHARE, _with_noise(mel, draws[:, 1], generator), mel)
    return _with_gaps(narrow(mel, front_end, generator), generator)


def narrow(mel: Tensor, front_end: MelFrontEnd, generator: Generator) -> Tensor:
    """Log10 mel frames [batch, bands, frames], some of which have nothing over the end of a narrower band."""
    draws = torch.rand(len(mel), 2, generator=generator).to(mel)
    ends = NARROWEST_HZ * (front_end.highest_hz / NARROWEST_HZ) ** draws[:, 0]
    ends = torch.where(draws[:, 1] < NARROW_SHARE, ends, front_end.highest_hz)
    silent = _centres(front_end).to(mel)[None] > ends[:, None]
    return torch.where(silent[..., None], math.log10(front_end.floor), mel)


def warp(mel: Tensor, factors: Tensor, front_end: MelFrontEnd) -> Tensor:
    """Log mel frames [batch, bands, frames] whose frequencies are multiplied by factors, [batch, bands or 1]."""
    centres = _centres(front_end).to(mel)
    origins = centres[None] / factors
    upper = torch.searchsorted(centres, origins.contiguous()).clamp(1, len(centres) - 1)
    low, high = centres[upper - 1], centres[upper]
    share = ((origins - low) / (high - low)).clamp(0, 1)[..., None]
    below, above = (mel.gather(1, at[..., None].expand_as(mel)) for at in (upper - 1, upper))
    return torch.lerp(below, above, share)


def say_otherwise(mel: Tensor, front_end: MelFrontEnd, generator: Generator) -> Tensor:
    """Log10 mel frames [batch, bands, frames] as other voices at other microphones would have said it."""
    draws = 2 * torch.rand(len(mel), 3, generator=generator).to(mel) - 1
    around = ENVELOPE_BANDS // 2
    padded = F.pad(mel.transpose(1, 2), (around, around), mode="replicate")
    envelope = F.avg_pool1d(padded, ENVELOPE_BANDS, 1).transpose(1, 2)
    bend = torch.linspace(1, -1, mel.shape[1], device=mel.device)
    formants = LARGEST_WARP ** draws[:, :1] * LARGEST_BEND ** (draws[:, 1:2] * bend)
    detail = warp(mel - envelope, LARGEST_SHIFT ** draws[:, 2:], front_end)
    return warp(envelope, formants, front_end) + detail + equaliser(mel, generator)


@cache
def _centres(front_end: MelFrontEnd) -> Tensor:
    return torch.from_numpy(mel_edges(front_end)[1:-1]).float()


def equaliser(mel: Tensor, generator: Generator) -> Tensor:
    """Smooth random gains in decades, [batch, bands, 1]."""
    places = torch.linspace(0, 1, mel.shape[1])
    waves = torch.stack([torch.cos(math.pi * n * places) for n in range(1, RIPPLES + 1)])
    ripples = RIPPLE_DECADES * torch.randn(len(mel), RIPPLES, generator=generator) @ waves
    tilt = TILT_DECADES * torch.randn(len(mel), 1, generator=generator) * (2 * places - 1)
    return (ripples + tilt)[..., None].to(mel)


def _with_noise(mel: Tensor, draws: Tensor, generator: Generator) -> Tensor:
    """With noise whose bands are those of a random slope; draws [batch] choose its level."""
    bands = mel.shape[1]
    slope = torch.randn(len(mel), 1, 1, generator=generator) * torch.linspace(-0.5, 0.5, bands)[:, None]
    flutter = 0.15 * torch.randn(mel.shape, generator=generator)
    lowest, highest = NOISE_DECADES
    level = mel.mean(dim=1).amax(dim=-1) + lowest + (highest - lowest) * draws
    noise = level[:, None, None] + (slope + flutter).to(mel)
    return (10 ** (2 * mel) + 10 ** (2 * noise)).log10() / 2


def _with_gaps(mel: Tensor, generator: Generator) -> Tensor:
    """With moments and bands at the mean of all, so that what is there is guessed from what is around (Park et al.
    2019)."""
    batch, bands, frames = mel.shape
    hidden = torch.zeros(batch, bands, frames, dtype=torch.bool)
    for count, size, longest in ((GAPS, frames, LONGEST_GAP), (BAND_GAPS, bands, WIDEST_GAP)):
        first = torch.rand(batch, count, generator=generator) * size
        length = torch.rand(batch, count, generator=generator) * longest
        length = length * (torch.rand(batch, count, generator=generator) < GAP_SHARE)
        places = torch.arange(size)
        inside = ((places >= first[..., None]) & (places < (first + length)[..., None])).any(dim=1)
        hidden |= inside[:, None] if size == frames else inside[:, :, None]
    return torch.where(hidden.to(mel.device), mel.mean(dim=(1, 2), keepdim=True), mel)
