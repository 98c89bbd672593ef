"""Simulated scenes: voices and a background in shoebox rooms, recorded by a microphone array.

Rooms are simulated with pyroomacoustics (Scheibler, Bezzam & Dokmanic 2018) by the image source method (Allen & Berkley
1979). The array's centre is the origin, angles are in radians, counter-clockwise from +x.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.arrays.geometry import ArrayGeometry

FADE = 0.5  # of the time at a position: length of the cross-fade to the next one


@dataclass(frozen=True)
class Room:
    """A shoebox.

    Args:
        size: (x, y, z) in metres, or (x, y) without floor and ceiling, as in the Cone of Silence.
        centre: of the array, in metres from the corner at the origin.
        absorption: of energy, at every wall, 0 to 1.
        order: most reflections that are simulated; 0 is a free field.
    """

    size: tuple[float, ...]
    centre: tuple[float, ...]
    absorption: float
    order: int


@dataclass(frozen=True)
class SoundSource:
    """A source of sound and its position; `render` takes the sound itself.

    Args:
        name: voice00, voice01, ... or bg; sources of one name make one image.
        room: sources of one scene may stand in different rooms, as the Cone of Silence's background does.
        positions: (x, y) or (x, y, z), like the room's size, in metres from the array's centre. A moving source has
            several, each for an equal part of the scene, cross-faded.
        peak: largest magnitude of the image of its name at any microphone.
        speaker: whose voice it is.
    """

    name: str
    room: Room
    positions: tuple[tuple[float, ...], ...]
    peak: float
    speaker: str = ""

    @property
    def angle(self) -> float:
        """Of its first position, in radians from -pi to pi."""
        return math.atan2(self.positions[0][1], self.positions[0][0])


@dataclass(frozen=True)
class Scene:
    """All that a rendering depends on except the sounds.

    Args:
        sources: voices first; those of one name stand together.
        frames: samples per microphone.
        sample_rate: in Hz.
    """

    array: ArrayGeometry
    sources: tuple[SoundSource, ...]
    frames: int
    sample_rate: int

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the rendered images, in their order."""
        return tuple(dict.fromkeys(source.name for source in self.sources))


def render(scene: Scene, sounds: Sequence[np.ndarray]) -> np.ndarray:
    """The reverberant image of every name at every microphone; their sum is the array's recording.

    Args:
        sounds: of every source, [frames] at the scene's rate; shorter ones end in silence.

    Returns:
        float32 [names, mics, frames], delayed by the simulator's interpolation filter: 2.5 ms at 16 kHz.
    """
    images = np.zeros((len(scene.names), scene.array.count, scene.frames))
    peaks = np.zeros(len(scene.names))
    for source, sound in zip(scene.sources, sounds, strict=True):
        row = scene.names.index(source.name)
        images[row] += _image(source, sound[: scene.frames], scene)
        peaks[row] = source.peak
    return scaled(images, peaks)


def scaled(images: np.ndarray, peaks: Sequence[float]) -> np.ndarray:
    """Images [names, mics, frames] scaled to these peaks, float32; silence stays silence."""
    loudest = np.abs(images).max(axis=(1, 2))
    gains = np.divide(peaks, loudest, out=np.zeros(len(images)), where=loudest > 0)
    return (images * gains[:, None, None]).astype(np.float32)


def _image(source: SoundSource, sound: np.ndarray, scene: Scene) -> np.ndarray:
    """[mics, frames], before it is scaled to its peak."""
    from scipy.signal import oaconvolve

    image = np.zeros((scene.array.count, scene.frames))
    weights = _presence(len(source.positions), scene.frames)[:, : len(sound)]
    for emitted, responses in zip(weights * sound, _impulse_responses(source, scene), strict=True):
        received = oaconvolve(responses, emitted[None], axes=-1)[:, : scene.frames]
        image[:, : received.shape[1]] += received
    return image


def _presence(count: int, frames: int) -> np.ndarray:
    """Gain of a source at each of its positions, [positions, frames]: linear cross-fades that sum to one."""
    place = np.linspace(0, count, frames, endpoint=False)
    passed = [np.clip((place - k) / FADE + 0.5, 0, 1) for k in range(1, count)]
    passed = np.stack([np.ones(frames), *passed, np.zeros(frames)])
    return passed[:-1] - passed[1:]


def _impulse_responses(source: SoundSource, scene: Scene) -> list[np.ndarray]:
    """Room impulse responses from every position of a source to the microphones, [mics, taps] each."""
    import pyroomacoustics as pra

    pra.constants.set("num_threads", 1)  # the sum over images would depend on how many there are
    room, dimensions = source.room, len(source.room.size)
    centre = np.array(room.centre)
    shoebox = pra.ShoeBox(
        room.size, fs=scene.sample_rate, materials=pra.Material(room.absorption), max_order=room.order
    )
    microphones = np.zeros((dimensions, scene.array.count))
    microphones[:2] = scene.array.xy.T
    shoebox.add_microphone_array(centre[:, None] + microphones)
    for position in source.positions:
        shoebox.add_source(centre + position)
    shoebox.compute_rir()
    return [_stacked([responses[k] for responses in shoebox.rir]) for k in range(len(source.positions))]


def _stacked(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of several lengths as one array, zero padded."""
    stacked = np.zeros((len(rows), max(map(len, rows))))
    for target, row in zip(stacked, rows, strict=True):
        target[: len(row)] = row
    return stacked
