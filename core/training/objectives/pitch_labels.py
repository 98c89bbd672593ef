"""Labels of pitch for training: by the autocorrelation of recordings, frame by frame.

The normalised autocorrelation of de Cheveigné & Kawahara's YIN (2002) in the form of McLeod & Wyvill (2005): of its
peaks the one of the shortest lag that comes near the highest is the period.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.models.pitch import LOWEST_HZ, OCTAVE, PITCHES

WINDOW = 800  # samples that are compared with those a lag later
MIDDLE_LAG = 107  # samples, of 150 Hz at 16 kHz: a frame is centred on what is compared at this lag
NEARLY = 0.88  # of the highest peak: shorter lags whose peak reaches this are preferred
PERIODIC = 0.55  # least autocorrelation of what has a pitch
QUIETEST = 1e-3  # root mean square of a frame under which none is looked for


def label_pitch(waveform: Tensor, hop_length: int, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Pitch around every hop of waveforms [batch, samples].

    Returns:
        Pitch in Hz and whether there is one, both [batch, 1 + samples // hop_length].
    """
    longest = int(sample_rate / LOWEST_HZ) + 2
    shortest = int(sample_rate / (LOWEST_HZ * 2 ** ((PITCHES - 1) / OCTAVE)))
    span = WINDOW + longest
    before = (WINDOW + MIDDLE_LAG) // 2
    frames = F.pad(waveform, (before, span - before)).unfold(1, span, hop_length)
    correlation, energy = _autocorrelation(frames, longest)
    middle = correlation[..., 1:-1]
    peaks = (middle >= correlation[..., :-2]) & (middle > correlation[..., 2:])
    peaks[..., : shortest - 1] = False
    heights = torch.where(peaks, middle, 0.0)
    highest = heights.amax(dim=-1, keepdim=True)
    lag = 1 + (heights >= NEARLY * highest).float().argmax(dim=-1, keepdim=True)
    left, at, right = (correlation.gather(-1, (lag + d).clamp(0, longest - 1))[..., 0] for d in (-1, 0, 1))
    exact = lag[..., 0] + 0.5 * (left - right) / (left - 2 * at + right).clamp_max(-1e-6)
    voiced = (highest[..., 0] > PERIODIC) & (energy > QUIETEST**2)
    return sample_rate / exact.clamp(shortest, longest), voiced


def _autocorrelation(frames: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """Normalised autocorrelation [..., longest] of the first WINDOW samples with those up to so much later, and the
    frames' mean square."""
    size = 1 << (frames.shape[-1] - 1).bit_length()
    ahead = torch.fft.rfft(frames, size)
    product = ahead * torch.fft.rfft(frames[..., :WINDOW], size).conj()
    sums = F.pad(frames.square().cumsum(dim=-1), (1, 0))
    energies = sums[..., WINDOW : WINDOW + longest] - sums[..., :longest]
    scale = (energies * energies[..., :1]).clamp_min(1e-12).sqrt()
    return torch.fft.irfft(product, size)[..., :longest] / scale, sums[..., -1] / frames.shape[-1]
