"""The nearest recording to a generated sound, so that one hears whether a model made something or copied it.

Training data do not ship: whoever has them names their folder (RESOUND_TRAINING_CLIPS for the page). The distance is
that of `core.signal.mel_distance`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.signal.folders import audio_under
from core.signal.mel_distance import comparable_mels, mel_distances, nearest
from core.signal.packed_audio import PackedAudio, is_pack
from core.signal.resampling import resample

MOST_RECORDINGS = 20_000  # that are compared: about 120 MB of spectrograms, twice that while they are compared
MOST_ASKED = 500  # that the usual distance is found from
NAMED = ("label", "speaker")


@dataclass(frozen=True)
class Known:
    """What is known of a recording; empty texts are not known."""

    name: str
    label: str = ""
    speaker: str = ""


@dataclass(frozen=True)
class Nearest:
    """A recording, and how far a sound is from it (`mel_distance`)."""

    clip: Clip
    known: Known
    distance: float


class TrainingClips:
    """Recordings that a model may have learned from.

    Args:
        folder: a pack, of which the training split counts, or a folder of audio in which a recording's label is the
            name of the folder that it lies in.
        sample_rate: at which sounds are compared, in Hz: that of the prior.

    Raises:
        InputError: nothing to read there, or more than MOST_RECORDINGS.
    """

    def __init__(self, folder: Path, sample_rate: int):
        self.sample_rate = sample_rate
        self._read, self.known = _pack(folder) if is_pack(folder) else _files(folder)
        if len(self.known) > MOST_RECORDINGS:
            raise InputError(f"{folder} holds {len(self.known)} recordings; at most {MOST_RECORDINGS} are compared.")

    def clip(self, number: int) -> Clip:
        """A recording, mixed to one channel, at the rate of the comparison."""
        return resample(self._read(number), self.sample_rate)

    @cached_property
    def mels(self) -> Tensor:
        """Of all recordings, as they are compared, `[count, bands, frames]`; half precision, as there are many."""
        return torch.cat([self._comparable(self.clip(number)).half() for number in range(len(self.known))])

    def nearest(self, sounds: Sequence[Clip]) -> list[Nearest]:
        """To every one of the sounds, which have one channel."""
        distances, numbers = nearest(self._comparable(*sounds), self.mels.float())
        pairs = zip(numbers.tolist(), distances.tolist(), strict=True)
        return [Nearest(self.clip(number), self.known[number], distance) for number, distance in pairs]

    @property
    def speakers_known(self) -> bool:
        """Whether labels and speakers of all are."""
        return all(known.label and known.speaker for known in self.known)

    @cached_property
    def usual_distance(self) -> float | None:
        """Median distance of a recording to the nearest one of the same label by another speaker, or where labels or
        speakers are not known to the nearest other one; None where there is no other."""
        count = len(self.known)
        asked = torch.linspace(0, count - 1, min(count, MOST_ASKED)).round().long()
        distances = mel_distances(self.mels[asked].float(), self.mels.float())
        found = distances.masked_fill(~self._others(asked), torch.inf).min(dim=1).values
        return float(found[found.isfinite()].median()) if found.isfinite().any() else None

    def _others(self, asked: Tensor) -> Tensor:
        """Which recordings say the same as those by somebody else, `[asked, count]`."""
        if self.speakers_known:
            labels, speakers = (_numbered([getattr(known, name) for known in self.known]) for name in NAMED)
            return (labels[asked, None] == labels) & (speakers[asked, None] != speakers)
        return asked[:, None] != torch.arange(len(self.known))

    def _comparable(self, *clips: Clip) -> Tensor:
        return comparable_mels(clips, self.sample_rate)


def _numbered(names: Sequence[str]) -> Tensor:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return torch.tensor([numbers[name] for name in names])


def _pack(folder: Path):
    pack = PackedAudio(folder, "train")

    def read(number: int) -> Clip:
        samples = pack.read(number, 0, pack.recordings[number].length).numpy()
        return Clip(samples[None], pack.sample_rate)

    known = [Known(f"recording {n}", r.label, r.speaker) for n, r in enumerate(pack.recordings, start=1)]
    return read, known


def _files(folder: Path):
    paths = audio_under(folder)
    labels = ["" if path.parent == folder else path.parent.name for path in paths]
    known = [Known(path.name, label) for path, label in zip(paths, labels, strict=True)]
    return lambda number: read_clip(paths[number], mono=True).clip, known
