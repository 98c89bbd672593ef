"""Finding voices in a recording of any length: what it is looked into as, and what every finder does.

A finder looks into each chunk, links what it detects there to tracks, and says on the way what it looks at.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from core.arrays.beamforming import REFERENCE
from core.arrays.doa.tracking import Detection, VoiceTrack
from core.arrays.energy import mean_rms
from core.arrays.geometry import ArrayGeometry

SILENCE = 1e-7  # peak to peak, of all microphones


@dataclass(frozen=True)
class Candidate:
    """angle: centre of a window, in radians. energy: level of what comes from inside. kept: it holds sound."""

    angle: float
    energy: float
    kept: bool


@dataclass(frozen=True)
class Stage:
    """Windows of one width that were looked into together.

    Args:
        level, levels: number of the width, and how many there are in all.
        window: the width in radians.
        candidates: in the order of the search.
        remaining: windows of this width that are still to be looked into.
    """

    level: int
    levels: int
    window: float
    candidates: tuple[Candidate, ...]
    remaining: int


@dataclass(frozen=True)
class Look:
    """What a finder just looked at.

    Args:
        chunk: number of the chunk.
        done: share of the work, 0 to 1.
        stage: windows of the search; None where there is a map.
        power: a map, see `core.arrays.localization`, [angles]; None where there is a stage.
    """

    chunk: int
    done: float
    stage: Stage | None = None
    power: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Chunked:
    """What an array heard.

    Args:
        samples: [mics, frames].
        sample_rate: in Hz.
        spans: (first, last + 1) frames of the chunks, in order of time; neighbours overlap.
    """

    samples: np.ndarray
    sample_rate: int
    geometry: ArrayGeometry
    spans: tuple[tuple[int, int], ...]

    def __iter__(self) -> Iterator[np.ndarray]:
        """The chunks, [mics, frames]."""
        return (self.samples[:, first:last] for first, last in self.spans)

    def __len__(self) -> int:
        return len(self.spans)


Finding = Generator[Look, None, tuple[VoiceTrack, ...]]


class Finder(Protocol):
    """Finds voices: yields every look, and returns the voices as tracks, from loud to quiet.

    Their signals are [1, frames], at the first microphone.
    """

    def find(self, heard: Chunked, voices: int | None, moving: bool) -> Finding:
        """Looks all around; voices: how many there are, None where nobody knows."""
        ...

    def listen(self, heard: Chunked, angles: Sequence[float]) -> Finding:
        """Takes the voices at angles that are known."""
        ...


def detection(angle: float, image: np.ndarray) -> Detection:
    """Of a voice as the microphones hear it, [mics, frames], what the first one does."""
    return Detection(float(angle), float(mean_rms(image)), image[REFERENCE][None].astype(np.float32))


def tracks_of_still_voices(found: Sequence[Sequence[Detection]]) -> list[VoiceTrack]:
    """Of voices that stay at their angles: the same ones, in the same order, in every chunk."""
    tracks = [VoiceTrack(dict(enumerate(detections))) for detections in zip(*found, strict=True)]
    return sorted(tracks, key=lambda track: -track.energy)


def holds_sound(samples: np.ndarray) -> bool:
    """Whether any microphone hears anything, [mics, frames]."""
    return bool((np.ptp(samples, axis=-1) >= SILENCE).any())
