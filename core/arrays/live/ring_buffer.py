"""A ring buffer between a device, which cannot wait, and the reader of its sound."""

import threading

import numpy as np


class RingBuffer:
    """The last samples of every channel. Writing never waits; a late reader loses the oldest samples.

    Positions count samples from the first one ever written. Threads may write and read at once.

    Args:
        channels: of the signal.
        frames: samples per channel that are kept.

    Attributes:
        overflows: how often a reader was late.
        lost: samples per channel that it missed.
    """

    def __init__(self, channels: int, frames: int):
        self._samples = np.zeros((channels, frames), dtype=np.float32)
        self._changed = threading.Condition()
        self._written = 0
        self.overflows = self.lost = 0

    @property
    def written(self) -> int:
        """The position after the newest sample."""
        with self._changed:
            return self._written

    def write(self, samples: np.ndarray) -> None:
        """Appends a block, [channels, frames] of any length."""
        with self._changed:
            self._written += samples.shape[1]
            kept = samples[:, -self._samples.shape[1] :]
            self._samples[:, self._places(self._written - kept.shape[1])] = kept
            self._changed.notify_all()

    def read(self, since: int, patience: float = 0.0) -> tuple[np.ndarray, int]:
        """All samples from a position on.

        Args:
            since: the position after what was read before.
            patience: seconds to wait where there is no new sample.

        Returns:
            A copy, [channels, frames], and the position after it. Samples already overwritten are counted as lost.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._written > since, patience)
            oldest = self._written - min(self._written, self._samples.shape[1])
            if since < oldest:
                self.overflows += 1
                self.lost += oldest - since
            return self._samples[:, self._places(max(since, oldest))], max(since, self._written)

    def latest(self, frames: int) -> np.ndarray:
        """The newest samples, [channels, at most frames]."""
        with self._changed:
            frames = min(frames, self._written, self._samples.shape[1])
            return self._samples[:, self._places(self._written - frames)]

    def _places(self, first: int) -> np.ndarray:
        """Indices of the samples from a position to the newest."""
        return np.arange(first, self._written) % self._samples.shape[1]
