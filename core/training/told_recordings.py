"""Recordings together with the spectrograms that they were packed with, for networks that are told one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from core.training.data import PackedData


@dataclass(frozen=True)
class ToldWaveforms:
    """Waveforms `[batch, samples]`, and their log mel spectrograms `[batch, bands, 1 + samples // hop_length]`."""

    waveform: Tensor
    mel: Tensor

    def to(self, device: torch.device) -> "ToldWaveforms":
        """On a device."""
        return replace(self, waveform=self.waveform.to(device), mel=self.mel.to(device))


class ToldRecordings:
    """One split of a pack that holds spectrograms; segments begin with a frame."""

    def __init__(self, pack: PackedData):
        self.pack, self.sample_rate = pack, pack.sample_rate
        self.hop_length = pack.front_end.hop_length

    def batch(self, training: Mapping, generator: Generator) -> ToldWaveforms:
        """Random segments that are not silent; as `PackedData.batch`."""
        return self._told(self.pack.loud_places(training, generator, self.hop_length), training["segment"])

    def held_out(self, count: int, segment: int, generator: Generator) -> list[ToldWaveforms]:
        """Segments for validation, one in each."""
        chosen = [self.pack.choose(generator) for _ in range(count)]
        places = [(n, self.pack.start(n, segment, generator, self.hop_length)) for n in chosen]
        return [self._told([place], segment) for place in places]

    def _told(self, places: Sequence[tuple[int, int]], segment: int) -> ToldWaveforms:
        hop = self.hop_length
        return ToldWaveforms(
            torch.stack([self.pack.read(number, start, segment) for number, start in places]),
            torch.stack([self.pack.read_mel(number, start // hop, 1 + segment // hop) for number, start in places]),
        )
