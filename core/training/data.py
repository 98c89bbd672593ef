"""Training data: any folder of audio, packed into shards of 16-bit samples that a bare machine can read.

A pack is a folder with `index.json` and `.npy` shards of at most 45 MiB. The index lists every recording's shard,
place and split, and where they are known its label and speaker. Spectrograms that came with recordings lie in shards of
their own.
"""

import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.folders import audio_under
from core.signal.mel import name_of
from core.signal.packed_audio import PackedAudio, mels_of
from core.training.spectrogram_folder import SpectrogramFolder

SHARD_SAMPLES = 45 * 2**20 // 2
METADATA = "metadata.csv"
SPLITS = ("train", "valid", "test")
MOST_QUIET = 1000  # silent segments that are skipped for a batch before the data are refused


@dataclass(frozen=True)
class Source:
    """A recording that is to be packed; its path is relative to the folder."""

    path: Path
    split: str
    label: str = ""
    speaker: str = ""


class PackedData(PackedAudio):
    """One split of a pack, as training draws from it; raises as `PackedAudio`."""

    def __init__(self, folder: Path, split: str):
        super().__init__(folder, split)
        lengths = np.array([r.length for r in self.recordings], dtype=np.float64)
        self._weights = torch.from_numpy(lengths / lengths.sum())
        self._samples = int(lengths.sum())

    def examples(self, segment: int) -> int:
        """Segments that are as long as all recordings together: an epoch."""
        return max(self._samples // segment, 1)

    def batch(self, training: Mapping, generator: torch.Generator) -> Tensor:
        """Random segments that are not silent, [batch, segment], from different recordings if there are enough."""
        places = self.loud_places(training, generator)
        return torch.stack([self.read(number, start, training["segment"]) for number, start in places])

    def loud_places(self, training: Mapping, generator: torch.Generator, grid: int = 1) -> list[tuple[int, int]]:
        """Recordings and starts of the segments of a batch; starts are multiples of the grid."""
        places, taken, quiet = [], set(), 0
        while len(places) < training["batch"]:
            number = self.choose(generator, but=taken)
            taken.add(number)
            start = self.start(number, training["segment"], generator, grid)
            if self.read(number, start, training["segment"]).std() >= training["quietest"]:
                places.append((number, start))
                continue
            quiet += 1
            if quiet > MOST_QUIET:
                raise InputError(
                    f"Hardly anything in the data is louder than {training['quietest']:g} (root mean square); choose "
                    "other recordings, or a lower training.quietest."
                )
        return places

    def held_out(self, count: int, segment: int, generator: torch.Generator) -> list[Tensor]:
        """Segments for validation, each [1, segment]."""
        return [self.sample(segment, generator)[None] for _ in range(count)]

    def sample(self, length: int, generator: torch.Generator) -> Tensor:
        """A random segment; every moment of the data is equally likely."""
        number = self.choose(generator)
        return self.read(number, self.start(number, length, generator), length)

    def choose(self, generator: torch.Generator, but: Collection[int] = ()) -> int:
        """Index of a random recording, by length; one of `but` only if there is no other."""
        weights = self._weights.clone()
        weights[list(but)] = 0
        weights = weights if weights.any() else self._weights
        return int(torch.multinomial(weights, 1, generator=generator))

    def start(self, number: int, length: int, generator: torch.Generator, grid: int = 1) -> int:
        """Of a random segment of one recording, a multiple of the grid."""
        room = max(self.recordings[number].length - length, 0)
        return grid * int(torch.randint(room // grid + 1, (1,), generator=generator))


def pack_data(
    folder: Path, out: Path, sample_rate: int = 16000, spectrograms: SpectrogramFolder | None = None
) -> dict[str, int]:
    """Packs every audio file under a folder, mixed to mono and resampled.

    Where spectrograms are given, they are packed as well, and the rate is that of their front-end.

    Splits, labels and speakers come from a `metadata.csv` (columns path, split, label, speaker) or a MAESTRO csv
    (audio_filename, split) where there is one. Otherwise every twentieth file, chosen by a hash of its path, is held
    out for validation; a recording's label is the folder that it lies in, as in SC09 (zero to nine).

    The pack appears whole or not at all and replaces an earlier one.

    Returns:
        Seconds packed in each split.

    Raises:
        InputError: no audio in the folder, a recording that cannot be read or holds no numbers, a spectrogram that
            does not fit, or out exists and is no pack.
    """
    sources, front_end = find_audio(folder), spectrograms.front_end if spectrograms else None
    sample_rate = front_end.sample_rate if front_end else sample_rate
    if out.exists() and any(out.iterdir()) and not (out / "index.json").exists():
        raise InputError(f"{out} is not empty and holds no packed data; choose a new folder.")
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=out, prefix=".new-") as aside:
            writer = _ShardWriter(Path(aside))
            for source in sources:
                samples = _read_mono(folder / source.path, sample_rate)
                writer.add(samples, source, spectrograms.read(source.path, samples) if spectrograms else None)
            writer.flush()
            index = {"sample_rate": sample_rate, "source": folder.name, "recordings": writer.recordings}
            index |= {"front_end": name_of(front_end)} if front_end else {}
            _put_in_place(Path(aside), out, index)
    except BaseException:
        if made:
            out.rmdir()
        raise
    return {s: sum(r["length"] for r in writer.recordings if r["split"] == s) // sample_rate for s in SPLITS}


def find_audio(folder: Path) -> list[Source]:
    """Audio files under a folder with what is known of them, in sorted order.

    Raises:
        InputError: as `audio_under`.
    """
    paths, listed = [path.relative_to(folder) for path in audio_under(folder)], _listed(folder)
    return [_source(path, listed.get(path.as_posix(), {})) for path in paths]


def write_metadata(folder: Path, sources: Iterable[Source]) -> None:
    """Writes the `metadata.csv` of a folder, sorted by path; an empty split is left to `pack_data`."""
    with (folder / METADATA).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Source)])
        writer.writeheader()
        for source in sorted(sources, key=lambda source: source.path):
            writer.writerow(asdict(source) | {"path": source.path.as_posix()})


class _ShardWriter:
    SHARDS = "shard-*.npy"

    def __init__(self, out: Path):
        self.out, self.recordings = out, []
        self._parts, self._mels, self._length, self._frames, self._count = [], [], 0, 0, 0

    def add(self, samples: np.ndarray, source: Source, mel: np.ndarray | None = None) -> None:
        """Appends 16-bit samples; one longer than a shard is cut into several recordings.

        Args:
            mel: its spectrogram `[bands, frames]`, where it has one; it is shorter than a shard then.
        """
        known = {"split": source.split, "label": source.label, "speaker": source.speaker}
        known["path"] = source.path.as_posix()
        for start in range(0, len(samples), SHARD_SAMPLES):
            part = samples[start : start + SHARD_SAMPLES]
            if self._length + len(part) > SHARD_SAMPLES:
                self.flush()
            place = {"shard": self._name(), "start": self._length, "length": len(part)}
            if mel is not None:
                place |= {"first_frame": self._frames, "frames": mel.shape[1]}
                self._mels.append(mel.T)
                self._frames += mel.shape[1]
            self.recordings.append(place | known)
            self._parts.append(part)
            self._length += len(part)

    def flush(self) -> None:
        """Writes the current shard, and the spectrograms beside it."""
        if self._mels:
            np.save(self.out / mels_of(self._name()), np.concatenate(self._mels), allow_pickle=False)
        if self._parts:
            np.save(self.out / self._name(), np.concatenate(self._parts), allow_pickle=False)
            self._parts, self._mels, self._length, self._frames, self._count = [], [], 0, 0, self._count + 1

    def _name(self) -> str:
        return f"shard-{self._count:03d}.npy"


def _put_in_place(aside: Path, out: Path, index: dict) -> None:
    """Replaces a pack; the index is written last, so that it never lists shards of another pack."""
    (out / "index.json").unlink(missing_ok=True)
    for old in out.glob(_ShardWriter.SHARDS):
        old.unlink()
    for shard in aside.iterdir():
        os.replace(shard, out / shard.name)
    _write_json(out / "index.json", index)


def _listed(folder: Path) -> dict[str, dict[str, str]]:
    """Path -> row of the folder's tables."""
    rows = {}
    for table in [*folder.glob(METADATA), *folder.glob("maestro*.csv")]:
        with table.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                rows[row.get("path") or row.get("audio_filename")] = row
    return rows


def _source(path: Path, row: Mapping[str, str]) -> Source:
    split = row.get("split") or _hashed_split(path)
    label = row.get("label") or path.parent.name
    return Source(path, {"validation": "valid"}.get(split, split), label, row.get("speaker") or "")


def _hashed_split(path: Path) -> str:
    return "valid" if hashlib.sha256(path.as_posix().encode()).digest()[0] < 256 // 20 else "train"


def _read_mono(path: Path, sample_rate: int) -> np.ndarray:
    from core.signal.decoding import LONGEST_HEADER_CLAIM, open_audio  # here: they take what a bare machine lacks
    from core.signal.resampling import resample

    file = open_audio(path)
    mono = np.concatenate([np.zeros(0, np.float32), *(b.mean(axis=1) for b in file.blocks(0, LONGEST_HEADER_CLAIM))])
    if not np.isfinite(mono).all():
        raise InputError(
            f"{path} holds values that are no numbers (NaN or infinity); mend it, or take it out of the folder."
        )
    samples = resample(Clip(mono[None], file.sample_rate), sample_rate).samples[0]
    return np.round(np.clip(samples, -1, 32767 / 32768) * 32768).astype(np.int16)


def _write_json(path: Path, content: dict) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content))
    os.replace(temporary, path)
