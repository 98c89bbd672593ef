"""A clip: audio in memory, from files, uploads and microphones, and as results."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Clip:
    """Immutable audio.

    Args:
        samples: float32 `[channels, frames]`, nominally in [-1, 1]; made read-only.
        sample_rate: in Hz.
    """

    samples: np.ndarray
    sample_rate: int

    def __post_init__(self):
        samples = np.array(np.atleast_2d(self.samples), dtype=np.float32)  # a copy, so that no caller can change it
        samples.flags.writeable = False
        object.__setattr__(self, "samples", samples)

    @property
    def channels(self) -> int:
        return self.samples.shape[0]

    @property
    def frames(self) -> int:
        return self.samples.shape[1]

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate

    def mono(self) -> "Clip":
        """All channels mixed with equal weight."""
        return Clip(self.samples.mean(axis=0, keepdims=True), self.sample_rate)

    def cut(self, start: int, stop: int) -> "Clip":
        """Frames start to stop (exclusive)."""
        return Clip(self.samples[:, start:stop], self.sample_rate)

    def minus(self, other: "Clip") -> "Clip | None":
        """The difference of two clips of one rate and shape; None of others."""
        if self.sample_rate != other.sample_rate or self.samples.shape != other.samples.shape:
            return None
        return Clip(self.samples - other.samples, self.sample_rate)
