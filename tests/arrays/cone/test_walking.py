"""Voices that walk: found by their paths, and separated along them with what the last chunk knew."""

import numpy as np
import pytest

from core.arrays.cone import walking
from core.arrays.cone.walking import find_walking, separate_along
from core.arrays.doa.paths import STEP_FRAMES, Path
from core.arrays.doa.tracking import VoiceTrack
from core.arrays.finding import Chunked
from core.generators import finished
from core.signal.metrics import si_sdr_db
from tests.arrays.example_scenes import voices
from tests.arrays.sounds import RATE, RESPEAKER

SPANS = ((0, 24000), (12000, 36000), (24000, 48000))
WALKS, STANDS = range(20, 110, 6), 200
LEAK = 0.4  # of the other voice, in what a network would give
STEPS = -(-SPANS[-1][1] // STEP_FRAMES)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """One voice that walks, and one that stands."""
    return voices(WALKS, STANDS)


def path(start: float, end: float, first: int = 0, last: int = STEPS, confidence: float = 1.0) -> Path:
    """From one angle in degrees to another, heard from one step on and before another one."""
    heard = np.zeros(STEPS)
    heard[first:last] = 1.0
    return Path(np.deg2rad(np.linspace(start, end, STEPS)), heard, np.zeros((STEPS, 1)), confidence)


def recorded(images: np.ndarray) -> Chunked:
    return Chunked(images.sum(axis=0), RATE, RESPEAKER, SPANS)


def leaking(images: np.ndarray, recording: Chunked, asked: list | None = None):
    """What a network would give: the voice nearest to each angle, and some of the other one."""
    chunks = {recording.samples[:, first].tobytes(): (first, last) for first, last in recording.spans}

    def listen(chunk: np.ndarray, angles) -> np.ndarray:
        first, last = chunks[chunk[:, 0].tobytes()]
        own = images[:, :, first:last]
        if asked is not None:
            asked.append(np.rad2deg(angles))
        return np.stack([own[k] + LEAK * own[1 - k] for k in (int(np.rad2deg(angle) > 150) for angle in angles)])

    return listen


def separated(images: np.ndarray, paths: list[Path], asked: list | None = None) -> list[VoiceTrack]:
    recording = recorded(images)
    return finished(separate_along(recording, paths, leaking(images, recording, asked)))


def test_every_chunk_along_a_path_is_refined(images):
    """Both voices are nearer to the truth in all chunks than what they begin with."""
    tracks, gains = separated(images, [path(20, 110), path(STANDS, STANDS)]), []
    for own, image, other in zip(tracks, images, images[::-1], strict=True):
        assert list(own.detections) == [0, 1, 2]
        for number, (first, last) in enumerate(SPANS):
            truth = image[0, first:last]
            begun = si_sdr_db(truth, truth + LEAK * other[0, first:last])
            gains.append(si_sdr_db(truth, own.detections[number].signal[0]) - begun)
    assert min(gains) > 0.5 and np.mean(gains) > 1


@pytest.fixture
def as_it_was(monkeypatch) -> list[np.ndarray]:
    """Refinement that doubles what it is given; what it was given."""
    begun = []
    monkeypatch.setattr(walking, "refine", lambda chunk, rough, rate: begun.append(rough) or 2 * rough)
    return begun


def test_voices_are_where_they_are_in_the_middle_of_a_chunk(images, as_it_was):
    """Nobody is made up in chunks before or after a voice."""
    asked = []
    tracks = separated(images, [path(STANDS, STANDS), path(30, 90, first=6)], asked)
    assert [list(own.detections) for own in tracks] == [[0, 1, 2], [1, 2]]
    for angles, expected in zip(asked, [[STANDS], [STANDS, 60], [STANDS, 75]], strict=True):
        assert angles == pytest.approx(expected, abs=1.5)
    assert tracks[1].detections[2].angle == pytest.approx(np.deg2rad(asked[2][1]))


def test_a_chunk_begins_with_what_the_last_one_knew(images, as_it_was):
    separated(images, [path(20, 110), path(STANDS, STANDS)])
    first, second = as_it_was[:2]
    overlap = SPANS[0][1] - SPANS[1][0]
    assert second[:, :, 0] == pytest.approx(2 * first[:, :, -overlap])
    own = images[:, :, slice(*SPANS[1])]
    assert second[:, :, overlap:] == pytest.approx((own + LEAK * own[::-1])[:, :, overlap:]), "what a network gives"


def test_silence_between_words_ends_nothing(images, as_it_was):
    pause = images.copy()
    pause[:, :, 12000:36000] = 0
    tracks = separated(pause, [path(20, 110), path(STANDS, STANDS)])
    assert [list(own.detections) for own in tracks] == [[0, 2], [0, 2]]


def test_progress_is_told_chunk_by_chunk(images):
    recording = recorded(images)
    assert list(separate_along(recording, [path(20, 110)], leaking(images, recording))) == [0, 1, 2]


def test_voices_are_found_and_separated(images, as_it_was):
    """Nobody said how many; maps are shown as they are made, and the work goes on to its end."""
    recording, steps = recorded(images), []
    search = find_walking(recording, None, leaking(images, recording))
    while True:
        try:
            steps.append(next(search))
        except StopIteration as end:
            tracks = end.value
            break
    sure = [own for own in tracks if own.confidence > 0.4]
    assert sorted(round(float(np.rad2deg(own.detections[1].angle))) for own in sure) == pytest.approx([65, 200], abs=8)
    assert [own.energy for own in tracks] == sorted((own.energy for own in tracks), reverse=True)
    done = [step.done for step in steps]
    assert done == sorted(done) and done[0] > 0 and done[-1] == 1
    assert len(steps) >= STEPS + len(SPANS) and all(step.power.shape == (360,) for step in steps)


def test_voices_are_not_kept_apart_from_what_is_doubtful(images, as_it_was, monkeypatch):
    """What is doubtful is separated from the voices, which are separated as if it were not there."""
    found = [path(20, 110), path(STANDS, STANDS, confidence=0.2)]
    monkeypatch.setattr(walking, "paths_of_voices", lambda *_: found)
    recording = recorded(images)
    tracks = finished(find_walking(recording, None, leaking(images, recording)))
    assert [len(own) for own in as_it_was] == [1, 1, 1, 2, 2, 2]
    assert sorted(own.confidence for own in tracks) == [0.2, 1.0]
