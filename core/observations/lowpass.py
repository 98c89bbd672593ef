"""Band-limited decimation: low-passed, then every k-th sample kept, as resamplers do it. Soft, linear evidence."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core.observations.masked import misfit
from core.signal.companding import Domain
from core.types import Condition, Observation

EDGE = 0.92  # where the pass band ends, as a share of the kept band; resamplers of quality keep about so much
ZEROS = 32  # zero crossings of the windowed sinc at each side


@dataclass(frozen=True, eq=False)
class LowpassDecimation(Observation):
    """y = (h * w)[0, k, 2k, ...] + noise, with a zero-phase low-pass h.

    Args:
        factor: k, at least 2.
        kept: y, a waveform at the k-th part of the rate, [batch, ceil(frames / k)].
        frames: length of what is wanted.
        noise: standard deviation of what y may be off, in waveform units.
        edge: end of the pass band, share of the kept band.
    """

    factor: int
    kept: Tensor
    frames: int
    domain: Domain
    noise: float = 1e-4
    edge: float = EDGE

    def forward(self, waveform: Tensor) -> Tensor:
        """A w: low-passed and decimated, [batch, ceil(frames / k)]."""
        half = self._kernel.shape[-1] // 2
        return F.conv1d(F.pad(waveform, (half, half))[:, None], self._kernel, stride=self.factor)[:, 0]

    def adjoint(self, kept: Tensor) -> Tensor:
        """A* y: zeros between the samples, then the same (symmetric) low-pass."""
        half = self._kernel.shape[-1] // 2
        spread = F.conv_transpose1d(kept[:, None], self._kernel, stride=self.factor)[:, 0]
        return F.pad(spread, (0, self.factor))[:, half : half + self.frames]

    def initialise(self, generator: Generator) -> Tensor:
        """The band-limited interpolation."""
        return self.domain.encode(self._interpolation.clamp(-1, 1))

    def condition(self) -> Condition:
        """The band-limited interpolation; no sample is known exactly."""
        nothing = torch.zeros_like(self._interpolation)
        return Condition(self._interpolation, nothing, nothing)

    def gradient(self, x: Tensor, level: float) -> Tensor:
        """A* (y - A decode(x)) / variance, pulled back through decode.

        The misfit's variance is that of the evidence and of what noise of this level in x leaves in the kept band
        (A A* is 1 / k in the pass band), so that level^2 times this moves x onto the evidence where the level is high.
        """
        with torch.enable_grad():
            leaf = x.detach().requires_grad_(True)
            waveform = self.domain.decode(leaf)
            slope = torch.autograd.grad(waveform.sum(), leaf)[0]
        spread = (level * slope).square().mean() / self.factor
        misfit = self.kept - self.forward(waveform.detach())
        return slope * self.adjoint(misfit) / (spread + self.noise**2)

    def residual(self, denoised: Tensor) -> float:
        """Root mean square misfit in the kept band."""
        return misfit(self.forward(self.domain.decode(denoised)) - self.kept)

    @cached_property
    def _kernel(self) -> Tensor:
        return lowpass_kernel(self.factor, self.edge).to(self.kept)[None, None]

    @cached_property
    def _interpolation(self) -> Tensor:
        return self.adjoint(self.kept) * self.factor


def lowpass_kernel(factor: int, edge: float = EDGE) -> Tensor:
    """Kaiser-windowed sinc of unit gain, falling from `edge` to the end of the kept band, [2 * ZEROS * factor + 1]."""
    half = ZEROS * factor
    n = torch.arange(-half, half + 1, dtype=torch.float64)
    cutoff = (1 + edge) / 2 / factor
    window = torch.kaiser_window(2 * half + 1, periodic=False, beta=math.pi * 2.5, dtype=torch.float64)
    kernel = torch.sinc(n * cutoff) * cutoff * window
    return (kernel / kernel.sum()).float()
