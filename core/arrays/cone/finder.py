"""Finding voices with a separator: the cone search in every chunk, and the voices selected and refined."""

from collections.abc import Generator, Sequence

import numpy as np
import torch

from core.arrays.cone.refinement import refine
from core.arrays.cone.search import Extractor, SearchSettings, search
from core.arrays.cone.selection import select
from core.arrays.doa.spatial_spectra import SteeredResponse
from core.arrays.doa.tracking import Detection, link
from core.arrays.energy import rms
from core.arrays.finding import Chunked, Finding, Look, Stage, detection, holds_sound, tracks_of_still_voices
from core.arrays.steering import PreShift, Steering
from core.choices import MOST_VOICES
from core.generators import mapped

SCENE_LEVEL = 0.05  # root mean square of the original's scenes, which the cutoffs belong to
CUTOFFS = (0.005, 1e-6)  # of the energy, the original evaluator's: a second look where the first finds too few
SEARCH_SHARE = 0.6  # of the time that a chunk takes; the rest selects and refines


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
        return tuple(tracks[: voices or MOST_VOICES])

    def listen(self, heard: Chunked, angles: Sequence[float]) -> Finding:
        """As `Finder`: what comes from inside the narrowest window around each angle."""
        steering, found = Steering(heard.geometry, heard.sample_rate, self.pre_shift), []
        gain = _gain(heard.samples)
        for number, chunk in enumerate(heard):
            mixture = torch.from_numpy(chunk * gain)
            voices = self.extractor.hear(mixture, steering)(angles, self.extractor.levels - 1)
            images = steering.back(voices, angles).numpy() / gain
            images = refine(chunk, images, heard.sample_rate) if self.refined else images
            found.append([detection(angle, image) for angle, image in zip(angles, images, strict=True)])
            yield Look(number, (number + 1) / len(heard))
        return tuple(tracks_of_still_voices(found))

    def _search(
        self, heard: Chunked, gain: np.float32, settings: SearchSettings, voices: int | None
    ) -> Generator[Look, None, list[list[Detection]]]:
        """Returns what is detected in every chunk: the loudest, or those that are selected, at most so many."""
        found, refined = [], self.refined and not settings.moving
        response = SteeredResponse(heard.geometry, heard.sample_rate) if refined else None
        for number, chunk in enumerate(heard):
            detections = yield from self._search_chunk(heard, number, chunk, gain, settings)
            rough = [(voice.angle, voice.signal / gain) for voice in detections[:MOST_VOICES]]
            if response:
                rough = select(chunk, rough, response, heard.sample_rate, voices)
            found.append([detection(angle, image) for angle, image in rough[:voices]])
        return found

    def _search_chunk(
        self, heard: Chunked, number: int, chunk: np.ndarray, gain: np.float32, settings: SearchSettings
    ) -> Generator[Look, None, list[Detection]]:
        """Returns what the search keeps of a chunk."""
        share = SEARCH_SHARE if self.refined and not settings.moving else 1

        def looked(stage: Stage) -> Look:
            done = share * (stage.level + 1) / stage.levels
            return Look(number, (number + done) / len(heard), stage=stage)

        if not holds_sound(chunk):
            return []
        stages = search(chunk * gain, heard.geometry, heard.sample_rate, self.extractor, settings)
        return (yield from mapped(stages, looked))


def _gain(samples: np.ndarray) -> np.float32:
    """What brings a recording to the level of the original's scenes; 1 where it is silent."""
    return np.float32(SCENE_LEVEL / rms(samples)) if holds_sound(samples) else np.float32(1)
