"""Live localization: maps of a live source's directions, and tracks of their peaks.

Every update adds the steered responses of its blocks (`SteeredResponse.turns`) to a map that decays within a few
syllables; a `Tracker` follows the map's peaks.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.arrays.doa.spatial_spectra import SteeredResponse, find_peaks
from core.arrays.geometry import ArrayGeometry
from core.arrays.live.sources import AudioSource, SourceStatus
from core.arrays.live.tracker import LiveTrack, Tracker
from core.arrays.spectra import HOP_LENGTH, N_FFT, bin_frequencies, steering_vectors, stft_inside

UPDATE_SECONDS = 0.08
STEP_DEGREES = 2.0
MEMORY_SECONDS = 0.3  # time constant of the map
LOUDEST_MEMORY_SECONDS = 4.0  # time constant of the maximum that the map is scaled by
QUIET_DB = -75.0  # of full scale; quieter updates count as silence
CLEARER = 0.13  # least power of a direction, over that of diffuse noise
FAINTEST = 0.02  # least height of a peak, relative to the recent maximum
MOST_SOURCES = 4
SILENCE = 1e-12


@dataclass(frozen=True)
class LiveSource:
    """A tracked source at one time.

    Args:
        number: constant as long as it is tracked, from 1.
        angle: in radians, 0 to 2 pi.
        level_db: of the sound from there, in dB of full scale.
        trail: its last angles, oldest first, in radians.
    """

    number: int
    angle: float
    level_db: float
    trail: tuple[float, ...]


@dataclass(frozen=True)
class LiveView:
    """The directions of sound around the array at one time.

    Args:
        seconds: of sound so far.
        energy: square root of the map at equally spaced angles from 0 on, relative to its recent maximum, 0 to 1.
        level_db: at the microphones, in dB of full scale.
        sources: that are tracked, by number.
        status: of the capture.
    """

    seconds: float
    energy: np.ndarray
    level_db: float
    sources: tuple[LiveSource, ...]
    status: SourceStatus


class LiveLocalizer:
    """Tracks the sources around a live array.

    Args:
        source: its sound.
    """

    def __init__(self, source: AudioSource):
        rate = source.sample_rate
        self.source = source
        self._response = SteeredResponse(source.geometry, rate, step_degrees=STEP_DEGREES)
        self._beams = _Beams(source.geometry, rate)
        self._tracker = Tracker()
        self._step = max(round(UPDATE_SECONDS * rate / HOP_LENGTH), 1) * HOP_LENGTH
        self._frames, self._sources, self._level_db = 0, (), -math.inf
        self._energy, self._loudest = np.zeros(len(self._response.angles)), SILENCE

    def views(self) -> Iterator[LiveView]:
        """A view for every update, and the last one again where the source has no sound; ends with the source."""
        window = np.zeros((self.source.geometry.count, N_FFT - HOP_LENGTH), dtype=np.float32)
        length = window.shape[1] + self._step
        for block in self.source.blocks():
            window = np.concatenate([window, block], axis=1)
            while window.shape[1] >= length:
                self._update(window[:, :length])
                window = window[:, self._step :]
                yield self._view()
            if not block.shape[1]:
                yield self._view()

    def _update(self, window: np.ndarray) -> None:
        """Adds the newest step of a window [mics, frames]."""
        self._frames += self._step
        self._level_db = _decibel(np.mean(np.square(window[:, -self._step :])))
        spectra = stft_inside(window)
        self._energy *= math.exp(-self._elapsed / MEMORY_SECONDS)
        if self._level_db > QUIET_DB:
            self._energy += sum(self._response.turns(spectra, self._response.diffuse + CLEARER))
        self._loudest *= math.exp(-self._elapsed / LOUDEST_MEMORY_SECONDS)
        self._loudest = max(self._loudest, self._energy.max(), SILENCE)
        tracks = self._tracker.update(self._peaks(), self._seconds)
        self._sources = tuple(self._described(track, spectra) for track in tracks)

    def _peaks(self) -> np.ndarray:
        step = 2 * np.pi / len(self._energy)
        peaks = find_peaks(self._energy, MOST_SOURCES, axis=self._response.axis)
        heights = self._energy[np.rint(peaks / step).astype(int) % len(self._energy)]
        return peaks[heights > FAINTEST * self._loudest]

    def _described(self, track: LiveTrack, spectra: np.ndarray) -> LiveSource:
        level_db = self._level_db + self._beams.gain_db(spectra, track.angle)
        return LiveSource(track.number, track.angle, level_db, tuple(track.trail))

    def _view(self) -> LiveView:
        energy = np.sqrt(self._energy / self._loudest)
        return LiveView(self._seconds, energy, self._level_db, self._sources, self.source.status)

    @property
    def _elapsed(self) -> float:
        """Seconds between two updates."""
        return self._step / self.source.sample_rate

    @property
    def _seconds(self) -> float:
        return self._frames / self.source.sample_rate


class _Beams:
    """Levels of delay-and-sum beams."""

    def __init__(self, geometry: ArrayGeometry, sample_rate: int):
        self._geometry, self._frequencies = geometry, bin_frequencies(sample_rate)

    def gain_db(self, spectra: np.ndarray, angle: float) -> float:
        """Level of a direction relative to the microphones' mean, at most 0 dB; spectra are [mics, bins, times]."""
        vectors = steering_vectors(self._geometry, np.array([angle]), self._frequencies)[0].astype(np.complex64)
        beam = np.einsum("mbt,bm->bt", spectra, vectors.conj()) / self._geometry.count
        return _decibel(np.mean(np.abs(beam) ** 2) / max(np.mean(np.abs(spectra) ** 2), SILENCE))


def _decibel(power: float) -> float:
    return 10 * math.log10(max(float(power), SILENCE))
