"""Voices that walk: refined along their tracks, with what the last chunk knew; a pause does not end them."""

import numpy as np
import pytest

from core.arrays.cone import walking
from core.arrays.cone.walking import refine_tracks
from core.arrays.doa.tracking import Detection, VoiceTrack
from core.arrays.finding import Chunked
from core.generators import finished
from core.signal.metrics import si_sdr_db
from tests.arrays.example_scenes import voices
from tests.arrays.sounds import RATE, RESPEAKER

SPANS = ((0, 24000), (12000, 36000), (24000, 48000))
WALKS, STANDS = range(20, 110, 6), 200
LEAK = 0.4  # of the other voice, in what a network would give


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """One voice that walks, and one that stands."""
    return voices(WALKS, STANDS)


def track(*degrees: float | None) -> VoiceTrack:
    """A track of detections in one chunk after the other; None where there is none."""
    found = {k: Detection(np.deg2rad(own), 1.0, np.zeros((1, 4))) for k, own in enumerate(degrees) if own is not None}
    return VoiceTrack(found)


def leaking(images: np.ndarray, recording: Chunked, asked: list | None = None):
    """What a network would give: the voice nearest to each angle, and some of the other one."""
    chunks = {recording.samples[:, first].tobytes(): (first, last) for first, last in recording.spans}

    def separate(chunk: np.ndarray, angles) -> np.ndarray:
        first, last = chunks[chunk[:, 0].tobytes()]
        own = images[:, :, first:last]
        if asked is not None:
            asked.append(np.rad2deg(angles).round(1).tolist())
        return np.stack([own[k] + LEAK * own[1 - k] for k in (int(np.rad2deg(angle) > 150) for angle in angles)])

    return separate


def followed(images: np.ndarray, tracks: list[VoiceTrack], asked: list | None = None) -> list[VoiceTrack]:
    recording = Chunked(images.sum(axis=0), RATE, RESPEAKER, SPANS)
    return finished(
        refine_tracks(recording, tracks, leaking(images, recording, asked), lambda image, angle: angle + 0.1)
    )


def test_every_chunk_of_a_track_is_refined(images):
    """Both voices are nearer to the truth in all chunks than what they begin with."""
    refined, gains = followed(images, [track(35, 65, 95), track(STANDS, STANDS, STANDS)]), []
    for own, image, other in zip(refined, images, images[::-1], strict=True):
        assert list(own.detections) == [0, 1, 2]
        for number, (first, last) in enumerate(SPANS):
            truth = image[0, first:last]
            begun = si_sdr_db(truth, truth + LEAK * other[0, first:last])
            gains.append(si_sdr_db(truth, own.detections[number].signal[0]) - begun)
    assert min(gains) > 0.5 and np.mean(gains) > 1
    assert np.rad2deg(refined[0].detections[1].angle) == pytest.approx(65 + np.rad2deg(0.1)), "where it aims"


@pytest.fixture
def as_it_was(monkeypatch) -> list[np.ndarray]:
    """Refinement that doubles what it is given; what it was given."""
    begun = []
    monkeypatch.setattr(walking, "refine", lambda chunk, rough, rate: begun.append(rough) or 2 * rough)
    return begun


def test_a_track_goes_through_the_chunks_between_its_detections(images, as_it_was):
    """The walk is taken to go on, around the circle the short way, and nobody is made up before or after it."""
    asked = []
    refined = followed(images, [track(STANDS, None, STANDS), track(None, 20, 350)], asked)
    assert [list(own.detections) for own in refined] == [[0, 1, 2], [1, 2]]
    assert asked == [[STANDS], [STANDS, 20], [STANDS, -10]]


def test_a_chunk_begins_with_what_the_last_one_knew(images, as_it_was):
    followed(images, [track(35, 65, 95), track(STANDS, STANDS, STANDS)])
    first, second = as_it_was[:2]
    overlap = SPANS[0][1] - SPANS[1][0]
    assert second[:, :, 0] == pytest.approx(2 * first[:, :, -overlap])
    own = images[:, :, slice(*SPANS[1])]
    assert second[:, :, overlap:] == pytest.approx((own + LEAK * own[::-1])[:, :, overlap:]), "what a network gives"


def test_silence_between_words_ends_nothing(images, as_it_was):
    pause = images.copy()
    pause[:, :, 12000:36000] = 0
    refined = followed(pause, [track(35, None, 95), track(STANDS, None, STANDS)])
    assert [list(own.detections) for own in refined] == [[0, 2], [0, 2]]


def test_it_stays_as_likely_a_voice_as_it_was(images, as_it_was):
    doubtful = VoiceTrack({k: Detection(0.5, 1.0, np.zeros((1, 4)), 0.25) for k in range(3)})
    assert followed(images, [doubtful])[0].confidence == 0.25


def test_progress_is_told_chunk_by_chunk(images):
    recording = Chunked(images.sum(axis=0), RATE, RESPEAKER, SPANS)
    steps = refine_tracks(recording, [track(35, 65, 95)], leaking(images, recording), lambda image, angle: angle)
    assert list(steps) == [0, 1, 2]
