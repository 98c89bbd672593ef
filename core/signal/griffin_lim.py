"""Waveforms from mel spectrograms by consistent phases (Griffin & Lim 1984), with momentum (Perraudin et al. 2013)."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.signal.log_mel import filters
from core.signal.mel_conversion import convert
from core.signal.spectrogram_files import MelSpectrogram

ROUNDS, MOMENTUM = 32, 0.99  # as librosa's, whose first run would wait for a compiler
BIN_ROUNDS = 30
LEAST = 1e-10  # of what is divided by


def griffin_lim(spectrogram: MelSpectrogram) -> np.ndarray:
    """The waveform of a spectrogram, float32 `[frames]`; phases begin at random, always the same."""
    spectrogram = convert(spectrogram, replace(spectrogram.front_end, centred=True))
    front_end, samples = spectrogram.front_end, spectrogram.samples
    bins = _bins(filters(front_end), torch.from_numpy(spectrogram.magnitudes.astype(np.float32)))
    window = torch.hann_window(front_end.window_length)
    transform = {"n_fft": front_end.window_length, "hop_length": front_end.hop_length, "window": window}
    turns = torch.rand(bins.shape, generator=torch.Generator().manual_seed(0))
    spectrum, before = torch.polar(bins, 2 * torch.pi * turns), torch.zeros(())
    for _ in range(ROUNDS):
        waveform = torch.istft(spectrum, **transform, length=samples)
        rebuilt = torch.stft(waveform, **transform, pad_mode="constant", return_complex=True)
        ahead = rebuilt - MOMENTUM / (1 + MOMENTUM) * before
        spectrum, before = bins * ahead / ahead.abs().clamp_min(LEAST), rebuilt
    return torch.istft(spectrum, **transform, length=samples).numpy()


def _bins(weights: Tensor, bands: Tensor) -> Tensor:
    """Magnitudes of bins, none negative, whose bands come near to those given (multiplicative updates of least squares,
    Lee & Seung 2001), `[bins, frames]`.

    Args:
        weights: of the bands, `[bands, bins]`.
        bands: `[bands, frames]`.
    """
    wanted, overlaps = weights.T @ bands, weights.T @ weights
    found = (torch.linalg.pinv(weights) @ bands).clamp_min(LEAST)
    for _ in range(BIN_ROUNDS):
        found = found * wanted / (overlaps @ found).clamp_min(LEAST)
    return found
