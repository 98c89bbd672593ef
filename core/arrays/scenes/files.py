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

METADATA = "metadata.json"
MIXTURE = "mixed"
BACKGROUND = "bg"
NAMES = re.compile(rf"voice\d\d|{BACKGROUND}")


@dataclass(frozen=True, eq=False)
class Track:
    """One voice or the background, as the array hears it alone.

    Args:
        name: voice00, voice01, ... or bg.
        image: float32 [mics, frames].
        positions: as `Source`; several where it moves.
        speaker: whose voice it is.
    """

    name: str
    image: np.ndarray
    positions: tuple[tuple[float, ...], ...]
    speaker: str = ""

    @property
    def angle(self) -> float:
        """Of its first position, in radians from -pi to pi."""
        return math.atan2(self.positions[0][1], self.positions[0][0])


@dataclass(frozen=True, eq=False)
class RecordedScene:
    """A scene that was rendered or recorded: voices first, then the background where there is one."""

    tracks: tuple[Track, ...]
    sample_rate: int

    @property
    def voices(self) -> tuple[Track, ...]:
        return tuple(track for track in self.tracks if track.name != BACKGROUND)

    @property
    def mixture(self) -> np.ndarray:
        """What the array hears, float32 [mics, frames]."""
        return np.sum([track.image for track in self.tracks], axis=0, dtype=np.float32)


def recorded(scene: Scene, images: np.ndarray) -> RecordedScene:
    """A scene with its rendered images [names, mics, frames]; a background has the place of its first source."""
    first = {source.name: source for source in reversed(scene.sources)}
    tracks = [
        Track(name, image, first[name].positions, first[name].speaker)
        for name, image in zip(scene.names, images, strict=True)
    ]
    return RecordedScene(tuple(tracks), scene.sample_rate)


def scene_folder(parent: Path, index: int) -> Path:
    """Where the scene of a number lies."""
    return parent / f"{index:05d}"


def find_scenes(parent: Path) -> list[Path]:
    """The folders of scenes under a folder, sorted."""
    return sorted(path.parent for path in parent.glob(f"[0-9]*/{METADATA}"))


def write_scene(folder: Path, scene: RecordedScene) -> None:
    """Writes a scene's folder; it appears whole or not at all, and nothing that is there is overwritten.

    Raises:
        InputError: the folder is there already, its parent is missing or cannot be written to, the disk is full.
    """
    with _appearing(folder) as temporary:
        images = {track.name: track.image for track in scene.tracks} | {MIXTURE: scene.mixture}
        for name, image in images.items():
            for mic, samples in enumerate(image):
                write_clip(temporary / _file_name(mic, name), Clip(samples, scene.sample_rate))
        metadata = {track.name: _described(track) for track in scene.tracks}
        (temporary / METADATA).write_text(json.dumps(metadata, indent=4) + "\n", encoding="utf-8")


def read_scene(folder: Path) -> RecordedScene:
    """Reads a scene's folder, the original's own included.

    A recording of a single voice may have its mixture alone.

    Raises:
        InputError: no or unreadable metadata, a file that is missing or not audio, files that differ in length or rate.
    """
    metadata = read_metadata(folder)
    names = sorted(metadata, key=lambda name: (name == BACKGROUND, name))
    alone = len(names) == 1 and not (folder / _file_name(0, names[0])).exists()
    clips = {name: _read_image(folder, MIXTURE if alone else name) for name in names}
    if len({(clip.samples.shape, clip.sample_rate) for clip in clips.values()}) > 1:
        raise InputError(f"The sounds in {folder} differ in microphones, length or sample rate; render it again.")
    tracks = [
        Track(name, clips[name].samples, _positions(metadata[name]), metadata[name].get("speaker_id", ""))
        for name in names
    ]
    return RecordedScene(tuple(tracks), clips[names[0]].sample_rate)


def read_metadata(folder: Path) -> dict[str, dict]:
    """What `metadata.json` says of each voice and the background; whatever else it says is left out.

    Raises:
        InputError: it is missing, not JSON, names no voice, or gives no positions.
    """
    try:
        content = json.loads((folder / METADATA).read_text(encoding="utf-8"))
        metadata = {name: entry for name, entry in content.items() if NAMES.fullmatch(name)}
        if metadata and all(_positions(entry) for entry in metadata.values()):
            return metadata
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        pass
    raise InputError(f"{folder / METADATA} does not say where the voices are; give each a position [x, y] in metres.")


def _file_name(mic: int, name: str) -> str:
    return f"mic{mic:02d}_{name}.wav"


def _described(track: Track) -> dict:
    x, y, *height = track.positions[0]
    entry: dict = {"position": [x, y]}
    if track.name != BACKGROUND:
        entry["speaker_id"] = track.speaker
    if height:
        entry["height"] = height[0]
    if len(track.positions) > 1:
        entry["path"] = [list(position[:2]) for position in track.positions]
    return entry


def _positions(entry: dict) -> tuple[tuple[float, ...], ...]:
    height = (float(entry["height"]),) if "height" in entry else ()
    places = [(float(x), float(y), *height) for x, y, *_ in entry.get("path", [entry["position"]])]
    if not np.isfinite(places).all():
        raise ValueError("A position is not finite.")
    return tuple(places)


def _read_image(folder: Path, name: str) -> Clip:
    """A clip with one channel per microphone."""
    count = len(list(folder.glob(f"mic[0-9][0-9]_{name}.wav")))
    clips = [read_clip(folder / _file_name(mic, name)).clip for mic in range(max(count, 1))]
    if len({(clip.samples.shape, clip.sample_rate) for clip in clips}) > 1 or clips[0].channels > 1:
        raise InputError(f"The microphones of {name} in {folder} differ in length or sample rate, or are not mono.")
    return Clip(np.concatenate([clip.samples for clip in clips]), clips[0].sample_rate)


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A folder under a temporary name beside its own, which it takes when the block ends without an error."""
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
