"""Small folders of images in every form that training reads."""

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np


def digits(count: int = 60, size: tuple[int, int] = (6, 5)) -> tuple[np.ndarray, np.ndarray]:
    """Bright rows whose place is the label, with some noise."""
    random = np.random.default_rng(0)
    label = np.arange(count) % 3
    pixels = random.integers(0, 40, (count, *size))
    pixels[np.arange(count), label + 1] = 250
    return pixels.astype(np.uint8), label.astype(np.uint8)


def write_idx(
    folder: Path, count: int = 60, zipped: bool = False, split: str = "train", size: tuple[int, int] = (6, 5)
) -> Path:
    folder.mkdir(exist_ok=True)
    for kind, values in zip(("images-idx3", "labels-idx1"), digits(count, size), strict=True):
        content = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()
        name = f"{split}-{kind}-ubyte"
        (folder / (name + ".gz" if zipped else name)).write_bytes(gzip.compress(content) if zipped else content)
    return folder


class Python2Pickler(pickle._Pickler):
    """Writes bytes as Python 2 wrote its texts."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_text(self, content: bytes) -> None:
        self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        self.memoize(content)

    dispatch[bytes] = save_text


def write_cifar(path: Path, count: int = 30) -> np.ndarray:
    """A batch as CIFAR-10 has it."""
    pixels = np.random.default_rng(1).integers(0, 256, (count, 3072)).astype(np.uint8)
    batch = {b"batch_label": b"one of one", b"labels": [n % 10 for n in range(count)], b"data": pixels}
    with path.open("wb") as file:
        Python2Pickler(file, protocol=2).dump(batch)
    return pixels


def write_pictures(folder: Path, count: int = 40) -> Path:
    from PIL import Image

    for n, (pixels, label) in enumerate(zip(*digits(count), strict=True)):
        (folder / f"kind-{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"kind-{label}" / f"{n}.png")
    return folder
