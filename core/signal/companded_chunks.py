"""Recordings as a WaveNet of rampage644/wavenet learns from them: companded, cut into chunks, several records a file.

A file is a stream: arrays as `numpy.save` writes them, back to back, float64 `[chunks, length]` in [0, 1].
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from scipy.signal import resample_poly

from core.signal.companding import MuLawBins

FULL_SCALE = 2**15
PREFIX = "vctk_"  # of the streams of a folder


def context(stacks: int, layers: int) -> int:
    """Samples before a chunk's first target. The original's own count: a layer's stack sees one less, its first layer
    two more."""
    return stacks * 2**layers


def companded(pcm: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """16-bit samples `[frames]` at another rate, on the mu-law curve brought to [0, 1]; float64."""
    import torch

    resampled = resample_poly(pcm, wanted, rate) if wanted != rate else pcm.astype(np.float64)
    return MuLawBins().curve(torch.from_numpy(resampled / FULL_SCALE)).numpy() * 0.5 + 0.5


def chunks(values: np.ndarray, length: int, step: int) -> np.ndarray:
    """Every so many steps a chunk, `[chunks, length]`; what does not fill the last one is left out."""
    if len(values) < length:
        return np.empty((0, length), dtype=values.dtype)
    return np.lib.stride_tricks.sliding_window_view(values, length)[::step].copy()


def write_record(file: BinaryIO, record: np.ndarray) -> None:
    """Appends chunks to a stream."""
    np.lib.format.write_array(file, record, version=(1, 0), allow_pickle=False)


def read_stream(path: Path) -> np.ndarray:
    """All chunks of a stream, `[chunks, length]`; records without any, such as the original's last, are left out.

    Raises:
        ValueError: no such stream, damaged, of chunks of several lengths, or without any.
    """
    with path.open("rb") as file:
        records = [record for record in _records(file, path.stat().st_size) if record.size]
    if not records:
        raise ValueError("it holds no chunks")
    if len({record.shape[1:] for record in records}) > 1 or records[0].ndim != 2:
        raise ValueError("its chunks are not of one length")
    return np.concatenate(records)


def _records(file: BinaryIO, size: int) -> Iterator[np.ndarray]:
    """A header may claim any size, so nothing is read that the file cannot hold."""
    while file.tell() < size:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("it is of another version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        count = int(np.prod(shape, dtype=object))
        if dtype.kind != "f" or fortran or count * dtype.itemsize > size - file.tell():
            raise ValueError("it holds other things than numbers, or ends early")
        yield np.frombuffer(file.read(count * dtype.itemsize), dtype).reshape(shape)
