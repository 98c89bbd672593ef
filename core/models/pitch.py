"""Pitch as classes on a logarithmic scale (as in CREPE, Kim et al. 2018), and pulses that follow it."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LOWEST_HZ, OCTAVE, PITCHES = 55.0, 48, 168  # the lowest class, classes an octave, and how many: up to 614 Hz
CLASSES = PITCHES + 1  # the last one: no pitch
NEAR = 4  # classes on either side of the likeliest that its pitch is the mean of


def class_of(hertz: Tensor) -> Tensor:
    """The class of a pitch, between two of them as a fraction."""
    return OCTAVE * (hertz / LOWEST_HZ).log2()


def expected_pitch(probabilities: Tensor) -> Tensor:
    """Pitch in Hz, `[batch, frames]`: the mean of the classes near the likeliest, on their logarithmic scale.

    Args:
        probabilities: of the classes, `[batch, CLASSES, frames]`.
    """
    pitched = probabilities[:, :PITCHES]
    places = torch.arange(PITCHES, device=pitched.device)[None, :, None]
    near = (places - pitched.argmax(dim=1, keepdim=True)).abs() <= NEAR
    weights = pitched * near
    mean = (weights * places).sum(dim=1) / weights.sum(dim=1).clamp_min(1e-9)
    return LOWEST_HZ * 2 ** (mean / OCTAVE)


def as_classes(hertz: Tensor, voiced: Tensor) -> Tensor:
    """Probabilities of the classes, `[batch, CLASSES, frames]`, whose expected pitch is a given one.

    Args:
        hertz: pitch, `[batch, frames]`; brought into the range of the classes.
        voiced: probability of a pitch, `[batch, frames]`.
    """
    place = class_of(hertz.clamp_min(LOWEST_HZ)).clamp_max(PITCHES - 1)[:, None]
    places = torch.arange(PITCHES, device=hertz.device)[None, :, None]
    near = (1 - (places - place).abs()).clamp_min(0)
    return torch.cat([near * voiced[:, None], 1 - voiced[:, None]], dim=1)


def turns_at_frames(hertz: Tensor, hop_length: int, sample_rate: int, at: tuple[int, Tensor] | None = None) -> Tensor:
    """Phase at every frame of a pitch that changes linearly between frames, in turns from 0 to 1, `[batch, frames]`.

    Args:
        hertz: at the frames, `[batch, frames]`.
        at: a frame and the phase there, `[batch]`; zero at the first one by default.
    """
    steps = (hertz[:, 1:] + hertz[:, :-1]).double() * (hop_length / 2 / sample_rate)
    turns = F.pad(steps.cumsum(dim=1), (1, 0))
    if at is not None:
        frame, phase = at
        turns = turns + (phase - turns[:, frame])[:, None]
    return (turns % 1).float()


def pulses(hertz: Tensor, turns: Tensor, hop_length: int, sample_rate: int) -> Tensor:
    """Pulses of unit variance, all harmonics under half the sample rate, `[batch, (frames - 1) * hop_length]`.

    The sum of cos(h phi) for h = 1 .. H is sin((H + 1/2) phi) / (2 sin(phi / 2)) - 1/2 (Dirichlet); the topmost
    harmonic fades with the pitch, so that none appears at once.

    Args:
        hertz: pitch at the frames, `[batch, frames]`.
        turns: of `turns_at_frames`.
    """
    share = torch.arange(hop_length, device=hertz.device) / hop_length
    low, rise = hertz[:, :-1, None], hertz.diff(dim=1)[..., None]
    pitch = (low + rise * share).flatten(1)
    phase = turns[:, :-1, None] + (low * share + rise * share.square() / 2) * (hop_length / sample_rate)
    phase = phase.flatten(1) % 1 * (2 * math.pi)
    harmonics = sample_rate / 2 / pitch - 1
    whole = harmonics.floor()
    half = (phase / 2).sin()
    closed = ((whole + 0.5) * phase).sin() / (2 * torch.where(half.abs() < 1e-4, 1.0, half))
    kernel = torch.where(half.abs() < 1e-4, whole + 0.5, closed) - 0.5
    return (kernel + (harmonics - whole) * ((whole + 1) * phase).cos()) * (2 / harmonics).sqrt()
