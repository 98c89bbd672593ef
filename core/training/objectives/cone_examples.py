"""Training examples for separation by direction: voices in a random room, and windows of angles.

Scenes are simulated on the fly from recordings of single voices, so none is seen twice.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Generator, Tensor

from core.arrays.angles import angular_distance, width, wrap
from core.arrays.geometry import ArrayGeometry
from core.arrays.steering import Steering
from core.training.data import PackedData
from core.training.objectives.rooms import draw_room, uniform
from core.training.objectives.wide_rooms import draw_wide_room
from core.training.scenes import Scene

SEPARATION = math.radians(15)  # least angle between two voices
VOICE_LEVEL, LEVEL_DB = 0.05, 4.0  # root mean square of a voice at the microphones; standard deviation of its level
BASS_HZ, TREBLE_HZ, SHELF_DB = (
    200.0,
    3000.0,
    2.0,
)  # shelves of Cone of Silence's augmentation; the last a standard deviation
LOUDEST_NOISE = 0.001  # peak of the microphones' self-noise, as in Cone of Silence
RECORDED_SHARE = 0.5  # of backgrounds that are recordings, where there are any
BACKGROUND_DB, SLOPES = (-30.0, -5.0), (-1.0, 0.0)  # level of a background under the voices, and its spectrum's slope


@dataclass(frozen=True)
class Window:
    """angle: of its centre, in radians. number: index of its `width`."""

    angle: float
    number: int


def draw_scene(
    voices: Tensor,
    array: ArrayGeometry,
    rate: int,
    generator: Generator,
    *,
    separation: float = SEPARATION,
    background_share: float = 0.5,
    wide_share: float = 0.0,
    noises: Sequence[PackedData] = (),
) -> Scene:
    """Voices `[voices, frames]` in a random room.

    Args:
        separation: least angle between two of them, in radians.
        background_share: probability of a background; the microphones' self-noise is always there.
        wide_share: probability of a wide, flat room, where backgrounds come from far away; elsewhere they are diffuse.
        noises: recordings that every other background is an excerpt of; the others are coloured noise.
    """
    count, frames = voices.shape
    wide = wide_share > 0 and uniform(0, 1, generator) < wide_share
    room = draw_wide_room(generator) if wide else draw_room(generator)
    directions = _directions(count, separation, generator)
    positions = [room.position(angle, generator) for angle in directions]
    responses = [room.response(position, array, rate, generator) for position in positions]
    sources = [voices]
    if uniform(0, 1, generator) < background_share:
        sources.append(_noise(frames, noises, generator).to(voices)[None])
        responses.append(room.background_response(array, rate, generator))
    images = _images(torch.cat(sources), torch.stack(responses).to(voices), rate, generator)
    return _at_levels(images[:count], directions, images[count:].sum(dim=0), generator)


def vary(scene: Scene, rate: int, generator: Generator) -> Scene:
    """A rendered scene, augmented as `draw_scene` does: random shelves for each voice, levels and self-noise."""
    frames = scene.images.shape[-1]
    frequencies = torch.fft.rfftfreq(frames, 1 / rate, device=scene.images.device)
    shelves = torch.stack([_shelves(frequencies, generator) for _ in scene.images])[:, None]
    images = torch.fft.irfft(torch.fft.rfft(scene.images) * shelves, frames)
    return _at_levels(images, scene.directions, scene.background, generator)


def _at_levels(images: Tensor, directions: np.ndarray, background: Tensor, generator: Generator) -> Scene:
    """Voices and background (if it is not silent) at random levels, with self-noise of the microphones."""
    images = images * _gains(images, LEVEL_DB * torch.randn(len(images), generator=generator).to(images))
    if background.any():
        decibels = torch.tensor(uniform(*BACKGROUND_DB, generator))
        background = background * _gains(background[None], decibels)[0]
    own = torch.rand(background.shape, generator=generator).to(background) * 2 - 1
    return Scene(images, directions, background + uniform(0, LOUDEST_NOISE, generator) * own)


def draw_window(directions: np.ndarray, empty: bool, levels: int, generator: Generator) -> Window:
    """A random window of one of the first `levels` widths, around a voice, or empty (and more often close to one)."""
    while True:
        number = int(torch.randint(levels, (1,), generator=generator))
        half, voice = width(number) / 2, int(torch.randint(len(directions), (1,), generator=generator))
        side, share = uniform(-1, 1, generator), uniform(0, 1, generator)
        away = math.copysign(half + (math.pi - half) * share**2, side) if empty else half * side
        window = Window(float(wrap(directions[voice] + away)), number)
        if inside(directions, window).any() != empty:
            return window


def inside(directions: np.ndarray, window: Window) -> np.ndarray:
    """Mask of the directions inside the window; unlike in Cone of Silence, it may reach across pi."""
    return angular_distance(directions, window.angle) < width(window.number) / 2


def target(scene: Scene, window: Window, steering: Steering) -> Tensor:
    """The sum of the voices inside the window, aligned to its centre, `[mics, frames]`."""
    voices = scene.images[torch.from_numpy(inside(scene.directions, window))]
    return steering.towards(voices.sum(dim=0), window.angle) if len(voices) else torch.zeros_like(scene.images[0])


def _directions(count: int, separation: float, generator: Generator) -> np.ndarray:
    """Random directions at least `separation` apart (or pi / count, if that is less), in radians."""
    separation = min(separation, math.pi / count)
    while True:
        angles = math.pi * (1 - 2 * torch.rand(count, generator=generator, dtype=torch.float64)).numpy()
        distances = angular_distance(angles[:, None], angles) + 2 * math.pi * np.eye(count)
        if distances.min() >= separation:
            return angles


def _images(sounds: Tensor, responses: Tensor, rate: int, generator: Generator) -> Tensor:
    """Sounds `[sources, frames]` through random shelves and impulse responses `[sources, mics, taps]`."""
    frames = sounds.shape[1]
    size = next_fast_len(frames + responses.shape[-1], real=True)
    frequencies = torch.fft.rfftfreq(size, 1 / rate, device=sounds.device)
    shelves = torch.stack([_shelves(frequencies, generator) for _ in sounds])
    spectra = (torch.fft.rfft(sounds, size) * shelves)[:, None] * torch.fft.rfft(responses, size)
    return torch.fft.irfft(spectra, size)[..., :frames]


def _shelves(frequencies: Tensor, generator: Generator) -> Tensor:
    """Response of a low and a high first-order shelf with random gains, at frequencies in Hz."""
    bass, treble = (10 ** (SHELF_DB / 20 * torch.randn(2, generator=generator))).tolist()
    low, high = (1j * frequencies / corner for corner in (BASS_HZ, TREBLE_HZ))
    return (bass + low) / (1 + low) * (1 + treble * high) / (1 + high)


def _noise(frames: int, recordings: Sequence[PackedData], generator: Generator) -> Tensor:
    """An excerpt of a recording, or noise with a sloping spectrum, `[frames]`."""
    if recordings and uniform(0, 1, generator) < RECORDED_SHARE:
        number = int(torch.randint(len(recordings), (1,), generator=generator))
        return recordings[number].sample(frames, generator)
    bins = frames // 2 + 1
    colour = (torch.arange(bins) + 20.0) ** uniform(*SLOPES, generator)
    return torch.fft.irfft(torch.complex(*torch.randn(2, bins, generator=generator)) * colour, frames)


def _gains(images: Tensor, decibels: Tensor) -> Tensor:
    """Gains that bring images `[sources, mics, frames]` to decibels over VOICE_LEVEL, `[sources, 1, 1]`."""
    level = images.square().mean(dim=(1, 2)).sqrt().clamp_min(1e-8)
    return (VOICE_LEVEL * 10 ** (decibels / 20) / level)[:, None, None]
