"""Finding voices without a network: the peaks of a map of powers, and a beamformer for each."""

from collections.abc import Callable, Sequence

import numpy as np

from core.arrays.beamforming import delay_and_sum, directional_mvdr
from core.arrays.doa.spatial_spectra import STEP_DEGREES, SteeredResponse, find_peaks, grid, music
from core.arrays.doa.tracking import Detection, link
from core.arrays.energy import rms
from core.arrays.finding import Chunked, Finding, Look, detection, holds_sound, tracks_of_still_voices
from core.arrays.geometry import ArrayGeometry
from core.arrays.spectra import stft
from core.choices import MOST_VOICES

PEAK_FLOORS = {"srp-phat": 0.05, "music": 0.4}  # of peaks that are voices, where nobody knows how many there are
SILENT_MAP = np.zeros(len(grid(STEP_DEGREES)))


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
            maps.append(np.sqrt(rms(chunk)) * power_of(stft(chunk)) if holds_sound(chunk) else SILENT_MAP)
            yield Look(number, (number + 1) / (2 * len(heard)), power=maps[-1] if moving else np.mean(maps, axis=0))
        if not moving:
            maps = [np.mean(maps, axis=0)] * len(maps)
        floor = 0.0 if voices else PEAK_FLOORS[self.method]
        found = []
        for number, (chunk, power) in enumerate(zip(heard, maps, strict=True)):
            angles = find_peaks(power, voices or MOST_VOICES, floor=floor)
            found.append(_beamformed(chunk, heard, angles))
            yield Look(number, 0.5 + (number + 1) / (2 * len(heard)), power=power)
        tracks = link(found, moving=True) if moving else tracks_of_still_voices(found)
        return tuple(tracks[: voices or MOST_VOICES])

    def listen(self, heard: Chunked, angles: Sequence[float]) -> Finding:
        """As `Finder`."""
        found = []
        for number, chunk in enumerate(heard):
            found.append(_beamformed(chunk, heard, angles))
            yield Look(number, (number + 1) / len(heard))
        return tuple(tracks_of_still_voices(found))

    def _power(self, heard: Chunked, voices: int | None) -> Callable[[np.ndarray], np.ndarray]:
        """What makes a map of spectra [mics, bins, times]."""
        geometry, sample_rate = heard.geometry, heard.sample_rate
        if self.method == "srp-phat":
            return SteeredResponse(geometry, sample_rate).power_of_turns
        count = voices or geometry.count // 2
        return lambda spectra: music(spectra, geometry, sample_rate, count=count, normalised=True)


def _beamformed(chunk: np.ndarray, heard: Chunked, angles: Sequence[float]) -> list[Detection]:
    """What comes from each of the angles; a single one has nothing to be told apart from."""
    if not len(angles):
        return []
    beamform = directional_mvdr if len(angles) > 1 else _delay_and_sum
    signals = beamform(chunk, heard.geometry, angles, heard.sample_rate)
    return [detection(angle, signal[None]) for angle, signal in zip(angles, signals, strict=True)]


def _delay_and_sum(chunk: np.ndarray, geometry: ArrayGeometry, angles: Sequence[float], sample_rate: int) -> np.ndarray:
    """[angles, frames]."""
    return np.stack([delay_and_sum(chunk, geometry, angle, sample_rate) for angle in angles])
