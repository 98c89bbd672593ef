"""What a microphone array heard, and the voices that a finder follows through it."""

import math
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from core.arrays.channel_check import ChannelFault, find_copies
from core.arrays.doa.tracking import VoiceTrack
from core.arrays.finding import Chunked, Finder, SearchStep
from core.arrays.geometry import ArrayGeometry
from core.arrays.phase_check import is_one_plane_wave
from core.errors import InputError
from core.generators import mapped
from core.signal.clip import Clip
from core.signal.resampling import resample
from core.tasks.blocks import at_rate, join, overlap_of, silent
from core.tasks.progress import DirectionsLook, Progress, Voice

OVERLAPS = {False: 0.25, True: 0.5}  # of chunks, as a share of their length: where voices stay, and where they move


@dataclass(frozen=True)
class Request:
    """What is asked for; see `localize`."""

    voices: int | None
    moving: bool
    chunk_seconds: float
    angles: tuple[float, ...] | None
    refine: bool | None = None


@dataclass(frozen=True, eq=False)
class Microphones:
    """What the microphones of an array heard.

    Args:
        clip: a channel for each.
        numbers: which ones of a larger array they are; None stands for all of them.
    """

    clip: Clip
    geometry: ArrayGeometry
    numbers: tuple[int, ...] | None = None

    @property
    def first(self) -> Clip:
        """What the first one heard."""
        return Clip(self.clip.samples[:1], self.clip.sample_rate)

    def of(self, samples: np.ndarray) -> np.ndarray:
        """These microphones of something that the whole array heard, [mics, frames]."""
        return samples if self.numbers is None else samples[list(self.numbers)]

    @cached_property
    def copies(self) -> list[ChannelFault]:
        """Groups of microphones that carry one signal."""
        return find_copies(self.clip.samples)

    @cached_property
    def copied(self) -> frozenset[int]:
        """Those of which nobody knows what they heard; none where a single plane wave explains every copy."""
        if not self.copies or is_one_plane_wave(self.clip.samples, self.clip.sample_rate, self.geometry):
            return frozenset()
        return frozenset(k for fault in self.copies for k in fault.microphones)

    def live(self) -> "Microphones":
        """Those that hear something of their own; all where none hears anything.

        Raises:
            InputError: fewer than two do.
        """
        hearing = np.flatnonzero(~silent(self.clip.samples)).tolist()
        numbers = tuple(k for k in hearing if k not in self.copied)
        if self.copied and len(numbers) < 2:
            groups = " and ".join(" = ".join(map(str, fault.microphones)) for fault in self.copies)
            raise InputError(
                f"Microphones {groups} carry one signal, but a direction needs two microphones with signals of their "
                "own; choose the device's raw channels."
            )
        if len(numbers) == 1:
            raise InputError(
                f"Only microphone {numbers[0]} hears anything, but a direction needs two; check the channels."
            )
        if len(numbers) in (0, self.geometry.count):
            return self
        positions = tuple(self.geometry.positions[k] for k in numbers)
        geometry = replace(self.geometry, positions=positions, raw_channels=(), stream_channels=0)
        return Microphones(Clip(self.clip.samples[list(numbers)], self.clip.sample_rate), geometry, numbers)


def find_voices(
    microphones: Microphones, finder: Finder, sample_rate: int, request: Request
) -> Generator[Progress, None, tuple[Voice, ...]]:
    """Looks for voices chunk by chunk.

    Args:
        sample_rate: that the finder works at, in Hz.

    Yields:
        Progress: for every step.

    Returns:
        The voices, from loud to quiet.
    """
    clip = at_rate(microphones.clip, sample_rate)
    if silent(clip.samples).all():
        return ()
    spans = split_chunks(clip.frames, round(request.chunk_seconds * sample_rate), OVERLAPS[request.moving])
    heard = Chunked(clip.samples, sample_rate, microphones.geometry, spans)
    if request.angles is None:
        steps = finder.find(heard, request.voices, request.moving)
    else:
        steps = finder.separate_at(heard, request.angles)
    started = time.monotonic()

    def progress(step: SearchStep) -> Progress:
        seconds = time.monotonic() - started
        first, last = (frame / sample_rate for frame in spans[step.chunk])
        look = DirectionsLook(step.chunk, len(spans), (first, last), step.stage, step.power)
        return Progress(seconds, seconds * (1 - step.done) / step.done, look=look)

    tracks = yield from mapped(steps, progress)
    return tuple(_voice(track, heard, microphones.clip, request.moving) for track in tracks)


def split_chunks(frames: int, longest: int, overlap: float) -> tuple[tuple[int, int], ...]:
    """As few chunks as possible of one length, all of which overlap by the same share of it; one where it can hold all.

    Args:
        longest: most frames of a chunk.
        overlap: of neighbours, as a share of their length, under 1.

    Returns:
        (first, last + 1) frames of each, in order of time.
    """
    others = max(math.ceil((frames / longest - 1) / (1 - overlap)), 0)  # after the first
    length = math.ceil(frames / (1 + others * (1 - overlap)))
    starts = np.linspace(0, frames - length, others + 1).round().astype(int).tolist()
    return tuple((start, start + length) for start in starts)


def _voice(track: VoiceTrack, heard: Chunked, clip: Clip, moving: bool) -> Voice:
    """A track's chunks cross-faded, at the clip's rate; silence where it was not heard."""
    waveform = np.zeros((1, heard.samples.shape[1]), dtype=np.float32)
    for number, (first, last) in enumerate(heard.spans):
        detected = track.detections.get(number)
        signal = np.zeros((1, last - first), dtype=np.float32) if detected is None else detected.signal
        join(waveform, signal, first, overlap_of(heard.spans, number))
    own = resample(Clip(waveform, heard.sample_rate), clip.sample_rate, frames=clip.frames)
    path = _path(track, heard) if moving else ()
    return Voice(track.angle, track.energy / len(heard), own, path, track.confidence)


def _path(track: VoiceTrack, heard: Chunked) -> tuple[tuple[float, float], ...]:
    """(seconds, angle) in the middle of every chunk in which a track was heard."""
    return tuple(
        (sum(heard.spans[number]) / (2 * heard.sample_rate), track.detections[number].angle % (2 * np.pi))
        for number in sorted(track.detections)
    )
