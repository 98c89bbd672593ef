"""The receiving side of a relay: an array on another machine, as a source."""

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from core.arrays.geometry import ArrayGeometry
from core.arrays.live.relay import Block
from core.arrays.live.ring_buffer import RingBuffer
from core.arrays.live.sources import SourceStatus

BUFFER_SECONDS = 4.0
PATIENCE_SECONDS = 0.1
QUIET_SECONDS = 2.0  # without blocks, until the status says so
IDLE_SECONDS = 30.0  # without blocks, until the stream is closed


class RelaySource:
    """An array on another machine. Blocks may be accepted in one thread and read in another.

    Args:
        geometry: of the array, with the sample rate of its blocks.
        now: a clock, in seconds.
    """

    def __init__(self, geometry: ArrayGeometry, now: Callable[[], float] = time.monotonic):
        self.geometry, self.sample_rate = geometry, geometry.sample_rate
        self._buffer = RingBuffer(geometry.count, int(BUFFER_SECONDS * geometry.sample_rate))
        self._now, self._last = now, now()
        self._expected, self._gaps, self._lost, self._end = 0, 0, 0, ""

    @property
    def status(self) -> SourceStatus:
        """Overflows are missing blocks, and samples that were not read in time."""
        message = self._end
        if not message and self._idle_seconds > QUIET_SECONDS:
            message = "Nothing comes from the array any more; it is listened to again as soon as something does."
        return SourceStatus(self._gaps + self._buffer.overflows, self._lost + self._buffer.lost, message)

    @property
    def closed(self) -> bool:
        """Whether the stream has ended: it was closed, or idle for too long."""
        if not self._end and self._idle_seconds > IDLE_SECONDS:
            self.close(f"The array was silent for {IDLE_SECONDS:g} s, so its stream was closed.")
        return bool(self._end)

    def accept(self, blocks: Sequence[Block]) -> None:
        """Appends blocks in their order; repeated ones are ignored."""
        self._last = self._now()
        for block in blocks:
            missing = block.sequence - self._expected
            if missing < 0:
                continue
            self._gaps += missing > 0
            self._lost += missing * block.samples.shape[1]
            self._expected = block.sequence + 1
            self._buffer.write(block.samples)

    def close(self, message: str = "The array has ended its stream.") -> None:
        """Ends the stream; `message` is one sentence that says why."""
        self._end = self._end or message

    def blocks(self) -> Iterator[np.ndarray]:
        """See `AudioSource`; ends when the stream is closed."""
        position = self._buffer.written
        while not self.closed:
            samples, position = self._buffer.read(position, PATIENCE_SECONDS)
            yield samples

    @property
    def _idle_seconds(self) -> float:
        return self._now() - self._last
