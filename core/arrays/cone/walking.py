"""Refinement of voices that walk: chunk by chunk along their tracks, each chunk beginning with what the last one knew.

Inside a chunk a voice is taken to stay (`refinement.py`); from chunk to chunk its filter follows it: where chunks
overlap, the refined voice of the last one stands for the network's, which comes in towards the end of the overlap.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

import numpy as np

from core.arrays.doa.tracking import Detection, VoiceTrack, smoothed
from core.arrays.finding import Chunked, detection, holds_sound
from core.arrays.refinement import refine

Separate = Callable[[np.ndarray, Sequence[float]], np.ndarray]  # a chunk and angles -> images [angles, mics, frames]
Aim = Callable[[np.ndarray, float], float]  # an image [mics, frames] and its angle -> a better angle


def refine_tracks(
    recording: Chunked, tracks: Sequence[VoiceTrack], separate: Separate, aim: Aim
) -> Generator[int, None, list[VoiceTrack]]:
    """Refines the voices of tracks, all that are heard in a chunk together.

    A track goes through the chunks between its detections as well.

    Args:
        separate: rough images of what comes from some angles.
        aim: finds the direction of a refined image.

    Yields:
        The number of every chunk that is done.

    Returns:
        Tracks in the same order.
    """
    refined: list[dict[int, Detection]] = [{} for _ in tracks]
    carried: dict[int, np.ndarray] = {}
    for number, chunk in enumerate(recording):
        heard = [k for k, track in enumerate(tracks) if holds_sound(chunk) and _spans(track, number)]
        images = np.zeros((0, *chunk.shape), dtype=np.float32)
        if heard:
            angles = [_angle_at(tracks[k], number) for k in heard]
            overlap = recording.spans[number - 1][1] - recording.spans[number][0] if number else 0
            rough = separate(chunk, angles)
            rough = np.stack([_carried_on(carried.get(k), own, overlap) for k, own in zip(heard, rough, strict=True)])
            images = refine(chunk, rough, recording.sample_rate)
            for k, angle, image in zip(heard, angles, images, strict=True):
                found = detection(aim(image, angle), image)
                refined[k][number] = replace(found, confidence=tracks[k].confidence)
        carried = dict(zip(heard, images, strict=True))
        yield number
    return [smoothed(VoiceTrack(detections)) for detections in refined]


def _spans(track: VoiceTrack, number: int) -> bool:
    return min(track.detections) <= number <= max(track.detections)


def _angle_at(track: VoiceTrack, number: int) -> float:
    """Of a track in a chunk, between its detections where it has none there."""
    numbers = sorted(track.detections)
    angles = np.unwrap([track.detections[own].angle for own in numbers])
    return float(np.interp(number, numbers, angles))


def _carried_on(last: np.ndarray | None, rough: np.ndarray, overlap: int) -> np.ndarray:
    """A rough image that begins as the refined one of the last chunk ends, [mics, frames]."""
    if last is None or not overlap:
        return rough
    fade = np.linspace(1, 0, overlap, dtype=np.float32)
    begun = rough.copy()
    begun[:, :overlap] = fade * last[:, -overlap:] + (1 - fade) * rough[:, :overlap]
    return begun
