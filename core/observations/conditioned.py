"""A spectrogram that a prior is conditioned on.

Its estimates may be given the spectrogram on top, band by band: a network says which phases go with a spectrogram
better than how loud every band of it was.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from core.observations.mel import MelMagnitudes
from core.signal.companding import Domain
from core.types import MelCondition, Observation


@dataclass(frozen=True, eq=False)
class ConditioningSpectrogram(Observation):
    """A spectrogram of x, but for its past.

    Args:
        mel: the spectrogram, for as many frames as x has samples over the hop length.
        start: waveforms that a chain may start from, `[batch, past + frames]`.
        domain: of x.
        magnitudes: of the same frames, imposed on the prior's estimates; None leaves these as they are.
        past: samples of x before the frames: 1 for a prior that predicts the first from it, else 0.
    """

    mel: MelCondition
    start: Tensor
    domain: Domain
    magnitudes: MelMagnitudes | None = None
    past: int = 1

    @property
    def of_clean_alone(self) -> bool:
        return self.magnitudes is not None

    def initialise(self, generator: Generator) -> Tensor:
        return self.domain.encode(self.start)

    def condition(self) -> MelCondition:
        return self.mel

    def project(self, x: Tensor) -> Tensor:
        if self.magnitudes is None:
            return x
        waveform = self.magnitudes.project(self.domain.decode(x[:, self.past :]).float())
        return torch.cat([x[:, : self.past], self.domain.encode(waveform.clamp(-1, 1)).to(x)], dim=1)

    def residual(self, denoised: Tensor) -> float:
        if self.magnitudes is None:
            return 0.0
        return self.magnitudes.residual(self.domain.decode(denoised[:, self.past :]).float())
