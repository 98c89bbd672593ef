"""Finding voices in a recording of any length: the interface of every finder, and what it yields and returns.

A finder searches chunk after chunk, and links the detections of all chunks to tracks.
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
    """angle: centre of a window, in radians. energy: level of the sound from inside it. kept: it is over the cutoff."""

    angle: float
    energy: float
    kept: bool


@dataclass(frozen=True)
class Stage:
    """Windows of one width that were searched together.

    Args:
        level, levels: number of the width, and how many widths there are.
        window: the width in radians.
        candidates: in the order of the search.
        remaining: windows of this width that are still to be searched.
    """

    level: int
    levels: int
    window: float
    candidates: tuple[Candidate, ...]
    remaining: int


@dataclass(frozen=True)
class SearchStep:
    """A step of a finder's work.

    Args:
        chunk: number of the chunk.
        done: share of the work, 0 to 1.
        stage: windows of the cone search; None for other finders, and after the search.
        power: a map, see `core.arrays.doa.spatial_spectra`, [angles]; None for the cone search, and during refinement.
    """

    chunk: int
    done: float
    stage: Stage | None = None
    power: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Chunked:
    """A recording of an array, cut into chunks.

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


TrackSearch = Generator[SearchStep, None, tuple[VoiceTrack, ...]]


class Finder(Protocol):
    """Finds voices: yields every step, and returns the voices as tracks, from loud to quiet.

    Their signals are [1, frames], at the first microphone.
    """

    def find(self, recording: Chunked, voices: int | None, moving: bool) -> TrackSearch:
        """Searches all directions; voices: how many there are, None if that is unknown."""
        ...

    def separate_at(self, recording: Chunked, angles: Sequence[float]) -> TrackSearch:
        """Separates voices at known angles, in radians."""
        ...


def chunk_step(recording: Chunked, number: int, share: float) -> SearchStep:
    """The step after a share of the work on a chunk, if every chunk is as much work."""
    return SearchStep(number, (number + share) / len(recording))


def detection(angle: float, image: np.ndarray, confidence: float = 1.0) -> Detection:
    """A detection from a voice's image at the microphones, [mics, frames]; its signal is that of the first one."""
    return Detection(float(angle), float(mean_rms(image)), image[REFERENCE][None].astype(np.float32), confidence)


def tracks_of_still_voices(found: Sequence[Sequence[Detection]]) -> list[VoiceTrack]:
    """Tracks of voices that do not move: every chunk holds the same ones in the same order."""
    tracks = [VoiceTrack(dict(enumerate(detections))) for detections in zip(*found, strict=True)]
    return sorted(tracks, key=lambda track: -track.energy)


def holds_sound(samples: np.ndarray) -> bool:
    """Whether any channel of [mics, frames] is not silent."""
    return bool((np.ptp(samples, axis=-1) >= SILENCE).any())
