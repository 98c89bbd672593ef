"""Scenes as folders, in the layout of the Cone of Silence: `micNN_voiceMM.wav`, `micNN_bg.wav`, `micNN_mixed.wav`.

`metadata.json` says where everything is: {"voice00": {"position": [x, y], "speaker_id": "..."}, ..., "bg": {"position":
[x, y]}}, metres from the array's centre. Two keys are ours: `height` in metres over the array, and `path`, the
positions of a voice that moves. Samples are float32, as a mixture of many voices may pass full scale.
"""

import json
import math
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.arrays.scenes.scene import Scene
from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import read_clip, write_clip
from core.signal.json_files import read_json

METADATA = "metadata.json"
MIXTURE = "mixed"
BACKGROUND = "bg"
NAMES = re.compile(rf"voice\d\d|{BACKGROUND}")


@dataclass(frozen=True, eq=False)
class SourceImage:
    """The image of one voice or of the background at the microphones, without the others.

    Args:
        name: voice00, voice01, ... or bg.
        samples: float32 [mics, frames].
        positions: as `SoundSource`; several where it moves.
        speaker: whose voice it is.
    """

    name: str
    samples: np.ndarray
    positions: tuple[tuple[float, ...], ...]
    speaker: str = ""

    @property
    def angle(self) -> float:
        """Of its first position, in radians from -pi to pi."""
        return math.atan2(self.positions[0][1], self.positions[0][0])


@dataclass(frozen=True, eq=False)
class RecordedScene:
    """A rendered or recorded scene: the images of its voices, then that of the background if there is one."""

    images: tuple[SourceImage, ...]
    sample_rate: int

    @property
    def voices(self) -> tuple[SourceImage, ...]:
        return tuple(image for image in self.images if image.name != BACKGROUND)

    @property
    def mixture(self) -> np.ndarray:
        """The sum of the images, float32 [mics, frames]."""
        return np.sum([image.samples for image in self.images], axis=0, dtype=np.float32)


def recorded(scene: Scene, rendered: np.ndarray) -> RecordedScene:
    """A scene and its rendered images [names, mics, frames]; a background is located at its first source."""
    first = {source.name: source for source in reversed(scene.sources)}
    images = [
        SourceImage(name, samples, first[name].positions, first[name].speaker)
        for name, samples in zip(scene.names, rendered, strict=True)
    ]
    return RecordedScene(tuple(images), scene.sample_rate)


def scene_folder(parent: Path, index: int) -> Path:
    """Where the scene of a number lies."""
    return parent / f"{index:05d}"


def find_scenes(parent: Path) -> list[Path]:
    """The folders of scenes under a folder, sorted."""
    return sorted(path.parent for path in parent.glob(f"[0-9]*/{METADATA}"))


def write_scene(folder: Path, scene: RecordedScene) -> None:
    """Writes a scene's folder, whole or not at all; never overwrites one.

    Raises:
        InputError: the folder exists, its parent is missing or cannot be written to, the disk is full.
    """
    with _appearing(folder) as temporary:
        sounds = {image.name: image.samples for image in scene.images} | {MIXTURE: scene.mixture}
        for name, channels in sounds.items():
            for mic, samples in enumerate(channels):
                write_clip(temporary / _file_name(mic, name), Clip(samples, scene.sample_rate))
        metadata = {image.name: _described(image) for image in scene.images}
        (temporary / METADATA).write_text(json.dumps(metadata, indent=4) + "\n", encoding="utf-8")


def read_scene(folder: Path) -> RecordedScene:
    """Reads a scene's folder, also one that the Cone of Silence's own code wrote.

    A recording of a single voice may consist of its mixture alone.

    Raises:
        InputError: no or unreadable metadata, a file that is missing or not audio, files that differ in length or rate.
    """
    metadata = read_metadata(folder)
    names = sorted(metadata, key=lambda name: (name == BACKGROUND, name))
    alone = len(names) == 1 and not (folder / _file_name(0, names[0])).exists()
    clips = {name: _read_image(folder, MIXTURE if alone else name) for name in names}
    if len({(clip.samples.shape, clip.sample_rate) for clip in clips.values()}) > 1:
        raise InputError(f"The sounds in {folder} differ in microphones, length or sample rate; render it again.")
    images = [
        SourceImage(name, clips[name].samples, _positions(metadata[name]), metadata[name].get("speaker_id", ""))
        for name in names
    ]
    return RecordedScene(tuple(images), clips[names[0]].sample_rate)


def read_metadata(folder: Path) -> dict[str, dict]:
    """The entries of `metadata.json` for each voice and the background; other keys are ignored.

    Raises:
        InputError: it is missing, not JSON, names no voice, or gives no positions.
    """
    try:
        content = read_json(folder / METADATA)
        metadata = {name: entry for name, entry in content.items() if NAMES.fullmatch(name)}
        if metadata and all(_positions(entry) for entry in metadata.values()):
            return metadata
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError):
        pass
    raise InputError(f"{folder / METADATA} does not say where the voices are; give each a position [x, y] in metres.")


def _file_name(mic: int, name: str) -> str:
    return f"mic{mic:02d}_{name}.wav"


def _described(image: SourceImage) -> dict:
    x, y, *height = image.positions[0]
    entry: dict = {"position": [x, y]}
    if image.name != BACKGROUND:
        entry["speaker_id"] = image.speaker
    if height:
        entry["height"] = height[0]
    if len(image.positions) > 1:
        entry["path"] = [list(position[:2]) for position in image.positions]
    return entry


def _positions(entry: dict) -> tuple[tuple[float, ...], ...]:
    height = (float(entry["height"]),) if "height" in entry else ()
    places = [(float(x), float(y), *height) for x, y, *_ in entry.get("path", [entry["position"]])]
    if not np.isfinite(places).all():
        raise ValueError("A position is not finite.")
    return tuple(places)


def _read_image(folder: Path, name: str) -> Clip:
    """[mics, frames] of a voice, of the background or of the mixture."""
    count = len(list(folder.glob(f"mic[0-9][0-9]_{name}.wav")))
    clips = [read_clip(folder / _file_name(mic, name)).clip for mic in range(max(count, 1))]
    if len({(clip.samples.shape, clip.sample_rate) for clip in clips}) > 1 or clips[0].channels > 1:
        raise InputError(f"The microphones of {name} in {folder} differ in length or sample rate, or are not mono.")
    return Clip(np.concatenate([clip.samples for clip in clips]), clips[0].sample_rate)


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A temporary folder that is renamed to its own name when the block ends without an error."""
    temporary = folder.with_name(f".{secrets.token_hex(8)}.part")
    try:
        temporary.mkdir()
        yield temporary
        os.rename(temporary, folder)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            shutil.rmtree(temporary)
