"""Discriminator of sounds by their spectra at one resolution (as in UnivNet, Jang et al. 2021), for training alone."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = (1, 24, 32, 32, 32)
KERNELS = ((8, 3), (5, 3), (5, 3), (3, 3))  # over bins and frames
STRIDES = ((4, 1), (2, 1), (2, 1), (1, 1))
SLOPE = 0.1
FLOOR, DECADES = 1e-4, 2.0  # of magnitudes, where white noise of standard deviation s has bins of magnitude s


class SpectrumDiscriminator(nn.Module):
    """Says of every patch of a waveform's spectrum whether it is a recording's.

    Args:
        size: of frames, in samples; they overlap by three quarters.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        shapes = zip(CHANNELS[:-1], CHANNELS[1:], KERNELS, STRIDES, strict=True)
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(a, b, kernel, stride, (kernel[0] // 2, kernel[1] // 2)))
            for a, b, kernel, stride in shapes
        )
        self.last = nn.Conv2d(CHANNELS[-1], 1, 3, padding=1)

    def forward(self, waveform: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The verdicts on waveforms [batch, samples], above zero for recordings, `[batch, 1, patches, frames]`, and the
        features of every layer."""
        window = torch.hann_window(self.size, device=waveform.device)
        spectrum = torch.stft(waveform, self.size, self.size // 4, window=window, return_complex=True)
        power = torch.view_as_real(spectrum).square().sum(dim=-1) / window.square().sum()
        h, features = ((power + FLOOR**2).log10()[:, None] / 2 + DECADES) / DECADES, []
        with torch.autocast(waveform.device.type, torch.bfloat16):
            for layer in self.layers:
                h = F.leaky_relu(layer(h), SLOPE)
                features.append(h)
            return self.last(h).float(), features
