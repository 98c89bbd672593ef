"""Simulated rooms that the tests of localization share."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.arrays.geometry import ArrayGeometry
from core.arrays.scenes.files import RecordedScene, SourceImage, write_scene
from core.arrays.scenes.random_scene import shoebox
from core.arrays.scenes.scene import Scene, SoundSource, render
from tests.arrays.sounds import RATE, RESPEAKER, babble

ROOM = shoebox((5.0, 4.0, 2.6), (2.4, 1.9, 0.9), 0.2)


def voices(*degrees: float | range, seconds: float = 3.0, array: ArrayGeometry = RESPEAKER) -> np.ndarray:
    """Voices 1.2 m from an array in a mild room, [voices, mics, frames]; a range is the path of one that moves."""
    paths = [list(own) if isinstance(own, range) else [own] for own in degrees]
    sources = [
        SoundSource(f"voice{k:02d}", ROOM, tuple(_place(angle) for angle in path), 0.3) for k, path in enumerate(paths)
    ]
    scene = Scene(array, tuple(sources), int(seconds * RATE), RATE)
    return render(scene, [babble(k + 1, seconds) for k in range(len(paths))])


def write_scenes(parent: Path, scenes: Sequence[tuple[np.ndarray, Sequence[float]]]) -> Path:
    """A folder for each scene, of voices [voices, mics, frames] at angles in degrees; returns their parent."""
    parent.mkdir()
    for number, (images, degrees) in enumerate(scenes):
        sources = [
            SourceImage(f"voice{k:02d}", image, ((np.cos(angle), np.sin(angle)),))
            for k, (image, angle) in enumerate(zip(images, np.deg2rad(degrees), strict=True))
        ]
        write_scene(parent / f"{number:05d}", RecordedScene(tuple(sources), RATE))
    return parent


def _place(degrees: float) -> tuple[float, float, float]:
    return 1.2 * np.cos(np.deg2rad(degrees)), 1.2 * np.sin(np.deg2rad(degrees)), 0.1
