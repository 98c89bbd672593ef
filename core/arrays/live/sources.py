"""Where live sound comes from: what every source offers, and two that need no device.

A source is a generator of blocks, [mics, frames] each, as they come; closing it ends the capture.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.signal.windows import hann

from core.arrays.geometry import SPEED_OF_SOUND, ArrayGeometry, microphones_of
from core.arrays.spectra import bin_frequencies, steering_vectors
from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.signal.limits import ARRAY_LIMITS
from core.signal.resampling import resample

BLOCK_SECONDS = 0.05
SLACK_SECONDS = 1.0
HOP = 512  # samples between two positions of a simulated voice
INTERPOLATION = 256  # samples to either side that a fractional delay spreads to


@dataclass(frozen=True)
class SourceStatus:
    """What a listener should know.

    Args:
        overflows: how often samples were lost.
        lost: samples per microphone, as far as they could be counted.
        message: a plain sentence; empty while all is well.
    """

    overflows: int = 0
    lost: int = 0
    message: str = ""


class AudioSource(Protocol):
    """Microphones that are being listened to.

    Attributes:
        geometry: of the array; a block has one row for each of its microphones.
        sample_rate: of the blocks, in Hz.
    """

    geometry: ArrayGeometry
    sample_rate: int

    @property
    def status(self) -> SourceStatus:
        """How the capture is going."""

    def blocks(self) -> Iterator[np.ndarray]:
        """The sound as it comes, float32 [mics, frames].

        Never keeps the caller waiting for long: where nothing comes a block has no frames, and `status` says why.
        """


@dataclass(frozen=True)
class Clock:
    """What real time is measured with."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def in_real_time(blocks: Iterator[np.ndarray], sample_rate: int, clock: Clock) -> Iterator[np.ndarray]:
    """Blocks no earlier than a device would deliver them; a caller that was away for long is not raced after."""
    due = clock.now()
    for block in blocks:
        due = max(due + block.shape[1] / sample_rate, clock.now() - SLACK_SECONDS)
        clock.sleep(max(due - clock.now(), 0.0))
        yield block


class RecordingSource:
    """A recording that is played to the listener in real time.

    Args:
        samples: [mics, frames].
        sample_rate: in Hz.
        loop: whether it starts again at its end.
    """

    def __init__(
        self,
        samples: np.ndarray,
        geometry: ArrayGeometry,
        sample_rate: int,
        *,
        loop: bool = False,
        clock: Clock | None = None,
    ):
        self.geometry, self.sample_rate = geometry, sample_rate
        self._samples, self._loop, self._clock = np.asarray(samples, dtype=np.float32), loop, clock or Clock()

    @property
    def status(self) -> SourceStatus:
        """A recording loses nothing."""
        return SourceStatus()

    def blocks(self) -> Iterator[np.ndarray]:
        """See `AudioSource`; ends with the recording where it does not loop."""
        return in_real_time(self._cut(), self.sample_rate, self._clock)

    def _cut(self) -> Iterator[np.ndarray]:
        step = round(BLOCK_SECONDS * self.sample_rate)
        while True:
            for start in range(0, self._samples.shape[1], step):
                yield self._samples[:, start : start + step]
            if not self._loop:
                return


def open_recording(
    path: str | Path, geometry: ArrayGeometry, *, channels: Sequence[int] | None = None, loop: bool = False
) -> RecordingSource:
    """A file of an array's channels as a source at the array's rate.

    Args:
        channels: which channel each microphone is, see `microphones_of`.

    Raises:
        InputError: not audio that can be read, outside the limits, or channels that are not the array's.
    """
    clip = read_clip(path, limits=ARRAY_LIMITS).clip
    microphones = Clip(microphones_of(clip.samples, geometry, channels), clip.sample_rate)
    return RecordingSource(
        resample(microphones, geometry.sample_rate).samples, geometry, geometry.sample_rate, loop=loop
    )


class SimulatedSource:
    """Voices far away in a free field, each repeated for ever, that can be moved while they are heard.

    Args:
        sounds: of every voice, [frames] at the array's rate.
        angles: where they are at first, in radians.
        noise: root mean square of each microphone's own noise.
        seed: of the noise.

    Raises:
        InputError: not one angle for each sound, or a sound without samples.
    """

    def __init__(
        self,
        geometry: ArrayGeometry,
        sounds: Sequence[np.ndarray],
        angles: Sequence[float],
        *,
        noise: float = 0.0,
        seed: int = 0,
        clock: Clock | None = None,
    ):
        if len(sounds) != len(angles) or not all(len(sound) for sound in sounds):
            raise InputError("Simulated voices need one angle and some sound each.")
        self.geometry, self.sample_rate = geometry, geometry.sample_rate
        self._sounds, self._angles = list(sounds), list(angles)
        self._noise, self._seed, self._clock = noise, seed, clock or Clock()

    @property
    def status(self) -> SourceStatus:
        """A simulation loses nothing."""
        return SourceStatus()

    @property
    def angles(self) -> tuple[float, ...]:
        """Where the voices are, in radians."""
        return tuple(self._angles)

    def move(self, voice: int, angle: float) -> None:
        """Puts a voice elsewhere; it is faded across within two blocks."""
        self._angles[voice] = angle

    def blocks(self) -> Iterator[np.ndarray]:
        """See `AudioSource`; never ends."""
        return in_real_time(self._simulated(), self.sample_rate, self._clock)

    def _simulated(self) -> Iterator[np.ndarray]:
        """Overlap-add of delayed windows, which add up to one; all is late by the filters' length."""
        margin = INTERPOLATION + int(np.ceil(self.geometry.radius / SPEED_OF_SOUND * self.sample_rate))
        size = 2 * HOP + 2 * margin
        rng, heard = np.random.default_rng(self._seed), np.zeros((self.geometry.count, size))
        for block in count():
            heard = np.pad(heard[:, HOP:], ((0, 0), (0, HOP))) + self._window(block * HOP, margin, size)
            noise = self._noise * rng.standard_normal((self.geometry.count, HOP))
            yield (heard[:, :HOP] + noise).astype(np.float32)

    def _window(self, start: int, margin: int, size: int) -> np.ndarray:
        """All voices' samples start to start + 2 HOP, faded in and out, as the microphones hear them: [mics, size]."""
        emitted = np.zeros((len(self._sounds), size))
        for row, sound in zip(emitted, self._sounds, strict=True):
            row[margin : margin + 2 * HOP] = np.take(sound, range(start, start + 2 * HOP), mode="wrap")
        emitted[:, margin : margin + 2 * HOP] *= hann(2 * HOP, sym=False)
        vectors = steering_vectors(self.geometry, np.array(self._angles), bin_frequencies(self.sample_rate, size))
        return np.fft.irfft(np.einsum("vb,vbm->mb", np.fft.rfft(emitted), vectors), size)
