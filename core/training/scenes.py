"""Training data that is scenes: the folders of `render-scenes`, simulated or made of an array's own recordings."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Generator, Tensor

from core.errors import InputError
from core.signal.packed_audio import is_pack
from core.training.data import MOST_QUIET

if TYPE_CHECKING:
    from core.arrays.scenes.files import RecordedScene

HELD_OUT = 20  # one scene in so many is for validation
KEPT = 64  # scenes kept in memory


@dataclass(frozen=True)
class Scene:
    """The parts of an array's recording; it is their sum.

    Args:
        images: each voice as the microphones record it, `[voices, mics, frames]`.
        directions: of the voices in radians, in (-pi, pi].
        background: everything else, `[mics, frames]`.
    """

    images: Tensor
    directions: np.ndarray
    background: Tensor

    def to(self, device: torch.device | str) -> "Scene":
        """The same on a device."""
        return Scene(self.images.to(device), self.directions, self.background.to(device))


class RenderedScenes:
    """One split of a folder of scenes; voices keep their directions.

    Raises:
        InputError: too few scenes to hold one out, or scenes that cannot be read.
    """

    def __init__(self, folder: Path, split: str):
        from core.arrays.scenes.files import find_scenes, read_scene  # here, as `data` has it: they read audio files

        folders = find_scenes(folder)
        if len(folders) < 2:
            raise InputError(f"{folder} holds {len(folders)} scenes; render at least 2, one of them to validate with.")
        held_out = set(folders[:: min(HELD_OUT, len(folders))])
        self._folders = [f for f in folders if (f in held_out) == (split == "valid")]
        self._read = lru_cache(KEPT)(read_scene)
        self.sample_rate = self._read(self._folders[0]).sample_rate

    def batch(self, training: Mapping, generator: Generator) -> Scene:
        """An excerpt of a random scene that is not silent."""
        for _ in range(MOST_QUIET):
            number = int(torch.randint(len(self._folders), (1,), generator=generator))
            scene = self._excerpt(number, training["segment"], generator)
            if scene.images.sum(dim=0).std() >= training["quietest"]:
                return scene
        raise InputError(
            f"Hardly anything in the scenes is louder than {training['quietest']:g} (root mean square); render others, "
            "or take a lower training.quietest."
        )

    def held_out(self, count: int, segment: int, generator: Generator) -> list[Scene]:
        """Excerpts for validation."""
        return [self._excerpt(n % len(self._folders), segment, generator) for n in range(count)]

    def _excerpt(self, number: int, length: int, generator: Generator) -> Scene:
        """A random part of a scene, with silence after it where the scene is shorter."""
        scene = self._read(self._folders[number])
        if scene.sample_rate != self.sample_rate:
            raise InputError(f"The scenes differ in their sample rate ({self._folders[number]}); render them again.")
        room = max(scene.images[0].samples.shape[1] - length, 0)
        start = int(torch.randint(room + 1, (1,), generator=generator))
        return _apart(scene, start, length)


def holds_scenes(folder: Path) -> bool:
    """Whether a folder holds scenes of `render-scenes`."""
    if is_pack(folder):
        return False
    from core.arrays.scenes.files import find_scenes

    return folder.is_dir() and bool(find_scenes(folder))


def _apart(scene: "RecordedScene", start: int, length: int) -> Scene:
    def cut(image: np.ndarray) -> Tensor:
        part = torch.tensor(image[:, start : start + length], dtype=torch.float32)
        return torch.nn.functional.pad(part, (0, length - part.shape[1]))

    images = torch.stack([cut(voice.samples) for voice in scene.voices])
    rest = [cut(image.samples) for image in scene.images if image not in scene.voices]
    background = sum(rest, torch.zeros_like(images[0]))
    return Scene(images, np.array([voice.angle for voice in scene.voices]), background)
