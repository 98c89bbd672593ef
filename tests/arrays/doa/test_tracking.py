"""Tracks: voices keep their places through pauses, and are followed where they walk."""

import numpy as np
import pytest

from core.arrays.doa.tracking import Detection, link, smoothed


def found(*degrees: float, energy: float = 1.0) -> list[Detection]:
    return [Detection(np.deg2rad(angle), energy, np.zeros((1, 4))) for angle in degrees]


def test_voices_that_stay_are_linked_by_their_place():
    tracks = link([found(10, 100), found(102, 9), found(), found(12), found(99)])
    assert sorted(tuple(track.detections) for track in tracks) == [(0, 1, 3), (0, 1, 4)]
    assert sorted(np.rad2deg([track.angle for track in tracks])) == pytest.approx([10.3, 100.3], abs=0.1)


@pytest.mark.parametrize("shift", [0.7, 2.5, -2.5, 6.0])
def test_neighbours_that_seem_to_move_together_do_not_change_places(shift):
    first, second = sorted(link([found(100, 102), found(102 + shift, 100 + shift)]), key=lambda track: track.angle)
    assert np.rad2deg([first.detections[1].angle, second.detections[1].angle]) == pytest.approx(
        [100 + shift, 102 + shift]
    )


def test_a_place_outside_the_gate_is_another_voice():
    assert len(link([found(10), found(40)])) == 2
    assert len(link([found(10), found(40)], moving=True)) == 1
    assert len(link([found(10), found(80)], moving=True)) == 2


def test_voices_that_walk_are_followed_around_the_circle():
    tracks = link([found(340 + 20 * k, 160 - 20 * k) for k in range(5)], moving=True)
    assert len(tracks) == 2 and all(len(track.detections) == 5 for track in tracks)
    assert sorted(np.rad2deg([track.last_angle for track in tracks]) % 360) == pytest.approx([60, 80])


def test_the_mean_direction_is_taken_around_the_circle_and_by_energy():
    (track,) = link([found(355), found(5)])
    assert np.rad2deg(track.angle) % 360 == pytest.approx(0, abs=1e-6) or np.rad2deg(track.angle) == pytest.approx(360)
    (track,) = link([found(0, energy=3.0), found(10, energy=1.0)])
    assert np.rad2deg(track.angle) == pytest.approx(2.5, abs=0.1)


def test_loud_voices_come_first():
    tracks = link([[*found(10, energy=0.1), *found(100, energy=2.0)], found(200, energy=0.5)])
    assert [track.energy for track in tracks] == [2.0, 0.5, 0.1]
    assert link([[], []]) == []


def test_the_confidence_of_a_track_is_that_of_its_loud_moments():
    (track,) = link([[Detection(0.0, 3.0, np.zeros((1, 4)), 1.0)], [Detection(0.1, 1.0, np.zeros((1, 4)), 0.2)]])
    assert track.confidence == pytest.approx(0.8)


def degrees_of(track) -> list[float]:
    return [float(np.rad2deg(track.detections[number].angle)) for number in sorted(track.detections)]


def test_who_walks_on_at_one_pace_is_where_he_was_found():
    """Around the circle, through a pause, and whatever the energies."""
    (track,) = link([found(330), found(345, energy=5.0), found(0), found(), found(30), found(45)], moving=True)
    assert degrees_of(smoothed(track)) == pytest.approx([330, 345, 360, 390, 405])


def test_a_direction_that_errs_is_drawn_to_the_line_of_the_others():
    (track,) = link([found(0), found(10), found(32), found(30), found(40)], moving=True)
    middle = degrees_of(smoothed(track))[2]
    assert middle == pytest.approx(22.4), "12 degrees off among five, so 2.4"
    faint = link([found(0), found(10), found(32, energy=1e-6), found(30), found(40)], moving=True)
    assert degrees_of(smoothed(faint[0]))[2] == pytest.approx(20, abs=0.01)


def test_two_directions_are_no_walk():
    (track,) = link([found(0, energy=0.0), found(10)], moving=True)
    assert degrees_of(smoothed(track)) == [0, 10]
    assert smoothed(track).detections[1].signal is track.detections[1].signal
