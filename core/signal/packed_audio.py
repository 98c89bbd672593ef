"""Packs of recordings: 16-bit samples in shards with an index, made by `pack-data`, read anywhere.

A pack is a folder with `index.json` and `.npy` shards. The index lists every recording's shard, place and split, and
where they are known its file, label and speaker. Where recordings came with spectrograms, every shard has another one
beside it, of their frames `[frames, bands]`, and the index says which front-end made them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.signal.json_files import read_json
from core.signal.mel import FRONT_ENDS, LOGARITHMS

INDEX, LARGEST_INDEX_BYTES = "index.json", 200_000_000


@dataclass(frozen=True)
class Recording:
    """Where one recording lies in a pack: `length` samples from `start` of a shard; empty texts are not known.

    `path` is that of its file, below the folder that was packed. Its spectrogram has `frames` from `first_frame` of the
    shard's, where there are spectrograms.
    """

    shard: str
    start: int
    length: int
    label: str = ""
    speaker: str = ""
    path: str = ""
    first_frame: int = 0
    frames: int = 0


class PackedAudio:
    """One split of a pack, memory mapped.

    Attributes:
        sample_rate: in Hz.
        recordings: those of the split.
        front_end: of the spectrograms of recordings; None where it holds none.

    Raises:
        InputError: the folder is no pack, or the split has nothing in it.
    """

    def __init__(self, folder: Path, split: str):
        index = _read_index(folder)
        self.sample_rate = index["sample_rate"]
        self.recordings = [
            Recording(**{name: value for name, value in recording.items() if name != "split"})
            for recording in index["recordings"]
            if recording["split"] == split
        ]
        if not self.recordings:
            raise InputError(
                f"The data in {folder} has no recording in its {split} split; add recordings and pack it again."
            )
        names = {r.shard for r in self.recordings}
        self._shards = {name: np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in names}
        self.front_end = FRONT_ENDS.get(index.get("front_end", ""))
        if self.front_end:
            paths = {name: folder / mels_of(name) for name in names}
            self._mels = {name: np.load(path, mmap_mode="r", allow_pickle=False) for name, path in paths.items()}

    def read(self, number: int, start: int, length: int) -> Tensor:
        """Samples of one recording as float32 in [-1, 1], zero padded where it ends early."""
        recording = self.recordings[number]
        stop = min(start + length, recording.length)
        samples = self._shards[recording.shard][recording.start + start : recording.start + stop]
        padded = np.zeros(length, dtype=np.float32)
        padded[: len(samples)] = samples
        return torch.from_numpy(padded / 32768)

    def read_mel(self, number: int, start: int, frames: int) -> Tensor:
        """Frames of one recording's spectrogram, float32 `[bands, frames]`, of silence where it ends early."""
        recording, front_end = self.recordings[number], self.front_end
        stop = min(start + frames, recording.frames)
        found = self._mels[recording.shard][recording.first_frame + start : recording.first_frame + stop]
        padded = np.full((frames, front_end.bands), np.log(front_end.floor) / LOGARITHMS[front_end.log], np.float32)
        padded[: len(found)] = found
        return torch.from_numpy(padded.T.copy())


def mels_of(shard: str) -> str:
    """The name of the file with the spectrograms of a shard."""
    return f"{shard.removesuffix('.npy')}.mel.npy"


def is_pack(folder: Path) -> bool:
    """Whether a folder holds packed data."""
    return (folder / INDEX).is_file()


def _read_index(folder: Path) -> dict:
    try:
        return read_json(folder / INDEX, LARGEST_INDEX_BYTES)
    except (OSError, ValueError):
        raise InputError(f"{folder} is no packed data; make some with `python -m core pack-data FOLDER OUT`.") from None
