"""Recordings become streams of companded chunks (`core.signal.companded_chunks`), as rampage644/wavenet prepares them.

Unlike there, no stream ends in an empty record, a worker without chunks writes none, and channels are mixed.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.processes import follow_parent
from core.signal.companded_chunks import FULL_SCALE, PREFIX, chunks, companded, context, write_record
from core.signal.folders import audio_under
from core.signal.output import replacing


@dataclass(frozen=True)
class Cutting:
    """How recordings are cut.

    Args:
        rate: in Hz.
        stacks, layers: of the network, whose context comes before the targets.
        target_length: samples of a chunk that are predicted.
        overlap: whether the next chunk begins so much later; else where this one ends, and its context is no target.
    """

    rate: int = 8000
    stacks: int = 5
    layers: int = 10
    target_length: int = 1600
    overlap: bool = False

    @property
    def length(self) -> int:
        return context(self.stacks, self.layers) + self.target_length

    def cut(self, path: Path) -> np.ndarray:
        """The chunks of a recording, float64 `[chunks, length]`."""
        from core.signal.files import read_clip  # here: a bare training machine does without soundfile

        clip = read_clip(path).clip
        values = companded(clip.samples.mean(axis=0, dtype=np.float64) * FULL_SCALE, clip.sample_rate, self.rate)
        return chunks(values, self.length, self.target_length if self.overlap else self.length)


def preprocess(folder: Path, out: Path, cutting: Cutting, workers: int = 8, flush_every: int = 10240) -> list[int]:
    """Writes the streams of all recordings under a folder; every so many of the files go to one worker, and its stream.

    Args:
        workers: processes and streams, at most one for each file.
        flush_every: chunks that a record has at least, but for the last.

    Returns:
        Chunks in each stream that was written.

    Raises:
        InputError: no recordings, one that cannot be read, a folder that holds streams, or none as long as a chunk.
    """
    paths = audio_under(folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not empty; choose a new folder.")
    out.mkdir(parents=True, exist_ok=True)
    parts = [paths[n::workers] for n in range(min(workers, len(paths)))]
    with ProcessPoolExecutor(len(parts), get_context("spawn"), follow_parent) as pool:
        jobs = [pool.submit(_write, part, out / f"{PREFIX}{n}", cutting, flush_every) for n, part in enumerate(parts)]
        counts = [count for job in jobs if (count := job.result())]
    if not counts:
        out.rmdir()
        raise InputError(f"No recording in {folder} is as long as a chunk, {cutting.length / cutting.rate:.2f} s.")
    return counts


def _write(paths: Sequence[Path], stream: Path, cutting: Cutting, flush_every: int) -> int:
    """The stream of some recordings; none where they have no chunks."""
    waiting, total = [], 0
    with replacing(stream) as file:
        for path in paths:
            waiting.append(cutting.cut(path))
            if sum(map(len, waiting)) >= flush_every or path == paths[-1]:
                record, waiting = np.concatenate(waiting), []
                total += len(record)
                if len(record):
                    write_record(file, record)
    if not total:
        stream.unlink()
    return total
