"""Finding voices in a recording of any length, chunk by chunk: with a separator, or with a map and a beamformer.

Every finder looks into each chunk, links what it finds there to tracks, and says on the way what it looks at.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from core.arrays.beamforming import REFERENCE, delay_and_sum, directional_mvdr
from core.arrays.choices import MOST_VOICES
from core.arrays.energy import mean_rms, rms
from core.arrays.geometry import ArrayGeometry
from core.arrays.localization import STEP_DEGREES, SteeredResponse, find_peaks, grid, music
from core.arrays.refinement import refine
from core.arrays.search import Extractor, Found, SearchSettings, Stage, search
from core.arrays.selection import select
from core.arrays.spectra import stft
from core.arrays.steering import PreShift, Steering
from core.arrays.suppression import Source
from core.arrays.tracking import Track, link

SILENCE = 1e-7  # peak to peak, of all microphones
SCENE_LEVEL = 0.05  # root mean square of the original's scenes, which the cutoffs belong to
CUTOFFS = (0.005, 1e-6)  # of the energy, the original evaluator's: a second look where the first finds too few
PEAK_FLOORS = {"srp-phat": 0.05, "music": 0.4}  # of peaks that are voices, where nobody knows how many there are
SEARCH_SHARE = 0.6  # of the time that a chunk takes; the rest selects and refines
SILENT_MAP = np.zeros(len(grid(STEP_DEGREES)))


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


@dataclass(frozen=True)
class Followed:
    """What a finder ends with: the voices, from loud to quiet, with signals [1, frames] at the first microphone."""

    tracks: tuple[Track, ...]


Finding = Iterator[Look | Followed]
Searching = Generator[Look, None, list[list[Source]]]


class Finder(Protocol):
    """Finds voices: yields every look and, last, what it followed."""

    def find(self, heard: Chunked, voices: int | None, moving: bool) -> Finding:
        """Looks all around; voices: how many there are, None where nobody knows."""
        ...

    def listen(self, heard: Chunked, angles: Sequence[float]) -> Finding:
        """Takes the voices at angles that are known."""
        ...


class ConeFinder:
    """The search with a separator, see `search`; a recording is brought to the level that its cutoffs belong to.

    Of what the separator says where voices stay, voices are selected and refined, see `select`.

    Args:
        pre_shift: how the separator's recordings were aligned.
        refined: whether that is done.
    """

    def __init__(self, extractor: Extractor, pre_shift: PreShift = "original", refined: bool = True):
        self.extractor, self.pre_shift, self.refined = extractor, pre_shift, refined

    def find(self, heard: Chunked, voices: int | None, moving: bool) -> Finding:
        """As `Finder`. Where fewer than so many voices are found the search goes on with a lower cutoff."""
        gain = _gain(heard.samples)
        for cutoff in CUTOFFS:
            settings = SearchSettings(energy_cutoff=cutoff, moving=moving, pre_shift=self.pre_shift)
            found = yield from self._search(heard, gain, settings, voices)
            tracks = link(found, moving)
            if len(tracks) >= (voices or 0):
                break
        yield Followed(tuple(tracks[: voices or MOST_VOICES]))

    def listen(self, heard: Chunked, angles: Sequence[float]) -> Finding:
        """As `Finder`: what comes from inside the narrowest window around each angle."""
        steering, found = Steering(heard.geometry, heard.sample_rate, self.pre_shift), []
        gain = _gain(heard.samples)
        for number, chunk in enumerate(heard):
            mixture = torch.from_numpy(chunk * gain)
            voices = self.extractor.hear(mixture, steering)(angles, self.extractor.levels - 1)
            images = steering.back(voices, angles).numpy() / gain
            images = refine(chunk, images, heard.sample_rate) if self.refined else images
            found.append([_source(angle, image) for angle, image in zip(angles, images, strict=True)])
            yield Look(number, (number + 1) / len(heard))
        yield Followed(tuple(_tracks_at(found)))

    def _search(self, heard: Chunked, gain: np.float32, settings: SearchSettings, voices: int | None) -> Searching:
        """Returns the sources of every chunk: the loudest, or those that are selected, at most so many."""
        found, refined = [], self.refined and not settings.moving
        response = SteeredResponse(heard.geometry, heard.sample_rate) if refined else None
        for number, chunk in enumerate(heard):
            sources: tuple[Source, ...] = ()
            moments = search(chunk * gain, heard.geometry, heard.sample_rate, self.extractor, settings)
            for moment in moments if _sounds(chunk) else ():
                if isinstance(moment, Found):
                    sources = moment.sources
                else:
                    done = (SEARCH_SHARE if response else 1) * (moment.level + 1) / moment.levels
                    yield Look(number, (number + done) / len(heard), stage=moment)
            rough = [(source.angle, source.signal / gain) for source in sources[:MOST_VOICES]]
            if response:
                rough = select(chunk, rough, response, heard.sample_rate, voices)
            found.append([_source(angle, image) for angle, image in rough[:voices]])
        return found


class MapFinder:
    """The peaks of a map of powers, and a beamformer for each.

    Args:
        method: "srp-phat", by turns, or "music", normalised.
    """

    def __init__(self, method: str):
        self.method = method

    def find(self, heard: Chunked, voices: int | None, moving: bool) -> Finding:
        """As `Finder`. Voices that stay where they are have one map for the whole recording."""
        power_of, maps = self._power(heard, voices), []
        for number, chunk in enumerate(heard):
            maps.append(np.sqrt(rms(chunk)) * power_of(stft(chunk)) if _sounds(chunk) else SILENT_MAP)
            yield Look(number, (number + 1) / (2 * len(heard)), power=maps[-1] if moving else np.mean(maps, axis=0))
        if not moving:
            maps = [np.mean(maps, axis=0)] * len(maps)
        floor = 0.0 if voices else PEAK_FLOORS[self.method]
        found = []
        for number, (chunk, power) in enumerate(zip(heard, maps, strict=True)):
            angles = find_peaks(power, voices or MOST_VOICES, floor=floor)
            found.append(_beamformed(chunk, heard, angles))
            yield Look(number, 0.5 + (number + 1) / (2 * len(heard)), power=power)
        tracks = link(found, moving=True) if moving else _tracks_at(found)
        yield Followed(tuple(tracks[: voices or MOST_VOICES]))

    def listen(self, heard: Chunked, angles: Sequence[float]) -> Finding:
        """As `Finder`."""
        found = []
        for number, chunk in enumerate(heard):
            found.append(_beamformed(chunk, heard, angles))
            yield Look(number, (number + 1) / len(heard))
        yield Followed(tuple(_tracks_at(found)))

    def _power(self, heard: Chunked, voices: int | None) -> Callable[[np.ndarray], np.ndarray]:
        """What makes a map of spectra [mics, bins, times]."""
        geometry, sample_rate = heard.geometry, heard.sample_rate
        if self.method == "srp-phat":
            return SteeredResponse(geometry, sample_rate).power_of_turns
        count = voices or geometry.count // 2
        return lambda spectra: music(spectra, geometry, sample_rate, count=count, normalised=True)


def _beamformed(chunk: np.ndarray, heard: Chunked, angles: Sequence[float]) -> list[Source]:
    """What comes from each of the angles; a single one has nothing to be told apart from."""
    if not len(angles):
        return []
    beamform = directional_mvdr if len(angles) > 1 else _delay_and_sum
    signals = beamform(chunk, heard.geometry, angles, heard.sample_rate)
    return [_source(angle, signal[None]) for angle, signal in zip(angles, signals, strict=True)]


def _delay_and_sum(chunk: np.ndarray, geometry: ArrayGeometry, angles: Sequence[float], sample_rate: int) -> np.ndarray:
    """[angles, frames]."""
    return np.stack([delay_and_sum(chunk, geometry, angle, sample_rate) for angle in angles])


def _source(angle: float, signal: np.ndarray) -> Source:
    """Of a signal [mics, frames], what the first microphone hears."""
    return Source(float(angle), float(mean_rms(signal)), signal[REFERENCE][None].astype(np.float32))


def _tracks_at(found: Sequence[Sequence[Source]]) -> list[Track]:
    """The tracks of voices that stay at their angles: the same ones, in the same order, in every chunk."""
    tracks = [Track(dict(enumerate(sources))) for sources in zip(*found, strict=True)]
    return sorted(tracks, key=lambda track: -track.energy)


def _gain(samples: np.ndarray) -> np.float32:
    """What brings a recording to the level of the original's scenes; 1 where it is silent."""
    return np.float32(SCENE_LEVEL / rms(samples)) if _sounds(samples) else np.float32(1)


def _sounds(samples: np.ndarray) -> bool:
    return bool((np.ptp(samples, axis=-1) >= SILENCE).any())
