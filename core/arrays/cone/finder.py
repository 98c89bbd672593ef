"""A finder with a separation network: the cone search in every chunk, then selection and refinement of the voices."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from core.arrays.cone.search import FRAMES_AT_ONCE, MOVING_LEVELS, Extractor, SearchSettings, search
from core.arrays.cone.selection import Heard, select
from core.arrays.cone.walking import find_walking
from core.arrays.doa.proposals import DirectionMaps
from core.arrays.doa.tracking import Detection, link
from core.arrays.energy import rms
from core.arrays.finding import (
    Chunked,
    SearchStep,
    Stage,
    TrackSearch,
    chunk_step,
    detection,
    holds_sound,
    tracks_of_still_voices,
)
from core.arrays.steering import PreShift, Steering
from core.choices import MOST_VOICES
from core.generators import mapped, part

SCENE_LEVEL = 0.05  # root mean square of the Cone of Silence's scenes, which its cutoffs assume
CUTOFFS = (0.005, 1e-6)  # of the energy, those of its evaluation: the second where the first finds too few voices
SEARCH_SHARE = 0.3  # of the time of a chunk; the rest goes to selection and refinement


class ConeFinder:
    """The cone search, see `search`, on recordings scaled to the level that its cutoffs assume.

    The detections of voices that do not move are selected and refined, see `select`; those that walk are found by their
    paths, see `find_walking`.

    Args:
        pre_shift: how the separator's training data were aligned.
        refined: False leaves out selection, paths and refinement.
    """

    def __init__(self, extractor: Extractor, pre_shift: PreShift = "original", refined: bool = True):
        self.extractor, self.pre_shift, self.refined = extractor, pre_shift, refined

    def find(self, recording: Chunked, voices: int | None, moving: bool) -> TrackSearch:
        """As `Finder`. Where fewer than `voices` are found, the search is repeated with a lower cutoff."""
        gain = gain_of(recording.samples)
        if moving and self.refined:
            return (yield from self._follow(recording, voices, gain))
        for cutoff in CUTOFFS:
            settings = SearchSettings(energy_cutoff=cutoff, moving=moving, pre_shift=self.pre_shift)
            found = yield from self._search(recording, gain, settings, voices)
            tracks = link(found, moving)
            if len(tracks) >= (voices or 0):
                break
        return tuple(tracks[: voices or MOST_VOICES])

    def separate_at(self, recording: Chunked, angles: Sequence[float]) -> TrackSearch:
        """As `Finder`, with the narrowest window around each angle."""
        found, gain = [], gain_of(recording.samples)
        for number, chunk in enumerate(recording):
            heard = self.heard(recording, chunk, gain)
            images = heard.listen(angles)
            if self.refined:
                images = yield from mapped(heard.refining(angles, images), partial(chunk_step, recording, number))
            found.append([detection(angle, image) for angle, image in zip(angles, images, strict=True)])
            yield chunk_step(recording, number, 1.0)
        return tuple(tracks_of_still_voices(found))

    def _follow(self, recording: Chunked, voices: int | None, gain: np.float32) -> TrackSearch:
        """Voices that walk, see `find_walking`: nothing is searched, the network listens along their paths."""

        def listen(chunk: np.ndarray, angles: Sequence[float]) -> np.ndarray:
            return self.heard(recording, chunk, gain, MOVING_LEVELS).listen(angles)

        return (yield from find_walking(recording, voices, listen))

    def _search(
        self, recording: Chunked, gain: np.float32, settings: SearchSettings, voices: int | None
    ) -> Generator[SearchStep, None, list[list[Detection]]]:
        """Returns the detections of every chunk: the loudest, or those that are selected, at most `voices`."""
        found = []
        maps = DirectionMaps(recording.geometry, recording.sample_rate) if self.refined else None
        for number, chunk in enumerate(recording):
            detections = yield from self._search_chunk(recording, number, chunk, gain, settings)
            if maps:
                angles = [voice.angle for voice in detections[:MOST_VOICES]]
                selecting = select(self.heard(recording, chunk, gain), angles, maps, voices)
                selected = yield from mapped(part(selecting, SEARCH_SHARE, 1.0), partial(chunk_step, recording, number))
                found.append([detection(voice.angle, voice.image, voice.confidence) for voice in selected])
            else:
                loudest = detections[: voices or MOST_VOICES]
                found.append([detection(voice.angle, voice.signal / gain) for voice in loudest])
        return found

    def heard(self, recording: Chunked, chunk: np.ndarray, gain: np.float32, levels: int | None = None) -> Heard:
        """A chunk, and what comes from inside windows around angles: those of the last of so many widths, or of all."""
        steering = Steering(recording.geometry, recording.sample_rate, self.pre_shift)
        level = (levels or self.extractor.levels) - 1

        def listen(angles: Sequence[float]) -> np.ndarray:
            separate = self.extractor.encode(torch.from_numpy(chunk * gain), steering)
            at_once = max(1, FRAMES_AT_ONCE // chunk.shape[-1])
            images = np.zeros((len(angles), *chunk.shape), dtype=np.float32)
            for start in range(0, len(angles), at_once):
                own = angles[start : start + at_once]
                images[start : start + at_once] = steering.back(separate(own, level), own) / gain
            return images

        return Heard(chunk, recording.sample_rate, recording.geometry, listen)

    def _search_chunk(
        self, recording: Chunked, number: int, chunk: np.ndarray, gain: np.float32, settings: SearchSettings
    ) -> Generator[SearchStep, None, list[Detection]]:
        """Returns the detections of the search in one chunk."""
        share = SEARCH_SHARE if self.refined else 1.0

        def step(stage: Stage) -> SearchStep:
            return replace(chunk_step(recording, number, share * (stage.level + 1) / stage.levels), stage=stage)

        if not holds_sound(chunk):
            return []
        stages = search(chunk * gain, recording.geometry, recording.sample_rate, self.extractor, settings)
        return (yield from mapped(stages, step))


def gain_of(samples: np.ndarray) -> np.float32:
    """Gain that scales a recording to SCENE_LEVEL; 1 where it is silent."""
    return np.float32(SCENE_LEVEL / rms(samples)) if holds_sound(samples) else np.float32(1)
