"""A finder without a network: peaks of a map of powers, and a beamformer for each."""

from collections.abc import Callable, Sequence

import numpy as np

from core.arrays.beamforming import delay_and_sum, directional_mvdr
from core.arrays.doa.spatial_spectra import STEP_DEGREES, SteeredResponse, find_peaks, grid, music
from core.arrays.doa.tracking import Detection, link, smoothed
from core.arrays.energy import rms
from core.arrays.finding import Chunked, SearchStep, TrackSearch, detection, holds_sound, tracks_of_still_voices
from core.arrays.geometry import ArrayGeometry
from core.arrays.spectra import stft
from core.choices import MOST_VOICES

PEAK_FLOORS = {"srp-phat": 0.05, "music": 0.4}  # least heights of voices' peaks, if their number is unknown
SILENT_MAP = np.zeros(len(grid(STEP_DEGREES)))


class MapFinder:
    """The peaks of a map of powers, and a beamformer for each.

    Args:
        method: "srp-phat" (see `SteeredResponse.power_of_turns`) or "music" (normalised).
    """

    def __init__(self, method: str):
        self.method = method

    def find(self, recording: Chunked, voices: int | None, moving: bool) -> TrackSearch:
        """As `Finder`. For voices that do not move, the maps of all chunks are averaged."""
        power_of, maps = self._power(recording, voices), []
        for number, chunk in enumerate(recording):
            maps.append(np.sqrt(rms(chunk)) * power_of(stft(chunk)) if holds_sound(chunk) else SILENT_MAP)
            yield SearchStep(
                number, (number + 1) / (2 * len(recording)), power=maps[-1] if moving else np.mean(maps, axis=0)
            )
        if not moving:
            maps = [np.mean(maps, axis=0)] * len(maps)
        floor = 0.0 if voices else PEAK_FLOORS[self.method]
        found = []
        for number, (chunk, power) in enumerate(zip(recording, maps, strict=True)):
            angles = find_peaks(power, voices or MOST_VOICES, floor=floor, axis=recording.geometry.axis)
            found.append(_beamformed(chunk, recording, angles))
            yield SearchStep(number, 0.5 + (number + 1) / (2 * len(recording)), power=power)
        tracks = [*map(smoothed, link(found, moving=True))] if moving else tracks_of_still_voices(found)
        return tuple(tracks[: voices or MOST_VOICES])

    def separate_at(self, recording: Chunked, angles: Sequence[float]) -> TrackSearch:
        """As `Finder`."""
        found = []
        for number, chunk in enumerate(recording):
            found.append(_beamformed(chunk, recording, angles))
            yield SearchStep(number, (number + 1) / len(recording))
        return tuple(tracks_of_still_voices(found))

    def _power(self, recording: Chunked, voices: int | None) -> Callable[[np.ndarray], np.ndarray]:
        """The function from spectra [mics, bins, times] to a map."""
        geometry, sample_rate = recording.geometry, recording.sample_rate
        if self.method == "srp-phat":
            return SteeredResponse(geometry, sample_rate).power_of_turns
        count = voices or geometry.count // 2
        return lambda spectra: music(spectra, geometry, sample_rate, count=count, normalised=True)


def _beamformed(chunk: np.ndarray, recording: Chunked, angles: Sequence[float]) -> list[Detection]:
    """A detection at each of the angles: by MVDR with direction masks, or delay and sum for a single one."""
    if not len(angles):
        return []
    beamform = directional_mvdr if len(angles) > 1 else _delay_and_sum
    signals = beamform(chunk, recording.geometry, angles, recording.sample_rate)
    return [detection(angle, signal[None]) for angle, signal in zip(angles, signals, strict=True)]


def _delay_and_sum(chunk: np.ndarray, geometry: ArrayGeometry, angles: Sequence[float], sample_rate: int) -> np.ndarray:
    """[angles, frames]."""
    return np.stack([delay_and_sum(chunk, geometry, angle, sample_rate) for angle in angles])
