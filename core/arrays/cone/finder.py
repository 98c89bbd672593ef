"""A finder with a separation network: the cone search in every chunk, then selection and refinement of the voices."""

from collections.abc import Generator, Sequence

import numpy as np
import torch

from core.arrays.cone.search import MOVING_LEVELS, Extractor, SearchSettings, search
from core.arrays.cone.selection import Heard, select
from core.arrays.cone.walking import refine_tracks
from core.arrays.doa.proposals import DirectionMaps
from core.arrays.doa.spatial_spectra import SteeredResponse
from core.arrays.doa.tracking import Detection, VoiceTrack, link
from core.arrays.energy import rms
from core.arrays.finding import Chunked, SearchStep, Stage, TrackSearch, detection, holds_sound, tracks_of_still_voices
from core.arrays.spectra import stft
from core.arrays.steering import PreShift, Steering
from core.choices import MOST_VOICES
from core.generators import mapped

SCENE_LEVEL = 0.05  # root mean square of the Cone of Silence's scenes, which its cutoffs assume
CUTOFFS = (0.005, 1e-6)  # of the energy, those of its evaluation: the second where the first finds too few voices
AIM = np.deg2rad(30)  # largest error of the direction of a voice that moves, before refinement
SEARCH_SHARE = 0.6  # of the time of a chunk; the rest goes to selection and refinement


class ConeFinder:
    """The cone search, see `search`, on recordings scaled to the level that its cutoffs assume.

    The detections of voices that do not move are selected and refined, see `select`.

    Args:
        pre_shift: how the separator's training data were aligned.
        refined: False leaves out selection and refinement.
    """

    def __init__(self, extractor: Extractor, pre_shift: PreShift = "original", refined: bool = True):
        self.extractor, self.pre_shift, self.refined = extractor, pre_shift, refined

    def find(self, recording: Chunked, voices: int | None, moving: bool) -> TrackSearch:
        """As `Finder`. Where fewer than `voices` are found, the search is repeated with a lower cutoff."""
        gain = _gain(recording.samples)
        for cutoff in CUTOFFS:
            settings = SearchSettings(energy_cutoff=cutoff, moving=moving, pre_shift=self.pre_shift)
            found = yield from self._search(recording, gain, settings, voices)
            tracks = link(found, moving)
            if len(tracks) >= (voices or 0):
                break
        tracks = tracks[: voices or MOST_VOICES]
        if moving and self.refined:
            tracks = yield from self._follow(recording, tracks, gain)
        return tuple(tracks)

    def separate_at(self, recording: Chunked, angles: Sequence[float]) -> TrackSearch:
        """As `Finder`, with the narrowest window around each angle."""
        found, gain = [], _gain(recording.samples)
        for number, chunk in enumerate(recording):
            heard = self._heard(recording, chunk, gain)
            images = heard.listen(angles)
            images = heard.refined(angles, images) if self.refined else images
            found.append([detection(angle, image) for angle, image in zip(angles, images, strict=True)])
            yield SearchStep(number, (number + 1) / len(recording))
        return tuple(tracks_of_still_voices(found))

    def _follow(
        self, recording: Chunked, tracks: Sequence[VoiceTrack], gain: np.float32
    ) -> Generator[SearchStep, None, list[VoiceTrack]]:
        """Returns refined tracks of voices that move."""
        response = SteeredResponse(recording.geometry, recording.sample_rate)

        def separate(chunk: np.ndarray, angles: Sequence[float]) -> np.ndarray:
            return self._heard(recording, chunk, gain, MOVING_LEVELS).listen(angles)

        def aim(image: np.ndarray, angle: float) -> float:
            return response.direction_near(stft(image), angle, AIM) if holds_sound(image) else angle

        def step(number: int) -> SearchStep:
            return SearchStep(number, SEARCH_SHARE + (1 - SEARCH_SHARE) * (number + 1) / len(recording))

        return (yield from mapped(refine_tracks(recording, tracks, separate, aim), step))

    def _search(
        self, recording: Chunked, gain: np.float32, settings: SearchSettings, voices: int | None
    ) -> Generator[SearchStep, None, list[list[Detection]]]:
        """Returns the detections of every chunk: the loudest, or those that are selected, at most `voices`."""
        found = []
        selects = self.refined and not settings.moving
        maps = DirectionMaps(recording.geometry, recording.sample_rate) if selects else None
        for number, chunk in enumerate(recording):
            detections = yield from self._search_chunk(recording, number, chunk, gain, settings)
            if maps:
                angles = [voice.angle for voice in detections[:MOST_VOICES]]
                selected = select(self._heard(recording, chunk, gain), angles, maps, voices)
                found.append([detection(voice.angle, voice.image, voice.confidence) for voice in selected])
            else:
                loudest = detections[: voices or MOST_VOICES]
                found.append([detection(voice.angle, voice.signal / gain) for voice in loudest])
        return found

    def _heard(self, recording: Chunked, chunk: np.ndarray, gain: np.float32, levels: int | None = None) -> Heard:
        """A chunk, and what comes from inside windows around angles: those of the last of so many widths, or of all."""
        steering = Steering(recording.geometry, recording.sample_rate, self.pre_shift)
        level = (levels or self.extractor.levels) - 1

        def listen(angles: Sequence[float]) -> np.ndarray:
            separate = self.extractor.encode(torch.from_numpy(chunk * gain), steering)
            return steering.back(separate(angles, level), angles).numpy() / gain

        return Heard(chunk, recording.sample_rate, recording.geometry, listen)

    def _search_chunk(
        self, recording: Chunked, number: int, chunk: np.ndarray, gain: np.float32, settings: SearchSettings
    ) -> Generator[SearchStep, None, list[Detection]]:
        """Returns the detections of the search in one chunk."""
        whole, each = 1.0, 1.0  # of the work of the recording, and of that of a chunk
        if self.refined:
            whole, each = (SEARCH_SHARE, 1.0) if settings.moving else (1.0, SEARCH_SHARE)

        def step(stage: Stage) -> SearchStep:
            done = each * (stage.level + 1) / stage.levels
            return SearchStep(number, whole * (number + done) / len(recording), stage=stage)

        if not holds_sound(chunk):
            return []
        stages = search(chunk * gain, recording.geometry, recording.sample_rate, self.extractor, settings)
        return (yield from mapped(stages, step))


def _gain(samples: np.ndarray) -> np.float32:
    """Gain that scales a recording to SCENE_LEVEL; 1 where it is silent."""
    return np.float32(SCENE_LEVEL / rms(samples)) if holds_sound(samples) else np.float32(1)
