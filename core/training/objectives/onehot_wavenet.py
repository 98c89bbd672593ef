"""Objective of a one-hot WaveNet: the class of every sample of recordings, or of streams of companded chunks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Generator, Tensor

from core.errors import InputError
from core.models.onehot_wavenet import OneHotWaveNet, OneHotWaveNetConfig
from core.signal.companded_chunks import PREFIX, read_stream
from core.signal.companding import MuLawBins
from core.training.data import PackedData
from core.training.objective import Objective

HELD_OUT = 20  # one chunk in so many is for validation
MOST_LEVELS = 256


@dataclass(frozen=True)
class LabelledSamples:
    """What is learnt from: points of the mu-law curve brought to [0, 1], `[batch, samples]`, and the numbers of their
    labels, -1 for none, `[batch]`."""

    share: Tensor
    label: Tensor

    def to(self, device: torch.device | str) -> "LabelledSamples":
        """On a device."""
        return replace(self, share=self.share.to(device), label=self.label.to(device))


class LabelledRecordings:
    """One split of a pack; segments are as much longer as a prediction looks back.

    Attributes:
        before: samples before the first target.
    """

    before = 0

    def __init__(self, pack: PackedData, names: Sequence[str]):
        self.pack, self.sample_rate, self.names = pack, pack.sample_rate, names

    def examples(self, segment: int) -> int:
        """Of an epoch."""
        return self.pack.examples(segment)

    def batch(self, training: Mapping, generator: Generator) -> LabelledSamples:
        """Random segments that are not silent."""
        longer = {**training, "segment": training["segment"] + self.before}
        return self._labelled(self.pack.loud_places(longer, generator), longer["segment"])

    def held_out(self, count: int, segment: int, generator: Generator) -> list[LabelledSamples]:
        """Segments, one in each."""
        chosen = [self.pack.choose(generator) for _ in range(count)]
        places = [(number, self.pack.start(number, segment + self.before, generator)) for number in chosen]
        return [self._labelled([place], segment + self.before) for place in places]

    def _labelled(self, places: Sequence[tuple[int, int]], length: int) -> LabelledSamples:
        waveforms = torch.stack([self.pack.read(number, start, length) for number, start in places])
        labels = [self.pack.recordings[number].label for number, _ in places]
        numbers = [self.names.index(label) if label in self.names else -1 for label in labels]
        return LabelledSamples(MuLawBins().curve(waveforms) / 2 + 0.5, torch.tensor(numbers))


class Chunks:
    """One split of a folder of streams, as `preprocess` writes them; they say no rate and have no labels."""

    sample_rate = None

    def __init__(self, folder: Path, split: str):
        try:
            streams = [torch.from_numpy(read_stream(path)) for path in sorted(folder.glob(f"{PREFIX}*"))]
            chunks = torch.cat(streams).float()
        except (ValueError, RuntimeError, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"The streams in {folder} cannot be read ({reason}); preprocess them again.") from None
        held_out = torch.arange(len(chunks)) % HELD_OUT == HELD_OUT - 1
        self._chunks = chunks[held_out == (split == "valid")]
        if not len(self._chunks):
            raise InputError(f"{folder} holds {len(chunks)} chunks; at least {HELD_OUT} are needed.")

    def examples(self, segment: int) -> int:
        """Of an epoch."""
        return len(self._chunks)

    def batch(self, training: Mapping, generator: Generator) -> LabelledSamples:
        """Random chunks, whole."""
        return self._taken(torch.randint(len(self._chunks), (training["batch"],), generator=generator))

    def held_out(self, count: int, segment: int, generator: Generator) -> list[LabelledSamples]:
        """So many of them, one in each."""
        return [self._taken(n[None]) for n in torch.randperm(len(self._chunks), generator=generator)[:count]]

    def _taken(self, numbers: Tensor) -> LabelledSamples:
        return LabelledSamples(self._chunks[numbers], torch.full((len(numbers),), -1))


class OneHotWaveNetObjective(Objective):
    """Cross-entropy of the samples that have all before them that a prediction looks at.

    Args:
        told: share of the examples whose label, the folder that they lie in, is told; 0 for a network without labels.
    """

    architecture = "onehot-wavenet"

    def __init__(self, told: float = 0.0):
        self.told, self.names, self.recordings = told, (), []

    @staticmethod
    def takes(folder: Path) -> bool:
        """Folders of streams, too."""
        return holds_chunks(folder) or Objective.takes(folder)

    def open_data(self, folder: Path, split: str) -> LabelledRecordings | Chunks:
        """Of a pack, or of a folder of streams; what is opened first says which labels there are."""
        if holds_chunks(folder):
            return Chunks(folder, split)
        pack = super().open_data(folder, split)
        self.names = self.names or tuple(sorted({recording.label for recording in pack.recordings} - {""}))
        self.recordings.append(LabelledRecordings(pack, self.names))
        return self.recordings[-1]

    def build(self, config: dict) -> OneHotWaveNet:
        """A fresh network; its labels become part of the configuration.

        Raises:
            InputError: sizes that make no network.
        """
        if not 2 <= config["levels"] <= MOST_LEVELS or min(config.values()) < 1:
            raise InputError(f"A WaveNet has 2 to {MOST_LEVELS} levels, and one at least of everything; set them so.")
        labels = len(self.names) if self.told else 0
        sizes = OneHotWaveNetConfig(**config, labels=labels)
        for recordings in self.recordings:
            recordings.before = sizes.receptive_field
        config |= {"labels": labels, "names": list(self.names) if labels else []}
        return OneHotWaveNet(sizes)

    def loss(self, model: OneHotWaveNet, examples: LabelledSamples, generator: Generator) -> tuple[Tensor, dict]:
        """Mean cross-entropy in nats, and the same in bits to log."""
        told = torch.rand(len(examples.label), generator=generator).to(examples.label.device) < self.told
        loss = self._nats(model, replace(examples, label=examples.label.where(told, -1)))
        return loss, {"bits_per_sample": loss.item() / math.log(2)}

    @torch.no_grad()
    def validate(self, model: OneHotWaveNet, examples: Sequence[LabelledSamples], generator: Generator) -> dict:
        """Bits per sample of held-out segments that are told their labels."""
        nats = [self._nats(model, example).item() for example in examples]
        return {"bits_per_sample": sum(nats) / len(nats) / math.log(2)}

    @staticmethod
    def _nats(model: OneHotWaveNet, examples: LabelledSamples) -> Tensor:
        classes = MuLawBins(model.config.levels).bins(examples.share)
        before = min(model.config.receptive_field, classes.shape[1] - 1)
        return -model.log_prob(classes, examples.label if model.config.labels else None)[:, before:].mean()


def holds_chunks(folder: Path) -> bool:
    """Whether a folder holds streams of companded chunks."""
    return folder.is_dir() and any(folder.glob(f"{PREFIX}*"))
