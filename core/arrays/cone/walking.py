"""Voices that walk: their paths, and separation along them, each chunk beginning with what the last one knew.

Inside a chunk a voice is taken to stay (`refinement.py`); from chunk to chunk its filter follows it: where chunks
overlap, the refined voice of the last one stands for the network's, which comes in towards the end of the overlap.
"""

from collections.abc import Callable, Generator, Mapping, Sequence

import numpy as np

from core.arrays.angles import fold
from core.arrays.doa.counting import SURE
from core.arrays.doa.paths import STEP_FRAMES, Path, paths_of_voices, piecewise_maps
from core.arrays.doa.tracking import Detection, VoiceTrack
from core.arrays.finding import Chunked, SearchStep, TrackSearch, detection, holds_sound
from core.arrays.refinement import refine
from core.generators import mapped

MAP_SHARE = 0.1  # of the work

Listen = Callable[[np.ndarray, Sequence[float]], np.ndarray]  # a chunk and angles -> images [angles, mics, frames]
Whereabouts = Mapping[int, float]  # the angle of a voice by the number of the chunk, in radians


def find_walking(recording: Chunked, voices: int | None, listen: Listen) -> TrackSearch:
    """Finds voices that walk, and separates them; as `Finder.find`.

    Args:
        listen: rough images of what comes from some angles.
    """
    seen = piecewise_maps(recording.samples, recording.geometry, recording.sample_rate)
    maps = yield from mapped(seen, lambda look: _looked(recording, *look))
    paths = paths_of_voices(maps, voices, recording.geometry.axis)
    sure = [path for path in paths if voices is not None or path.confidence >= SURE]
    half = 1.0 if len(sure) == len(paths) else (1 + MAP_SHARE) / 2
    tracks = yield from _separated(recording, sure, listen, maps, (MAP_SHARE, half))
    if len(sure) < len(paths):  # voices are not kept apart from what is doubtful
        tracks += (yield from _separated(recording, paths, listen, maps, (half, 1.0)))[len(sure) :]
    return tuple(sorted((track for track in tracks if track.detections), key=lambda track: -track.energy))


def _looked(recording: Chunked, step: int, power: np.ndarray) -> SearchStep:
    """A step of the maps."""
    frame, frames = step * STEP_FRAMES, recording.samples.shape[-1]
    number = max(k for k, (first, _) in enumerate(recording.spans) if first <= frame)
    return SearchStep(number, MAP_SHARE * min((frame + STEP_FRAMES) / frames, 1), power=power)


def _separated(
    recording: Chunked, paths: Sequence[Path], listen: Listen, maps: np.ndarray, work: tuple[float, float]
) -> Generator[SearchStep, None, list[VoiceTrack]]:
    """As `separate_along`, with the map of every chunk; work: its share of all, from one to another."""
    start, end = work

    def step(number: int) -> SearchStep:
        power = maps[_steps(recording.spans[number])].sum(axis=(0, 1))
        return SearchStep(number, start + (end - start) * (number + 1) / len(recording), power=power)

    return (yield from mapped(separate_along(recording, paths, listen), step))


def separate_along(recording: Chunked, paths: Sequence[Path], listen: Listen) -> Generator[int, None, list[VoiceTrack]]:
    """Separates and refines voices along their paths, all that are heard in a chunk together.

    Args:
        listen: as `find_walking`.

    Yields:
        The number of every chunk that is done.

    Returns:
        Tracks in the same order.
    """
    found: list[dict[int, Detection]] = [{} for _ in paths]
    places = [whereabouts(path, recording) for path in paths]
    carried: dict[int, np.ndarray] = {}
    for number, chunk in enumerate(recording):
        heard = [k for k, place in enumerate(places) if number in place and holds_sound(chunk)]
        images = np.zeros((0, *chunk.shape), dtype=np.float32)
        if heard:
            angles = [places[k][number] for k in heard]
            overlap = recording.spans[number - 1][1] - recording.spans[number][0] if number else 0
            rough = zip(heard, listen(chunk, angles), strict=True)
            begun = np.stack([_carried_on(carried.get(k), own, overlap) for k, own in rough])
            images = refine(chunk, begun, recording.sample_rate)
            for k, angle, image in zip(heard, angles, images, strict=True):
                found[k][number] = detection(angle, image, paths[k].confidence)
        carried = dict(zip(heard, images, strict=True))
        yield number
    return [VoiceTrack(detections) for detections in found]


def whereabouts(path: Path, recording: Chunked) -> Whereabouts:
    """Where a voice is in the middle of the chunks in which it is heard."""
    heard, axis = path.heard(), recording.geometry.axis
    return {
        number: fold(path.angle_at((first + last) / 2), axis)
        for number, (first, last) in enumerate(recording.spans)
        if heard[_steps((first, last))].any()
    }


def _steps(span: tuple[int, int]) -> slice:
    """The steps of paths that a chunk touches."""
    first, last = span
    return slice(first // STEP_FRAMES, -(-last // STEP_FRAMES))


def _carried_on(last: np.ndarray | None, rough: np.ndarray, overlap: int) -> np.ndarray:
    """A rough image that begins as the refined one of the last chunk ends, [mics, frames]."""
    if last is None or not overlap:
        return rough
    fade = np.linspace(1, 0, overlap, dtype=np.float32)
    begun = rough.copy()
    begun[:, :overlap] = fade * last[:, -overlap:] + (1 - fade) * rough[:, :overlap]
    return begun
