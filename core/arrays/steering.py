"""Steering: channels are shifted so that sound from one direction is aligned in all of them.

Jenrungrot et al. 2020 (Cone of Silence), sec. 3.1: a network on channels aligned to a direction need not be conditioned
on it. The Cone of Silence rounds delays to whole samples (`align`); `align_exactly` keeps fractions. Both shifts are
circular.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from core.arrays.geometry import SPEED_OF_SOUND, ArrayGeometry

FAR_FIELD_METRES = 3.0  # from the centre to the point that an angle stands for

PreShift = Literal["original", "exact"]


def arrival_delays(geometry: ArrayGeometry, angles) -> np.ndarray:
    """Seconds by which sound reaches each microphone later than microphone 0; negative where it is earlier.

    The sound comes from a point 3 m away, as in the Cone of Silence: tau_m = (|p - x_m| - |p - x_0|) / c.

    Args:
        angles: in radians, any shape `[...]`.

    Returns:
        `[..., mics]`, float64.
    """
    points = FAR_FIELD_METRES * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    distances = np.linalg.norm(points[..., None, :] - geometry.xy, axis=-1)
    return (distances - distances[..., :1]) / SPEED_OF_SOUND


def sample_shifts(geometry: ArrayGeometry, angles, sample_rate: int) -> np.ndarray:
    """The delays rounded to whole samples (halves to even), `[..., mics]`, int64; arguments as `arrival_delays`."""
    return np.rint(sample_rate * arrival_delays(geometry, angles)).astype(np.int64)


def align(x: Tensor, shifts: np.ndarray) -> Tensor:
    """Shifts every channel ahead by its delay, circularly.

    Args:
        x: `[..., mics, frames]`.
        shifts: of `sample_shifts`, `[..., mics]`; broadcast against x, so several angles may share one x.
    """
    frames = x.shape[-1]
    shifts = torch.as_tensor(shifts, device=x.device)[..., None]
    source = (torch.arange(frames, device=x.device) + shifts) % frames
    shape = torch.broadcast_shapes(x.shape, source.shape)
    return x.expand(shape).gather(-1, source.expand(shape))


def unalign(x: Tensor, shifts: np.ndarray) -> Tensor:
    """The inverse of `align`."""
    return align(x, -np.asarray(shifts))


def align_exactly(x: Tensor, geometry: ArrayGeometry, angles, sample_rate: int) -> Tensor:
    """Shifts every channel ahead by its exact delay, circularly: a rotation of phases by 2 pi f tau.

    Delays are those of `arrival_delays`, so rounding them gives `align`. With an even number of frames the Nyquist
    frequency is lost where a delay is not whole.

    Args:
        x: `[..., mics, frames]`.
        angles: in radians, `[...]`; broadcast against x, so several may share one x.
        sample_rate: of x, in Hz.
    """
    return _advance(x, sample_rate * arrival_delays(geometry, angles))


def unalign_exactly(x: Tensor, geometry: ArrayGeometry, angles, sample_rate: int) -> Tensor:
    """The inverse of `align_exactly`; arguments as there."""
    return _advance(x, -sample_rate * arrival_delays(geometry, angles))


def _advance(x: Tensor, samples: np.ndarray) -> Tensor:
    """x `[..., mics, frames]` shifted ahead in time by samples `[..., mics]`."""
    frames = x.shape[-1]
    cycles = torch.as_tensor(samples, device=x.device)[..., None] * torch.fft.rfftfreq(
        frames, dtype=torch.float64, device=x.device
    )
    spectrum = torch.fft.rfft(x)
    rotation = torch.polar(torch.ones_like(cycles), 2 * math.pi * cycles).to(spectrum.dtype)
    return torch.fft.irfft(spectrum * rotation, n=frames)


@dataclass(frozen=True)
class Steering:
    """Alignment of channels to angles, and its inverse.

    Args:
        sample_rate: of the channels, in Hz.
        pre_shift: by whole samples ("original"), or with fractions ("exact").
    """

    geometry: ArrayGeometry
    sample_rate: int
    pre_shift: PreShift = "original"

    def delays(self, angles) -> np.ndarray:
        """Samples, whole ones or not, by which sound reaches each microphone later than microphone 0, `[..., mics]`."""
        if self.pre_shift == "exact":
            return self.sample_rate * arrival_delays(self.geometry, angles)
        return sample_shifts(self.geometry, angles, self.sample_rate)

    def towards(self, mixture: Tensor, angles) -> Tensor:
        """The mixture `[mics, frames]` aligned to each of the angles, `[angles, mics, frames]`."""
        if self.pre_shift == "exact":
            return align_exactly(mixture, self.geometry, angles, self.sample_rate)
        return align(mixture, sample_shifts(self.geometry, angles, self.sample_rate))

    def back(self, voices: Tensor, angles) -> Tensor:
        """Voices aligned to the angles, `[angles, mics, frames]`, shifted back: their images at the microphones."""
        if self.pre_shift == "exact":
            return unalign_exactly(voices, self.geometry, angles, self.sample_rate)
        return unalign(voices, sample_shifts(self.geometry, angles, self.sample_rate))
