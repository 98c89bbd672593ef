"""Windows of speech by known speakers, with the history that the overtone decoder hears before its targets.

Speakers with much material are drawn more often, but only with the root of it, so that the others are learnt as well.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from core.errors import InputError
from core.models.vqvae import PAD_RIGHT
from core.models.wavernn import HISTORY, HOP
from core.training.data import PackedData

FARTHEST = 127  # samples by which the encoder's input may be moved, or 128 back
VALIDATED = 4  # segments of a held-out window


@dataclass(frozen=True)
class VoiceWindows:
    """16-bit samples, `[batch, HISTORY + targets + PAD_RIGHT + FARTHEST]`, and the speakers' numbers, `[batch]`."""

    samples: Tensor
    speaker: Tensor

    def to(self, device: torch.device) -> "VoiceWindows":
        """On a device."""
        return replace(self, samples=self.samples.to(device), speaker=self.speaker.to(device))


class VoiceWindowData:
    """One split of a pack: recordings of the speakers that are named; of a split without any, of all as the first."""

    def __init__(self, pack: PackedData, speakers: Sequence[str]):
        self.pack, self.sample_rate = pack, pack.sample_rate
        self._numbers = [max(0, _place(speakers, recording.speaker)) for recording in pack.recordings]
        known = [_place(speakers, recording.speaker) >= 0 for recording in pack.recordings]
        known = known if any(known) else [True] * len(known)
        lengths = torch.tensor([r.length * own for r, own in zip(pack.recordings, known, strict=True)]).double()
        totals = torch.zeros(len(speakers)).double().index_add_(0, torch.tensor(self._numbers), lengths)
        self._weights = lengths / totals[self._numbers].clamp_min(1).sqrt()

    def batch(self, training: Mapping, generator: Generator) -> VoiceWindows:
        """Random windows with `segment` targets each."""
        return self._windows(training["batch"], training["segment"], generator)

    def held_out(self, count: int, segment: int, generator: Generator) -> list[VoiceWindows]:
        """Random windows, one in each, of several segments: what is learnt from them is judged by ear, too."""
        return [self._windows(1, VALIDATED * segment, generator) for _ in range(count)]

    def _windows(self, count: int, targets: int, generator: Generator) -> VoiceWindows:
        if targets % HOP:
            raise InputError(f"training.segment must be a multiple of {HOP}, not {targets}.")
        chosen = torch.multinomial(self._weights, count, replacement=True, generator=generator).tolist()
        rows = torch.stack([self._window(number, targets, generator) for number in chosen])
        return VoiceWindows(rows, torch.tensor([self._numbers[number] for number in chosen]))

    def _window(self, number: int, targets: int, generator: Generator) -> Tensor:
        """From a random moment of a recording on; what lies outside of it is silent."""
        length = self.pack.recordings[number].length
        start = int(torch.randint(max(1, length - targets), (1,), generator=generator)) - HISTORY
        frames = HISTORY + targets + PAD_RIGHT + FARTHEST
        silent = max(0, -start)
        waveform = self.pack.read(number, start + silent, frames - silent)
        return torch.nn.functional.pad((waveform * 2**15).round().long(), (silent, 0))


def speakers_in(pack: PackedData, seconds: float) -> list[str]:
    """Names of those with at least so much material.

    Raises:
        InputError: there are none.
    """
    spoken = defaultdict(float)
    for recording in pack.recordings:
        spoken[recording.speaker] += recording.length / pack.sample_rate
    names = sorted(name for name, length in spoken.items() if name and length >= seconds)
    if not names:
        raise InputError(
            f"The data name no speaker of {seconds:g} s of speech; list the speakers in a metadata.csv and pack again."
        )
    return names


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else -1
