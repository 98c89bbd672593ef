"""Mel spectrograms: how loud each band is at each moment is known, phases are not."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from core.observations.masked import misfit
from core.types import Observation

ROUNDS = 6  # of a projection: bands overlap, and so do frames
LEAST, MOST = 1e-2, 1e2  # factors that a round may change a band by, and smoothing a bin
SMOOTHING = 0.2  # share of a bin's deviation (dB) from its bands that is taken away: nobody knows what is inside a band


@dataclass(frozen=True, eq=False)
class MelMagnitudes(Observation):
    """Band magnitudes of a centred short-time transform (Hann, reflected ends); x is the waveform.

    Args:
        magnitudes: `[batch, bands, 1 + frames // hop_length]`, not logarithms.
        filters: of the bands, `[bands, 1 + window_length // 2]`.
        hop_length: samples between frames.
        start: waveforms that a chain may start from, `[batch, frames]`.
    """

    magnitudes: Tensor
    filters: Tensor
    hop_length: int
    start: Tensor
    of_clean_alone = True

    def forward(self, x: Tensor) -> Tensor:
        """Band magnitudes of waveforms."""
        return self.filters @ self._spectrum(x).abs()

    def initialise(self, generator: Generator) -> Tensor:
        return self.project(self.start)

    def project(self, x: Tensor) -> Tensor:
        """Every bin is made louder or quieter as the bands that it is part of ask for; phases stay."""
        reach = self.filters.sum(dim=0)[:, None]  # of the bands, [bins, 1]
        x = self._smoothed(x, reach)
        for _ in range(ROUNDS):
            spectrum = self._spectrum(x)
            bands = (self.filters @ spectrum.abs()).clamp_min(1e-8)
            asked = (self.magnitudes / bands).clamp(LEAST, MOST)
            gains = (self.filters.t() @ asked) / reach.clamp_min(1e-8)
            x = self._waveform(spectrum * gains.where(reach > 1e-6, 1.0), x.shape[-1])
        return x

    def _smoothed(self, x: Tensor, reach: Tensor) -> Tensor:
        """Every bin a little nearer to the mean of the bands that it is part of."""
        spectrum = self._spectrum(x)
        magnitude, width = spectrum.abs().clamp_min(1e-8), self.filters.sum(dim=1)[:, None]
        mean = self.filters.t() @ (self.filters @ magnitude / width.clamp_min(1e-8)) / reach.clamp_min(1e-8)
        gains = (mean / magnitude).clamp(LEAST, MOST) ** SMOOTHING
        return self._waveform(spectrum * gains.where(reach > 1e-6, 1.0), x.shape[-1])

    def residual(self, denoised: Tensor) -> float:
        """Root mean square misfit of the band magnitudes."""
        return misfit(self.forward(denoised) - self.magnitudes)

    def _spectrum(self, x: Tensor) -> Tensor:
        size = 2 * (self.filters.shape[1] - 1)
        window = torch.hann_window(size, device=x.device)
        return torch.stft(x, size, self.hop_length, window=window, pad_mode="reflect", return_complex=True)

    def _waveform(self, spectrum: Tensor, frames: int) -> Tensor:
        size = 2 * (self.filters.shape[1] - 1)
        return torch.istft(
            spectrum, size, self.hop_length, window=torch.hann_window(size).to(self.start), length=frames
        )
