"""Features of complex spectra for networks, and folding of neighbouring bins into channels and back."""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.signal.stft import BINS, quarter_turns

DATA_STD = 0.12  # root mean square level of the networks' waveforms
MIXTURE_STD = DATA_STD * 2**0.5  # of a mixture of two sources
DILATIONS = ((1, 1), (2, 1), (4, 2), (8, 2), (16, 4))  # in (patched) frequency and time, block by block
FEATURES = 7  # per spectrum
POSITIONS = 4


def spectral_features(spectra: Tensor, known_share: Tensor) -> Tensor:
    """Real features of complex spectra [batch, spectra, BINS, frames]: [batch, features, BINS, frames].

    Log magnitude; compressed real and imaginary part; phase difference to the frame before (instantaneous frequency)
    and to the bin below (group delay), which do not depend on absolute phase; then position in frequency and share of
    known samples.
    """
    batch, _, bins, frames = spectra.shape
    magnitude = spectra.abs()
    compressed = spectra / (magnitude + 1e-4).sqrt()
    turn_in_time = compressed * F.pad(compressed, (1, 0))[..., :-1].conj()
    below = F.pad(compressed, (0, 0, 1, 0))[..., :-1, :]
    turn_in_frequency = compressed * below.conj() * quarter_turns(frames, spectra.device)
    compress = [z / (z.abs() + 1e-4).sqrt() for z in (turn_in_time, turn_in_frequency)]
    parts = [(magnitude + 1e-4).log() / 2, compressed.real, compressed.imag]
    parts += [part for z in compress for part in (z.real, z.imag)]
    grid = positions(bins, spectra.device)[None, :, :, None].expand(batch, -1, -1, frames)
    share = known_share[:, None, None, :].expand(batch, 1, bins, frames)
    return torch.cat([*parts, grid, share], dim=1)


def positions(bins: int, device: torch.device) -> Tensor:
    """Embedding of every bin's frequency, [POSITIONS, bins]."""
    position = torch.linspace(0, 1, bins, device=device)
    waves = [position, (-8 * position).exp(), (torch.pi * position).cos(), (4 * torch.pi * position).cos()]
    return torch.stack(waves)


def fold(features: Tensor, patch: int) -> Tensor:
    """[batch, C, BINS, frames] to [batch, C * patch, BINS / patch, frames], channels last in memory."""
    batch, channels, bins, frames = features.shape
    folded = features.reshape(batch, channels, bins // patch, patch, frames).transpose(2, 3)
    return folded.reshape(batch, channels * patch, bins // patch, frames).contiguous(memory_format=torch.channels_last)


def unfold(answer: Tensor, patch: int) -> Tensor:
    """The inverse of `fold`."""
    batch, channels, rows, frames = answer.shape
    answer = answer.reshape(batch, channels // patch, patch, rows, frames).transpose(2, 3)
    return answer.reshape(batch, channels // patch, BINS, frames)
