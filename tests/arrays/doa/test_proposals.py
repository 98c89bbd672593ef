"""Proposals: voices are among them, a peak of both maps is proposed once, and evidence tells voices from the rest."""

import numpy as np
import pytest

from core.arrays.angles import angular_distance
from core.arrays.doa.proposals import DirectionMaps
from core.arrays.geometry import ArrayGeometry
from tests.arrays.example_scenes import voices
from tests.arrays.sounds import CIRCLE, RATE, RESPEAKER, babble, by_turns, plane_wave, speech


@pytest.fixture(scope="module")
def maps() -> DirectionMaps:
    return DirectionMaps(RESPEAKER, RATE)


def near(proposals, degrees: float, radius: float = 10.0):
    return [own for own in proposals if np.rad2deg(angular_distance(own.angle, np.deg2rad(degrees))) < radius]


def test_voices_are_proposed_once_with_more_evidence_than_the_rest(maps):
    proposals = maps.propose(voices(40, 200).sum(axis=0))
    true = [*near(proposals, 40, 3), *near(proposals, 200, 3)]
    assert len(true) == 2
    others = [own.evidence for own in proposals if own not in true]
    for own in true:
        assert own.evidence["turns"] > max(other["turns"] for other in others)
        assert own.evidence["prominence"] > max(other["prominence"] for other in others)


def test_the_highest_peak_is_the_unit_and_has_no_shadow(maps):
    highest = max(maps.propose(plane_wave(speech(), RESPEAKER, 1.0)), key=lambda own: own.evidence["waves"])
    assert highest.angle == pytest.approx(1.0, abs=0.01)
    assert highest.evidence["waves"] == pytest.approx(0, abs=1e-3) and highest.evidence["shadow"] == 0
    assert highest.evidence["turns"] == pytest.approx(0, abs=1e-3) and not highest.evidence["extra"]


def test_other_directions_are_taken_where_no_peak_is_near(maps):
    mixture = voices(40, 200).sum(axis=0)
    asked = np.deg2rad([46.0, 110.0])
    proposals, without = maps.propose(mixture, asked), maps.propose(mixture)
    assert len(near(proposals, 40)) == len(near(without, 40)) == 1
    assert not near(without, 110)
    (own,) = near(proposals, 110)
    assert own.angle == asked[1] and own.evidence["extra"] == 1


def test_neighbours_that_take_turns_are_both_proposed():
    degrees, said = (100.0, 102.0), by_turns(CIRCLE, 100.0, 102.0)
    heights = {own.angle: own.evidence["waves"] for own in DirectionMaps(CIRCLE, RATE).propose(said)}
    highest = np.rad2deg(sorted(heights, key=heights.get)[-2:])
    assert sorted(highest) == pytest.approx(degrees, abs=0.2)


def test_echoes_cloud_a_recording(maps):
    def clarity(signals: np.ndarray) -> float:
        return maps.propose(signals)[0].evidence["clarity"]

    noise = np.random.default_rng(0).standard_normal((4, RATE))
    free, room = plane_wave(babble(1), RESPEAKER, 1.0), voices(40, 200).sum(axis=0)
    assert 0.01 > clarity(free) > clarity(room) + 0.3 and clarity(room) > clarity(noise)
    own = maps.propose(room)[0].evidence
    assert own["clear_turns"] == pytest.approx(own["clarity"] * own["turns"])


def test_mirror_images_of_a_line_are_one():
    line = ArrayGeometry("line", tuple((0.04 * k, 0.0) for k in range(4)))
    proposals = DirectionMaps(line, RATE).propose(plane_wave(speech(), line, -1.0), [-2.0])
    assert all(0 <= own.angle <= np.pi for own in proposals) and near(proposals, np.rad2deg(1.0), 2)


def test_silence_has_no_peaks(maps):
    silence = np.zeros((4, RATE))
    assert maps.propose(silence) == []
    (own,) = maps.propose(silence, [0.5])
    assert own.angle == 0.5 and np.isfinite(list(own.evidence.values())).all()
