"""Sounds and plane waves that the tests of arrays share."""

from pathlib import Path

import numpy as np
import soundfile

from core.arrays.geometry import ARRAYS, SPEED_OF_SOUND, ArrayGeometry

RATE = 16000
RESPEAKER, CIRCLE = ARRAYS["respeaker-4"], ARRAYS["circle-6"]
SPEECH = Path(__file__).resolve().parents[2] / "assets" / "sounds" / "speech.flac"


def babble(seed: int, seconds: float = 2.0) -> np.ndarray:
    """Noise in syllables: pink, four bursts a second at random levels, [frames]."""
    rng = np.random.default_rng(seed)
    frames = int(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(frames))
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), frames)
    syllables = rng.uniform(0, 1, int(4 * seconds) + 1) ** 2
    envelope = np.interp(np.arange(frames), np.linspace(0, frames, len(syllables)), syllables)
    return pink * envelope


def speech(seconds: float = 2.0) -> np.ndarray:
    """The project's example of speech, [frames]."""
    return soundfile.read(SPEECH, frames=int(seconds * RATE))[0]


def plane_wave(sound: np.ndarray, geometry: ArrayGeometry, angle: float) -> np.ndarray:
    """A sound from far away, by fractional delays of its periodic spectrum: [mics, frames]."""
    lead = geometry.xy @ [np.cos(angle), np.sin(angle)] / SPEED_OF_SOUND
    turns = np.exp(2j * np.pi * np.fft.rfftfreq(len(sound), 1 / RATE) * lead[:, None])
    return np.fft.irfft(np.fft.rfft(sound) * turns, len(sound), axis=-1)


def by_turns(geometry: ArrayGeometry, *degrees: float) -> np.ndarray:
    """Sounds from far away, one after the other: [mics, frames]."""
    return np.hstack([plane_wave(babble(k), geometry, np.deg2rad(angle)) for k, angle in enumerate(degrees)])
