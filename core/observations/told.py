"""A spectrogram that a prior is told: it answers with what sounds like it, and nothing is imposed on x."""

from dataclasses import dataclass

from torch import Generator, Tensor

from core.signal.companding import Domain
from core.types import MelCondition, Observation


@dataclass(frozen=True, eq=False)
class ToldSpectrogram(Observation):
    """Args:
    told: the spectrogram, for as many frames as x has samples over the hop length.
    start: waveforms that a chain may start from, `[batch, frames]`.
    domain: of x.
    """

    told: MelCondition
    start: Tensor
    domain: Domain

    def initialise(self, generator: Generator) -> Tensor:
        return self.domain.encode(self.start)

    def condition(self) -> MelCondition:
        return self.told
