"""Training data that is images: MNIST's idx files, CIFAR-10's python batches, or any folder of images of one size.

Whatever the files hold is read as numbers; a batch of CIFAR-10 is a pickle, and is never run.
"""

import gzip
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from core.errors import InputError
from core.signal.image_files import FORMATS, read_image
from core.signal.inert_pickles import InertUnpickler

HELD_OUT = 20  # one training image in so many is for validation
LARGEST_BYTES, LARGEST_BATCH = 2**30, 2**26  # of idx files, unpacked, and of CIFAR's pickles
AT_ONCE = 100  # held-out images that are looked at together
CIFAR_SHAPE = (3, 32, 32)
Loaded = tuple[np.ndarray, list[str]]  # uint8 [images, colours, height, width], and their labels


@dataclass(frozen=True)
class Images:
    """A batch: bytes `[batch, colours, height, width]`, and the numbers of their labels, -1 for none, `[batch]`."""

    pixels: Tensor
    label: Tensor

    def to(self, device: torch.device | str) -> "Images":
        """On a device."""
        return replace(self, pixels=self.pixels.to(device), label=self.label.to(device))


class ImageData:
    """One split of a folder of images; without a validation split of its own every twentieth image is held out.

    Attributes:
        names: of the labels; empty where the images have none.
        size: height and width.

    Raises:
        InputError: a folder without images, of several sizes, or files that cannot be read.
    """

    sample_rate = 0

    def __init__(self, folder: Path, split: str):
        pixels, labels = _load(folder, "test" if split == "test" else "train")
        chosen = [split == "test" or (n % HELD_OUT == HELD_OUT - 1) == (split == "valid") for n in range(len(labels))]
        if not any(chosen):
            raise InputError(f"{folder} holds {len(labels)} images; at least {HELD_OUT} are needed.")
        self.names = tuple(sorted(set(labels) - {""}))
        numbers = {name: number for number, name in enumerate(self.names)}
        self._pixels = torch.from_numpy(pixels[chosen])
        self._label = torch.tensor([numbers.get(name, -1) for name in np.array(labels)[chosen]])
        self.size = tuple(pixels.shape[2:])

    def __len__(self) -> int:
        return len(self._label)

    def examples(self, segment: int) -> int:
        """Of an epoch."""
        return len(self)

    def batch(self, training: Mapping, generator: Generator) -> Images:
        """Random images."""
        chosen = torch.randint(len(self), (training["batch"],), generator=generator)
        return Images(self._pixels[chosen], self._label[chosen])

    def held_out(self, count: int, segment: int, generator: Generator) -> list[Images]:
        """So many of them, some at a time."""
        chosen = torch.randperm(len(self), generator=generator)[:count]
        return [Images(self._pixels[part], self._label[part]) for part in chosen.split(AT_ONCE)]


def read_idx(path: Path) -> np.ndarray:
    """Bytes of an idx file (LeCun's format), gzipped or not.

    Raises:
        InputError: no such file of bytes, or a damaged one.
    """
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        zeros, kind, axes = struct.unpack(">HBB", content[:4])
        shape = struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes])
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
        if zeros or kind != 8 or not axes or len(values) != int(np.prod(shape, dtype=object)):
            raise ValueError
        return values.reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, gzip.zlib.error):
        raise InputError(f"{path.name} is no idx file of bytes, or is damaged; fetch it again.") from None


def read_cifar(path: Path) -> Loaded:
    """A python batch of CIFAR-10, read as numbers.

    Raises:
        InputError: no such file.
    """
    try:
        if path.stat().st_size > LARGEST_BATCH:
            raise ValueError
        with path.open("rb") as file:
            batch = InertUnpickler(file, encoding="bytes").load()
        array = batch[b"data"]
        _, shape, _, _, content = array.state
        pixels = np.frombuffer(content, np.uint8).reshape(shape).reshape(-1, *CIFAR_SHAPE)
        labels = [str(int(label)) for label in batch[b"labels"]]
        if len(labels) != len(pixels):
            raise ValueError
    except Exception:  # an untrusted pickle may fail in any way
        raise InputError(f"{path.name} is no python batch of CIFAR-10, or is damaged; fetch it again.") from None
    return pixels, labels


def _load(folder: Path, split: str) -> Loaded:
    """The "train" or "test" images of whatever kind of folder it is."""
    if found := _idx(folder, split):
        images, labels = found
        pixels = read_idx(images)
        named = [str(label) for label in read_idx(labels).tolist()] if labels else [""] * len(pixels)
        if pixels.ndim != 3 or len(named) != len(pixels):
            raise InputError(f"{images.name} and its labels do not fit each other; fetch them again.")
        return pixels[:, None], named
    if batches := _batches(folder, split):
        loaded = [read_cifar(path) for path in batches]
        return np.concatenate([pixels for pixels, _ in loaded]), [label for _, labels in loaded for label in labels]
    return _read_pictures(folder)


def _read_pictures(folder: Path) -> Loaded:
    paths = _pictures(folder)
    if not paths:
        raise InputError(f"{folder} holds no images: no idx files, no batches of CIFAR-10, no PNG or JPEG files.")
    images = [(read_image(path, 3) * 255).round().astype(np.uint8) for path in paths]
    sizes = {image.shape[1:] for image in images}
    if len(sizes) > 1:
        found = ", ".join(sorted(f"{width} x {height}" for height, width in sizes)[:3])
        raise InputError(f"The images in {folder} are of several sizes ({found}); bring them to one.")
    labels = ["" if path.parent == folder else path.parent.name for path in paths]
    return np.stack(images), labels


def _idx(folder: Path, split: str) -> tuple[Path, Path | None] | None:
    """Images and labels; those of the test split are called t10k."""
    start = "t10k" if split == "test" else "train"
    images, labels = (
        next((path for end in ("", ".gz") if (path := folder / f"{start}-{kind}-ubyte{end}").is_file()), None)
        for kind in ("images-idx3", "labels-idx1")
    )
    return (images, labels) if images else None


def _batches(folder: Path, split: str) -> list[Path]:
    return sorted(path for path in folder.glob("test_batch" if split == "test" else "data_batch_*") if path.is_file())


def _pictures(folder: Path) -> list[Path]:
    """In an order that has nothing to do with their names, so that every twentieth is any."""
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in FORMATS and path.is_file())
    return sorted(paths, key=lambda path: hashlib.sha256(str(path.relative_to(folder)).encode()).digest())
