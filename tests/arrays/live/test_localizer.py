"""The live localizer: voices are found, followed when they move, and forgotten when they are silent."""

import numpy as np
import pytest

from core.arrays.angles import angular_distance
from core.arrays.geometry import ARRAYS, ArrayGeometry
from core.arrays.live.localizer import LiveLocalizer, LiveView
from core.arrays.live.sources import RecordingSource, SimulatedSource, SourceStatus
from core.arrays.live.tracker import Tracker
from core.arrays.scenes.random_scene import RealisticRooms, draw_scene
from core.arrays.scenes.scene import render
from core.arrays.spectra import HOP_LENGTH, N_FFT, stft, stft_inside
from tests.arrays.sounds import RATE, RESPEAKER, speech
from tests.clocks import AT_ONCE


def simulated(sounds, degrees, array=RESPEAKER, noise=1e-4) -> SimulatedSource:
    return SimulatedSource(array, sounds, np.deg2rad(degrees), noise=noise, clock=AT_ONCE)


def until(seconds: float, views) -> LiveView:
    """The view when so much was heard."""
    return next(view for view in views if view.seconds >= seconds)


def degrees_off(angle: float, degrees: float) -> float:
    return float(np.rad2deg(angular_distance(angle, np.deg2rad(degrees))))


def test_whole_windows_give_the_inner_spectra():
    """But for their phase, which is counted from each window's own start."""
    signals = np.random.default_rng(0).standard_normal((2, 4000)).astype(np.float32)
    inside = stft_inside(signals)
    assert inside.shape == (2, N_FFT // 2 + 1, (4000 - N_FFT) // HOP_LENGTH + 1)
    np.testing.assert_allclose(np.abs(inside), np.abs(stft(signals)[..., 3 : 3 + inside.shape[-1]]), atol=1e-3)


@pytest.mark.parametrize("array", ARRAYS.values(), ids=lambda array: array.name)
@pytest.mark.parametrize("degrees", [0.0, 77.0, 201.5])
def test_a_voice_is_located(array, degrees):
    localizer = LiveLocalizer(simulated([speech(3)], [degrees], array))
    view = until(2.5, localizer.views())
    (source,) = view.sources
    assert degrees_off(source.angle, degrees) < 5
    assert degrees_off(view.energy.argmax() * 2 * np.pi / len(view.energy), degrees) < 5
    assert source.level_db == pytest.approx(view.level_db, abs=1)


def test_a_line_of_microphones_hears_a_voice_once():
    """Its mirror image sounds alike, so both are one source, on one side."""
    line = ArrayGeometry("line", tuple((0.04 * k, 0.0) for k in range(4)))
    for degrees in (120.0, 240.0):
        (source,) = until(2.5, LiveLocalizer(simulated([speech(3)], [degrees], line)).views()).sources
        assert degrees_off(source.angle, 120) < 5


def test_a_voice_is_followed_when_it_moves():
    """Thirty degrees a second: one source with one number, and a trail behind it."""
    hiss = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    source, truth = simulated([hiss], [20.0]), 20.0
    views = LiveLocalizer(source).views()
    numbers, errors = set(), []
    for second in np.arange(1.0, 5.0, 0.1):
        view = until(second, views)
        numbers |= {found.number for found in view.sources}
        errors += [degrees_off(found.angle, truth) for found in view.sources[:1]]
        truth += 3.0
        source.move(0, np.deg2rad(truth))
    assert numbers == {1} and np.median(errors) < 15
    assert degrees_off(view.sources[0].trail[0], truth) > 0 and len(view.sources[0].trail) > 10
    assert degrees_off(until(6.0, views).sources[0].angle, truth) < 5


def test_a_voice_that_jumps_is_a_new_source_and_the_old_one_is_forgotten():
    source = simulated([speech(3)], [77.0])
    views = LiveLocalizer(source).views()
    assert [found.number for found in until(2.0, views).sources] == [1]
    source.move(0, np.deg2rad(200.0))
    (found,) = until(4.5, views).sources
    assert found.number > 1 and degrees_off(found.angle, 200) < 5


def test_voices_in_a_room_that_take_turns_are_both_found():
    rooms = RealisticRooms(t60_seconds=(0.3, 0.3), distances=(1.0, 1.5), separation=np.deg2rad(60))
    rng, silence = np.random.default_rng(3), np.zeros(2 * RATE)
    scene = draw_scene(rng, rooms, RESPEAKER, ["a", "b"], frames=4 * RATE, sample_rate=RATE)
    heard = render(scene, [speech(2), np.concatenate([silence, speech(2)])]).sum(axis=0)
    views = LiveLocalizer(RecordingSource(heard, RESPEAKER, RATE, clock=AT_ONCE)).views()
    for seconds, voice in zip((1.8, 3.8), scene.sources, strict=True):
        found = [source.angle for source in until(seconds, views).sources]
        assert min(degrees_off(angle, np.rad2deg(voice.angle)) for angle in found) < 5


@pytest.mark.parametrize("noise", [0.0, 1e-2])
def test_noise_of_the_microphones_is_no_source(noise):
    view = until(2.0, LiveLocalizer(simulated([np.zeros(RATE)], [0.0], noise=noise)).views())
    assert view.sources == () and view.energy.max() == 0


@pytest.mark.parametrize("array", ARRAYS.values(), ids=lambda array: array.name)
def test_noise_from_all_around_is_no_source(array):
    rng = np.random.default_rng(0)
    around = range(0, 360, 10)
    source = simulated([0.02 * rng.standard_normal(2 * RATE) for _ in around], around, array)
    assert until(2.0, LiveLocalizer(source).views()).sources == ()


def test_a_voice_that_ends_is_forgotten_and_its_map_fades():
    sound = np.concatenate([speech(2), np.zeros(4 * RATE)])
    views = LiveLocalizer(simulated([sound], [120.0])).views()
    assert len(until(1.8, views).sources) == 1
    view = until(5.0, views)
    assert view.sources == () and view.energy.max() < 0.05


class AwaySource:
    """A source that has nothing, and says why."""

    geometry, sample_rate = RESPEAKER, RATE
    status = SourceStatus(2, 100, "The array has gone.")

    def blocks(self):
        yield np.zeros((4, 0), dtype=np.float32)


def test_a_source_that_has_nothing_is_shown_with_its_message():
    (view,) = LiveLocalizer(AwaySource()).views()
    assert view.status.message == "The array has gone." and view.sources == () and view.seconds == 0


def test_tracks_keep_their_numbers_where_directions_cross_zero():
    tracker = Tracker()
    for k in range(30):
        tracks = tracker.update([np.deg2rad(350 + k) % (2 * np.pi), np.pi], k * 0.1)
    assert [track.number for track in tracks] == [1, 2]
    assert min(degrees_off(track.angle, 19) for track in tracks) < 3


def test_a_direction_that_is_found_once_is_no_source():
    tracker = Tracker()
    assert tracker.update([1.0], 0.0) == []
    assert all(tracker.update([], k * 0.1) == [] for k in range(1, 20))
