"""Directions while one listens: maps of a live source, and the voices followed on them.

Every update adds the steered responses of its turns (`SteeredResponse.turns`) to a map that forgets what is older than
a few syllables; the map's peaks are followed by a `Tracker`.
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
MEMORY_SECONDS = 0.3  # how long a turn stays on the map
LOUDEST_MEMORY_SECONDS = 4.0  # how long the map is drawn as faint as its loudest moment asks
QUIET_DB = -75.0  # of full scale; what is below is no sound
CLEARER = 0.13  # than noise from all around, that a direction must be to count
FAINTEST = 0.02  # of the loudest moment, that still is a peak
MOST_SOURCES = 4
SILENCE = 1e-12


@dataclass(frozen=True)
class LiveSource:
    """A source as it is now.

    Args:
        number: that it keeps as long as it is followed, counted from 1.
        angle: in radians, 0 to 2 pi.
        level_db: of what comes from there, in dB of full scale.
        trail: its last angles, oldest first, in radians.
    """

    number: int
    angle: float
    level_db: float
    trail: tuple[float, ...]


@dataclass(frozen=True)
class LiveView:
    """What is heard around the array now.

    Args:
        seconds: heard so far.
        energy: how much comes from each of equally spaced angles from 0 on, 0 to 1 of the loudest moment lately; the
            square root, for the eye.
        level_db: at the microphones, in dB of full scale.
        sources: those that are followed, the longest known first.
        status: of the capture.
    """

    seconds: float
    energy: np.ndarray
    level_db: float
    sources: tuple[LiveSource, ...]
    status: SourceStatus


class LiveLocalizer:
    """Follows the sources around an array while it is listened to.

    Args:
        source: whose sound is looked at as it comes.
    """

    def __init__(self, source: AudioSource):
        rate = source.sample_rate
        self.source = source
        self._response = SteeredResponse(source.geometry, rate, step_degrees=STEP_DEGREES)
        self._beams = _Beams(source.geometry, rate)
        self._tracker = Tracker()
        self._step = max(round(UPDATE_SECONDS * rate / HOP_LENGTH), 1) * HOP_LENGTH
        self._heard, self._sources, self._level_db = 0, (), -math.inf
        self._energy, self._loudest = np.zeros(len(self._response.angles)), SILENCE

    def views(self) -> Iterator[LiveView]:
        """A view for every update, and the last one again where the source has nothing; ends with the source."""
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
        """Takes in the newest step of [mics, frames]."""
        self._heard += self._step
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
        peaks = find_peaks(self._energy, MOST_SOURCES)
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
        return self._heard / self.source.sample_rate


class _Beams:
    """Delay and sum towards any direction, for levels alone."""

    def __init__(self, geometry: ArrayGeometry, sample_rate: int):
        self._geometry, self._frequencies = geometry, bin_frequencies(sample_rate)

    def gain_db(self, spectra: np.ndarray, angle: float) -> float:
        """How loud a direction is against the microphones' mean, at most 0 dB; spectra are [mics, bins, times]."""
        vectors = steering_vectors(self._geometry, np.array([angle]), self._frequencies)[0].astype(np.complex64)
        beam = np.einsum("mbt,bm->bt", spectra, vectors.conj()) / self._geometry.count
        return _decibel(np.mean(np.abs(beam) ** 2) / max(np.mean(np.abs(spectra) ** 2), SILENCE))


def _decibel(power: float) -> float:
    return 10 * math.log10(max(float(power), SILENCE))
