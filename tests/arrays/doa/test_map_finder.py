"""Voices at the peaks of a map: those of several are refined, and none of it changes with what is doubtful."""

import numpy as np
import pytest

from core.arrays.doa import map_finder
from core.arrays.doa.counting import SURE
from core.arrays.doa.map_finder import MapFinder
from core.arrays.doa.tracking import VoiceTrack
from core.arrays.finding import Chunked
from core.generators import finished
from core.signal.metrics import si_sdr_db
from tests.arrays.example_scenes import voices
from tests.arrays.sounds import RATE, RESPEAKER
from tests.runs import gathered

ANGLES = np.deg2rad([40, 200])


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return voices(40, 200)


def recording(images: np.ndarray) -> Chunked:
    """In one chunk."""
    mixture = images.sum(axis=0)
    return Chunked(mixture, RATE, RESPEAKER, ((0, mixture.shape[-1]),))


def signals(tracks: tuple[VoiceTrack, ...]) -> list[np.ndarray]:
    """Of one chunk, in the order of their angles."""
    return [track.detections[0].signal[0] for track in sorted(tracks, key=lambda track: track.angle)]


def gain_db(images: np.ndarray, tracks: tuple[VoiceTrack, ...]) -> float:
    """Mean SI-SDR at the first microphone."""
    return np.mean([si_sdr_db(image[0], own) for image, own in zip(images, signals(tracks), strict=True)])


def test_refinement_is_worth_decibels_and_keeps_the_directions(images):
    heard = recording(images)
    refined, beamformed = (finished(MapFinder("srp-phat", own).find(heard, 2, False)) for own in (True, False))
    assert gain_db(images, refined) > gain_db(images, beamformed) + 1
    assert [track.angle for track in refined] == pytest.approx([track.angle for track in beamformed])
    told = finished(MapFinder("srp-phat").separate_at(heard, ANGLES))
    assert gain_db(images, told) > gain_db(images, beamformed) + 1


def test_a_single_voice_and_one_that_walks_are_beamformed(images):
    for asked, heard in (((1, False), recording(images[:1])), ((2, True), recording(images))):
        refined, beamformed = (finished(MapFinder("srp-phat", own).find(heard, *asked)) for own in (True, False))
        np.testing.assert_array_equal(signals(refined), signals(beamformed))


def test_what_is_doubtful_changes_no_voice(images, monkeypatch):
    """It is separated from them, and faintly where there is nothing."""
    heard, sure = recording(images), [(float(angle), 0.9) for angle in ANGLES]
    monkeypatch.setattr(MapFinder, "_peaks", lambda *_: sure)
    alone = finished(MapFinder("srp-phat").find(heard, None, False))
    monkeypatch.setattr(MapFinder, "_peaks", lambda *_: [*sure, (np.deg2rad(300), SURE / 2)])
    found = finished(MapFinder("srp-phat").find(heard, None, False))
    assert [track.confidence for track in found].count(SURE / 2) == 1
    doubtful = next(track for track in found if track.confidence < SURE)
    np.testing.assert_array_equal(signals(tuple(track for track in found if track is not doubtful)), signals(alone))
    assert doubtful.energy < min(track.energy for track in alone)


@pytest.mark.parametrize("sure", [0, 1, 2])
def test_what_is_doubtful_is_part_of_the_work(images, monkeypatch, sure):
    """The first round is a small part of it, however many voices there are beside."""
    peaks = [(float(angle), 0.9 if k < sure else SURE / 2) for k, angle in enumerate([*ANGLES, 5.0])]
    monkeypatch.setattr(MapFinder, "_peaks", lambda *_: peaks)
    steps, _ = gathered(MapFinder("srp-phat").find(recording(images), None, False))
    done = [step.done for step in steps]
    assert done[1] < 0.3 and (np.diff(done) >= 0).all() and done[-1] == 1


def test_stop_is_heard_between_two_rounds(images, monkeypatch):
    ended = []

    def endless(*_):
        try:
            while True:
                yield 0.5
        finally:
            ended.append(True)

    monkeypatch.setattr(map_finder, "refining", endless)
    for run in (
        MapFinder("srp-phat").find(recording(images), 2, False),
        MapFinder("srp-phat").separate_at(recording(images), ANGLES),
    ):
        ended.clear()
        for _ in range(3):
            next(run)
        run.close()
        assert ended


@pytest.mark.parametrize("refined", [True, False])
def test_the_share_of_the_work_that_is_done_grows_to_all(images, monkeypatch, refined):
    monkeypatch.setattr(map_finder, "ITERATIONS", 2)
    mixture = images.sum(axis=0)
    heard = Chunked(mixture, RATE, RESPEAKER, ((0, RATE), (RATE, 2 * RATE), (2 * RATE, 3 * RATE)))
    steps, _ = gathered(MapFinder("srp-phat", refined).find(heard, 2, False))
    done = [step.done for step in steps]
    assert len(done) == (12 if refined else 6), "of every map and chunk, and of every round"
    assert (np.diff(done) >= 0).all() and done[-1] == 1
