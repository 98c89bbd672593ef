"""Short sounds as examples for mel denoisers: trimmed, at one level, in the middle of a window, and their spectrograms.

Every class is drawn equally often, however many recordings it has. In training sounds are played a little faster or
slower and moved a little, which also changes pitch and formants as other speakers would.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from core.signal.log_mel import log_mel
from core.signal.mel import MelFrontEnd
from core.signal.short_sounds import at_level, centred, trimmed
from core.training.data import PackedData

SPEED = 0.07  # standard deviation of the logarithm of the speed
LARGEST_SHIFT = 0.06  # seconds


@dataclass(frozen=True)
class MelExamples:
    """Log mel spectrograms `[batch, bands, frames]`, and the numbers of their labels and speakers, `[batch]`."""

    mel: Tensor
    label: Tensor
    speaker: Tensor

    def to(self, device: torch.device) -> "MelExamples":
        """On a device."""
        return replace(self, mel=self.mel.to(device), label=self.label.to(device), speaker=self.speaker.to(device))


class ShortSounds:
    """One split of a pack of short sounds; numbers count from 1 in `labels` and `speakers`, 0 is none of them."""

    def __init__(self, pack: PackedData, front_end: MelFrontEnd, labels: Sequence[str], speakers: Sequence[str]):
        self.pack, self.front_end, self.sample_rate = pack, front_end, pack.sample_rate
        self._labels, self._speakers = ["", *labels], ["", *speakers]
        counts = Counter(recording.label for recording in pack.recordings)
        self._weights = torch.tensor([1 / counts[recording.label] for recording in pack.recordings])

    def batch(self, training: Mapping, generator: Generator) -> MelExamples:
        """Random sounds, faster or slower and moved."""
        chosen = torch.multinomial(self._weights, training["batch"], replacement=True, generator=generator).tolist()
        speeds = torch.exp(SPEED * torch.randn(len(chosen), generator=generator))
        shifts = LARGEST_SHIFT * self.sample_rate * (2 * torch.rand(len(chosen), generator=generator) - 1)
        sounds = [at_speed(self.sound(n), speed) for n, speed in zip(chosen, speeds.tolist(), strict=True)]
        return self._examples(chosen, sounds, shifts.round().int().tolist(), training["segment"])

    def held_out(self, count: int, segment: int, generator: Generator) -> list[MelExamples]:
        """Random sounds as they are, one in each."""
        chosen = torch.multinomial(self._weights, count, replacement=True, generator=generator).tolist()
        return [self._examples([n], [self.sound(n)], [0], segment) for n in chosen]

    def sound(self, number: int) -> Tensor:
        """A recording without its quiet ends, at one level, `[frames]`."""
        return at_level(trimmed(self.pack.read(number, 0, self.pack.recordings[number].length), self.sample_rate))

    def _examples(
        self, chosen: Sequence[int], sounds: Sequence[Tensor], shifts: Sequence[int], segment: int
    ) -> MelExamples:
        windows = torch.stack([centred(sound, segment, s) for sound, s in zip(sounds, shifts, strict=True)])
        recordings = [self.pack.recordings[n] for n in chosen]
        return MelExamples(
            log_mel(windows, self.front_end)[..., : segment // self.front_end.hop_length],
            torch.tensor([_number(self._labels, recording.label) for recording in recordings]),
            torch.tensor([_number(self._speakers, recording.speaker) for recording in recordings]),
        )


def names_in(pack: PackedData, fewest: int) -> tuple[list[str], list[str]]:
    """The labels of a pack, and the speakers of at least so many recordings, in order."""
    labels = {recording.label for recording in pack.recordings} - {""}
    counts = Counter(recording.speaker for recording in pack.recordings)
    return sorted(labels), sorted(name for name, count in counts.items() if name and count >= fewest)


def at_speed(waveform: Tensor, speed: float) -> Tensor:
    """A waveform `[frames]` played faster by a factor, at the same rate: pitch and formants rise with it."""
    frames = max(2, round(len(waveform) / speed))
    spectrum = torch.fft.rfft(waveform)
    kept = torch.nn.functional.pad(spectrum, (0, max(0, frames // 2 + 1 - len(spectrum))))[: frames // 2 + 1]
    return torch.fft.irfft(kept, frames) * (frames / len(waveform))


def _number(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else 0
