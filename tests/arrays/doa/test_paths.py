"""Paths of voices that walk: the best ones through maps that are known, and what is made of a recording."""

import numpy as np
import pytest

from core.arrays.angles import angular_distance
from core.arrays.doa import paths as paths_module
from core.arrays.doa.paths import (
    STEP_FRAMES,
    TURNING_COST,
    Path,
    best_path,
    find_paths,
    paths_of_voices,
    piecewise_maps,
)
from core.generators import finished
from tests.arrays.example_scenes import voices
from tests.arrays.sounds import RATE, RESPEAKER, babble, plane_wave

STEPS, PIECES, ANGLES = 24, 6, 360
BEAM = 12.0  # degrees, width of a voice in the maps


def maps_of(*walks: np.ndarray, seed: int = 0) -> np.ndarray:
    """Maps of voices at some degrees, [steps] each, NaN where they are silent: in most pieces one of them is heard."""
    rng = np.random.default_rng(seed)
    maps = np.zeros((STEPS, PIECES, ANGLES), np.float32)
    for step in range(STEPS):
        for piece in range(PIECES):
            levels = rng.dirichlet(np.full(len(walks), 0.3))
            for level, walk in zip(levels, walks, strict=True):
                if not np.isnan(walk[step]):
                    away = np.rad2deg(angular_distance(np.deg2rad(np.arange(ANGLES)), np.deg2rad(walk[step])))
                    maps[step, piece] += level * np.exp(-0.5 * (away / BEAM) ** 2)
    return maps + 0.001 * rng.random(maps.shape, np.float32)


def walk(start: float, end: float) -> np.ndarray:
    return np.linspace(start, end, STEPS)


def paused(degrees: np.ndarray, first: int, last: int) -> np.ndarray:
    silent = degrees.copy()
    silent[first:last] = np.nan
    return silent


def errors(found: list[Path], walks: list[np.ndarray]) -> list[float]:
    """The mean error of each walk's nearest path, in degrees."""
    return [
        min(float(np.rad2deg(angular_distance(path.angles, np.deg2rad(own)).mean())) for path in found) for own in walks
    ]


@pytest.mark.parametrize("length", [3, 5])
def test_the_best_path_is_the_best_of_all(monkeypatch, length):
    """Against a search of every path, on a circle of seven angles."""
    monkeypatch.setattr(paths_module, "FASTEST", 1)
    scores = np.random.default_rng(3).random((length, 7)).astype(np.float32)

    def worth(places: np.ndarray) -> float:
        speeds = (np.diff(places) + 3) % 7 - 3
        if np.abs(speeds).max() > 1:
            return -np.inf
        return scores[range(length), places].sum() - TURNING_COST * np.abs(np.diff(speeds)).sum()

    every = np.stack(np.meshgrid(*[np.arange(7)] * length), axis=-1).reshape(-1, length)
    assert best_path(scores).tolist() == max(every, key=worth).tolist()


def test_nobody_runs_around_the_array():
    """Two places in turn are no path: it stays at the one where more is heard."""
    scores = np.zeros((STEPS, ANGLES), np.float32)
    scores[::2, 10], scores[1::2, 190] = 1.0, 0.8
    assert set(best_path(scores)) == {10}


@pytest.mark.parametrize(
    "walks",
    [
        [walk(20, 110)],
        [walk(330, 420), walk(200, 200)],
        [walk(0, 90), walk(150, 240), walk(300, 300)],
        [walk(40, 130), walk(130, 40)],  # they meet
        [walk(20, 140), walk(80, 80)],  # one passes by
    ],
    ids=["one", "around the circle", "three", "crossing", "passing"],
)
def test_paths_are_those_of_the_voices(walks):
    assert max(errors(find_paths(maps_of(*walks), len(walks)), walks)) < 3


def test_a_walk_goes_on_through_a_pause():
    """A second of silence, in the middle of which two walks cross."""
    walks = [walk(40, 130), walk(130, 40)]
    found = find_paths(maps_of(paused(walks[0], 10, 14), paused(walks[1], 10, 14)), 2)
    assert max(errors(found, walks)) < 3
    assert all(path.heard()[4:20].all() for path in found)


def test_who_comes_late_or_leaves_is_not_heard_outside():
    late, early = paused(walk(40, 40), 0, 14), paused(walk(200, 200), 10, STEPS)
    found = find_paths(maps_of(late, early), 2)
    first, second = sorted(found, key=lambda path: np.flatnonzero(path.heard())[0])
    assert not first.heard()[12:].any() and first.heard()[:8].any()
    assert not second.heard()[:13].any() and second.heard()[16:].any()


def test_long_silences_are_silences():
    strengths = np.zeros(100)
    strengths[[*range(20), *range(28, 40), *range(80, 100)]] = 1.0
    heard = Path(np.zeros(100), strengths, np.zeros((100, 1))).heard()
    assert heard[:40].all() and not heard[40:80].any() and heard[80:].all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_voices_are_likely_as_there_are(count):
    walks = [walk(0, 90), walk(150, 240), walk(300, 300)][:count]
    found = paths_of_voices(maps_of(*walks), None)
    assert sum(path.confidence > 0.5 for path in found) == count
    assert max(errors(found[:count], walks)) < 3
    assert [path.confidence for path in found] == sorted((path.confidence for path in found), reverse=True)


def test_the_number_of_voices_may_be_told():
    assert len(paths_of_voices(maps_of(walk(0, 90)), 2)) == 2


def test_mirror_images_are_one_voice():
    """Of two voices before a row of microphones, of which each is seen twice."""
    walks = [walk(40, 70), walk(130, 130)]
    found = find_paths(maps_of(*walks) + maps_of(*(-own for own in walks)), 2, axis=0.0)
    mirrored = [np.abs((np.rad2deg(path.angles) + 180) % 360 - 180) for path in found]
    assert min(np.abs(path - walks[0]).mean() for path in mirrored) < 3
    assert min(np.abs(path - walks[1]).mean() for path in mirrored) < 3


def test_maps_of_a_recording_say_when_and_where():
    """A plane wave from 60 degrees, and one from 200 after it; the frame of a step is that of its middle."""
    half = 8 * STEP_FRAMES
    sounds = [plane_wave(babble(k, half / RATE), RESPEAKER, np.deg2rad(own)) for k, own in enumerate((60, 200))]
    maps = finished(piecewise_maps(np.concatenate(sounds, axis=1), RESPEAKER, RATE))
    assert maps.shape == (16, 24, ANGLES) and maps.dtype == np.float32
    peaks = maps.sum(axis=1).argmax(axis=1)
    assert peaks[:8] == pytest.approx(60, abs=3) and peaks[9:] == pytest.approx(200, abs=3)
    path = Path(np.arange(16.0), np.ones(16), np.ones((16, 24)))
    assert path.angle_at(4.5 * STEP_FRAMES) == pytest.approx(4, abs=0.05)


def test_voices_in_a_room_are_followed():
    """One walks, one stands; nobody said how many there are."""
    recording = voices(range(20, 110, 6), 200, seconds=4.0).sum(axis=0)
    found = paths_of_voices(finished(piecewise_maps(recording, RESPEAKER, RATE)), None)
    assert sum(path.confidence > 0.4 for path in found) == 2
    steps = (np.arange(len(found[0].angles)) + 0.5) / len(found[0].angles)
    truths = [np.interp(steps * 15 - 0.5, np.arange(15), range(20, 110, 6)), np.full(len(steps), 200.0)]
    assert max(errors(found[:2], truths)) < 6


def test_there_is_no_voice_in_silence():
    maps = finished(piecewise_maps(np.zeros((4, 3 * STEP_FRAMES)), RESPEAKER, RATE))
    assert not any(path.heard().any() for path in paths_of_voices(maps, 2))
