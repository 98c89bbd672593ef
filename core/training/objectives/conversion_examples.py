"""What the voice converter is trained on: moments of recordings, and for each what else there is of the same voice."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from core.models.content_encoder import FRAMES_PER_STEP, ContentEncoder
from core.models.voice_features import (
    Reference,
    concatenated,
    delivered_loudness,
    frames_of,
    loudness,
    voice_level,
    whole_steps,
)
from core.signal.log_mel import log_mel
from core.training.data import PackedData

REFERENCE_STEPS = (192, 640)  # of the voice's other sound, which is drawn between these
MOST_OTHERS = 8  # recordings that a voice's other sound is taken from
MOST_SECONDS = 400.0  # of one voice that count when voices are drawn


@dataclass(frozen=True)
class ConversionExamples:
    """Waveforms [batch, samples], how many samples of each there are [batch], and the voice that says them."""

    waveforms: Tensor
    lengths: Tensor
    voices: Reference

    def to(self, device: torch.device) -> "ConversionExamples":
        return ConversionExamples(self.waveforms.to(device), self.lengths.to(device), self.voices.to(device))


class ConversionData(PackedData):
    """One split of a pack. Recordings without a speaker count as one speaker each.

    Args:
        encoder: gives what tells the content, once that is loaded; what it says of recordings is kept.

    Raises:
        InputError: no pack.
    """

    def __init__(self, folder: Path, split: str, encoder: Callable[[], ContentEncoder]):
        super().__init__(folder, split)
        self._encoder, self._analysed = encoder, {}
        self._same = defaultdict(list)
        for number, recording in enumerate(self.recordings):
            self._same[recording.speaker or str(number)].append(number)
        lengths = np.array([recording.length for recording in self.recordings], dtype=np.float64)
        for own in self._same.values():
            lengths[own] *= min(1.0, MOST_SECONDS * self.sample_rate / lengths[own].sum())
        self._weights = torch.from_numpy(lengths / lengths.sum())

    def batch(self, training: Mapping, generator: Generator) -> ConversionExamples:
        """Random moments of different recordings."""
        numbers = []
        while len(numbers) < training["batch"]:
            numbers.append(self.choose(generator, but=set(numbers)))
        return self._gather([self._example(number, training["segment"], generator) for number in numbers])

    def held_out(self, count: int, segment: int, generator: Generator) -> list[ConversionExamples]:
        rows = (self._example(self.choose(generator), segment, generator) for _ in range(count))
        return [self._gather([row]) for row in rows]

    def _example(self, number: int, segment: int, generator: Generator) -> tuple[Tensor, int, Reference]:
        """A moment of one recording; where there is no other one of the voice, the rest is the reference."""
        recording, others = self.recordings[number], self._others(number)
        step = self._encoder().front_end.hop_length * FRAMES_PER_STEP
        length = min(segment, recording.length if others else recording.length // 2)
        first = int(torch.randint((recording.length - length) // step + 1, (1,), generator=generator)) * step
        wanted = int(torch.randint(*REFERENCE_STEPS, (1,), generator=generator))
        order = torch.randperm(len(others), generator=generator).tolist()
        pieces = [self._voice(others[place]) for place in order[:MOST_OTHERS]]
        if not others:
            whole = self._voice(number)
            pieces = [whole.cut(0, first // step), whole.cut((first + length) // step, whole.steps)]
        moment = torch.nn.functional.pad(self.read(number, first, length), (0, segment - length))
        return moment, length, concatenated(pieces, dim=1).cut(0, wanted)

    def _others(self, number: int) -> list[int]:
        return [n for n in self._same[self.recordings[number].speaker or str(number)] if n != number]

    def _voice(self, number: int) -> Reference:
        """A whole recording; what is made of it is kept in half precision."""
        if number not in self._analysed:
            waveform = self.read(number, 0, self.recordings[number].length)[None]
            self._analysed[number] = tuple(part.half() for part in analyse(waveform, self._encoder()))
        content, frames, loud = (part.float() for part in self._analysed[number])
        return Reference(content, frames, loud, torch.ones(loud.shape, dtype=torch.bool))

    def _gather(self, rows: list[tuple[Tensor, int, Reference]]) -> ConversionExamples:
        waveforms, lengths, voices = zip(*rows, strict=True)
        longest = max(voice.steps for voice in voices)
        together = concatenated([voice.padded(longest) for voice in voices], dim=0)
        return ConversionExamples(torch.stack(waveforms), torch.tensor(lengths), together)


@torch.no_grad()
def analyse(waveforms: Tensor, encoder: ContentEncoder) -> tuple[Tensor, Tensor, Tensor]:
    """Content, frames and loudness of a `Reference`, of waveforms [batch, samples]."""
    mel = whole_steps(log_mel(waveforms, encoder.front_end))
    loud = loudness(mel)
    level = voice_level(loud)
    return encoder(mel), frames_of(mel, level), delivered_loudness(loud, level)
