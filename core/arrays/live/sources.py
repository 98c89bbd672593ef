"""Sources of live sound: their interface, and two that need no device.

A source yields blocks, [mics, frames] each, as they are captured; closing the generator ends the capture.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import numpy as np
from scipy.signal.windows import hann

from core.arrays.geometry import SPEED_OF_SOUND, ArrayGeometry
from core.arrays.spectra import bin_frequencies, steering_vectors
from core.errors import InputError

BLOCK_SECONDS = 0.05
SLACK_SECONDS = 1.0  # of delay that are caught up with after a pause
HOP = 512  # samples between two positions of a simulated voice
INTERPOLATION = 256  # samples on either side for the filters of fractional delays


@dataclass(frozen=True)
class SourceStatus:
    """The state of a capture.

    Args:
        overflows: how often samples were lost.
        lost: samples per microphone, as far as they can be counted.
        message: one sentence on a problem; empty if there is none.
    """

    overflows: int = 0
    lost: int = 0
    message: str = ""


class AudioSource(Protocol):
    """A microphone array that delivers sound as it comes.

    Attributes:
        geometry: of the array; blocks have a row for each microphone.
        sample_rate: of the blocks, in Hz.
    """

    geometry: ArrayGeometry
    sample_rate: int

    @property
    def status(self) -> SourceStatus:
        """The state of the capture."""

    def blocks(self) -> Iterator[np.ndarray]:
        """The sound as it comes, float32 [mics, frames].

        Never blocks for long: where no sound comes, blocks have no frames and `status` says why.
        """


@dataclass(frozen=True)
class Clock:
    """Real time: seconds now, and sleep; tests give their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def in_real_time(blocks: Iterator[np.ndarray], sample_rate: int, clock: Clock) -> Iterator[np.ndarray]:
    """Blocks no earlier than a device would deliver them; of a caller's pause only SLACK_SECONDS are caught up."""
    due = clock.now()
    for block in blocks:
        due = max(due + block.shape[1] / sample_rate, clock.now() - SLACK_SECONDS)
        clock.sleep(max(due - clock.now(), 0.0))
        yield block


class RecordingSource:
    """A recording, delivered in real time.

    Args:
        samples: [mics, frames].
        sample_rate: in Hz.
        loop: start again at the end.
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
        """Nothing is ever lost."""
        return SourceStatus()

    def blocks(self) -> Iterator[np.ndarray]:
        """See `AudioSource`; without `loop` it ends with the recording."""
        return in_real_time(self._cut(), self.sample_rate, self._clock)

    def _cut(self) -> Iterator[np.ndarray]:
        step = round(BLOCK_SECONDS * self.sample_rate)
        while True:
            for start in range(0, self._samples.shape[1], step):
                yield self._samples[:, start : start + step]
            if not self._loop:
                return


class SimulatedSource:
    """Far voices in a free field, each repeated endlessly, that can be moved meanwhile.

    Args:
        sounds: of every voice, [frames] at the array's rate.
        angles: of the voices at first, in radians.
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
        """Nothing is ever lost."""
        return SourceStatus()

    @property
    def angles(self) -> tuple[float, ...]:
        """Of the voices, in radians."""
        return tuple(self._angles)

    def move(self, voice: int, angle: float) -> None:
        """Moves a voice to an angle in radians, cross-faded within two blocks."""
        self._angles[voice] = angle

    def blocks(self) -> Iterator[np.ndarray]:
        """See `AudioSource`; never ends."""
        return in_real_time(self._simulated(), self.sample_rate, self._clock)

    def _simulated(self) -> Iterator[np.ndarray]:
        """Overlap-add of delayed windows that add up to one; the sound is delayed by the filters' length."""
        margin = INTERPOLATION + int(np.ceil(self.geometry.radius / SPEED_OF_SOUND * self.sample_rate))
        size = 2 * HOP + 2 * margin
        rng, pending = np.random.default_rng(self._seed), np.zeros((self.geometry.count, size))
        for block in count():
            pending = np.pad(pending[:, HOP:], ((0, 0), (0, HOP))) + self._window(block * HOP, margin, size)
            noise = self._noise * rng.standard_normal((self.geometry.count, HOP))
            yield (pending[:, :HOP] + noise).astype(np.float32)

    def _window(self, start: int, margin: int, size: int) -> np.ndarray:
        """Samples start to start + 2 HOP of all voices, windowed, at the microphones: [mics, size]."""
        emitted = np.zeros((len(self._sounds), size))
        for row, sound in zip(emitted, self._sounds, strict=True):
            row[margin : margin + 2 * HOP] = np.take(sound, range(start, start + 2 * HOP), mode="wrap")
        emitted[:, margin : margin + 2 * HOP] *= hann(2 * HOP, sym=False)
        vectors = steering_vectors(self.geometry, np.array(self._angles), bin_frequencies(self.sample_rate, size))
        return np.fft.irfft(np.einsum("vb,vbm->mb", np.fft.rfft(emitted), vectors), size)
