"""A finder without a network: peaks of a map of powers, and a beamformer for each, or refinement of all together."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from core.arrays.beamforming import delay_and_sum, directional_images, directional_mvdr
from core.arrays.doa.counting import DOUBTFUL, SURE, Calibration
from core.arrays.doa.spatial_spectra import (
    APART,
    SEPARATION,
    STEP_DEGREES,
    WIDE_BAND_HZ,
    SteeredResponse,
    find_peaks,
    grid,
    height_at,
    music,
)
from core.arrays.doa.tracking import Detection, link, smoothed
from core.arrays.energy import rms
from core.arrays.finding import (
    Chunked,
    SearchStep,
    TrackSearch,
    chunk_step,
    detection,
    holds_sound,
    tracks_of_still_voices,
)
from core.arrays.refinement import ITERATIONS, refining
from core.arrays.spectra import stft
from core.choices import MOST_VOICES
from core.generators import mapped, part

HEIGHT_DB, LOWEST = 5.0, 1e-5  # strength of a peak per factor of ten in its height; a floor of it
CONFIDENCES = {
    "srp-phat": Calibration(-13.8, 35.0, 2.4),
    "music": Calibration(-2.0, 0.0, 0.3),  # set by hand, where its peaks were cut before
}
SEPARATIONS = {"srp-phat": APART, "music": SEPARATION}
ROUNDS = 8  # of refinement with what is doubtful
MAP_SHARE = {True: 0.1, False: 0.5}  # of the work that goes into the map: with refinement, and without
VOICES_SHARE = 0.6  # of the work of refinement that goes into what counts as a voice
SILENT_MAP = np.zeros(len(grid(STEP_DEGREES)))

Peak = tuple[float, float]  # an angle in radians, and how likely it is a voice's
Detecting = Generator[float, None, list[Detection]]  # yields the share of the work that is done


class MapFinder:
    """The peaks of a map of powers, and what comes from each.

    Several voices that stay are separated by refinement (see `refine`) of the recording shared out by direction, or by
    an MVDR beamformer for each; a single one, and those that move, by beamformers.

    Args:
        method: "srp-phat" (see `SteeredResponse.power_of_turns`) or "music" (normalised).
        refined: False leaves out refinement, which takes ten times as long as all the rest.
    """

    def __init__(self, method: str, refined: bool = True):
        self.method, self.refined = method, refined

    def find(self, recording: Chunked, voices: int | None, moving: bool) -> TrackSearch:
        """As `Finder`. For voices that do not move, the maps of all chunks are averaged."""
        power_of, diffuse = self._power(recording, voices)
        refined = self.refined and not moving
        maps, share = [], MAP_SHARE[refined]
        for number, chunk in enumerate(recording):
            maps.append(np.sqrt(rms(chunk)) * power_of(stft(chunk)) if holds_sound(chunk) else SILENT_MAP)
            done = share * (number + 1) / len(recording)
            yield SearchStep(number, done, power=maps[-1] if moving else np.mean(maps, axis=0))
        if not moving:
            maps = [np.mean(maps, axis=0)] * len(maps)
        found = []
        for number, (chunk, power) in enumerate(zip(recording, maps, strict=True)):
            peaks = self._peaks(power, voices, recording.geometry.axis, diffuse)
            step = partial(_step, share, len(maps), number)
            separating = _separate(chunk, recording, peaks, voices is not None, refined)
            found.append((yield from mapped(separating, step)))
            yield replace(step(1.0), power=power)
        tracks = [*map(smoothed, link(found, moving=True))] if moving else tracks_of_still_voices(found)
        return tuple(tracks[: voices or MOST_VOICES])

    def separate_at(self, recording: Chunked, angles: Sequence[float]) -> TrackSearch:
        """As `Finder`."""
        found, rounds = [], ITERATIONS if self.refined else 0
        for number, chunk in enumerate(recording):
            detecting = _detect(chunk, recording, [(angle, 1.0) for angle in angles], rounds)
            found.append((yield from mapped(detecting, partial(chunk_step, recording, number))))
            yield chunk_step(recording, number, 1.0)
        return tuple(tracks_of_still_voices(found))

    def _power(self, recording: Chunked, voices: int | None) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
        """The function from spectra [mics, bins, times] to a map, and the array's `SteeredResponse.diffuse`."""
        geometry, sample_rate = recording.geometry, recording.sample_rate
        if self.method == "srp-phat":
            response = SteeredResponse(geometry, sample_rate, band_hz=WIDE_BAND_HZ)
            return response.power_of_turns, response.diffuse
        count = voices or geometry.count // 2
        return lambda spectra: music(spectra, geometry, sample_rate, count=count, normalised=True), 0.0

    def _peaks(self, power: np.ndarray, voices: int | None, axis: float | None, diffuse: float) -> list[Peak]:
        """The highest ones of a map, as many as there are voices, or all that may be one."""
        angles = find_peaks(power, voices or MOST_VOICES, SEPARATIONS[self.method], axis=axis)
        lowest, extent = power.min(), np.ptp(power)
        heights = [(height_at(power, angle) - lowest) / extent for angle in angles]
        strengths = HEIGHT_DB * np.log10(np.array(heights) + LOWEST)
        confidences = [CONFIDENCES[self.method](strength, diffuse) for strength in strengths]
        likely = zip(angles, confidences, strict=True)
        return [(float(angle), sure) for angle, sure in likely if voices or sure >= DOUBTFUL]


def _step(before: float, chunks: int, number: int, share: float) -> SearchStep:
    """The step after a share of the separation of a chunk; before: the share of all work that is done before it."""
    return SearchStep(number, before + (1 - before) * (number + share) / chunks)


def _separate(chunk: np.ndarray, recording: Chunked, peaks: Sequence[Peak], told: bool, refined: bool) -> Detecting:
    """A detection for each of the peaks; voices are not kept apart from what is doubtful."""
    sure = [peak for peak in peaks if told or peak[1] >= SURE]
    iterations, rounds = (ITERATIONS, ROUNDS) if refined else (0, 0)
    if len(sure) == len(peaks):
        return (yield from _detect(chunk, recording, sure, iterations))
    first = VOICES_SHARE if len(sure) > 1 else 0.0  # nothing is to be done for a single one
    voices = yield from part(_detect(chunk, recording, sure, iterations), 0.0, first)
    everything = yield from part(_detect(chunk, recording, peaks, rounds), first, 1.0)
    return voices + everything[len(sure) :]


def _detect(chunk: np.ndarray, recording: Chunked, peaks: Sequence[Peak], rounds: int) -> Detecting:
    """A detection for each of the peaks, after so many rounds of refinement."""
    if not peaks:
        return []
    images = yield from _images(chunk, recording, [angle for angle, _ in peaks], rounds)
    return [detection(angle, image, confidence) for (angle, confidence), image in zip(peaks, images, strict=True)]


def _images(
    chunk: np.ndarray, recording: Chunked, angles: Sequence[float], rounds: int
) -> Generator[float, None, np.ndarray]:
    """What comes from each angle, refined [angles, mics, frames]; or at the first microphone alone [angles, 1, frames],
    by delay and sum of a single angle, and by MVDR with direction masks without a round.
    """
    geometry, sample_rate = recording.geometry, recording.sample_rate
    if len(angles) == 1:
        return delay_and_sum(chunk, geometry, angles[0], sample_rate)[None, None]
    if not rounds:
        return directional_mvdr(chunk, geometry, angles, sample_rate)[:, None]
    shared = directional_images(chunk, geometry, angles, sample_rate)
    return (yield from refining(chunk, shared, sample_rate, rounds))
