"""Scenes: the same seed gives the same scene, and what the microphones hear is what physics says."""

import numpy as np
import pytest

from core.arrays.angles import angular_distance
from core.arrays.doa.spatial_spectra import SteeredResponse, find_peaks
from core.arrays.geometry import ARRAYS, SPEED_OF_SOUND
from core.arrays.scenes.random_scene import ConeOfSilenceRooms, RealisticRooms, draw_scene, shoebox
from core.arrays.scenes.scene import Room, Scene, SoundSource, render
from core.arrays.spectra import stft
from tests.arrays.sounds import RATE, RESPEAKER, babble

ROOMS = [RealisticRooms(), ConeOfSilenceRooms()]
FREE_FIELD = Room((20.0, 20.0), (10.0, 10.0), absorption=1.0, order=0)


def drawn(rooms, seed: int = 0, voices: int = 2, **settings) -> Scene:
    rng = np.random.default_rng(seed)
    speakers = [f"speaker{k}" for k in range(voices)]
    return draw_scene(rng, rooms, RESPEAKER, speakers, frames=RATE // 2, sample_rate=RATE, **settings)


@pytest.mark.parametrize("rooms", ROOMS, ids=lambda rooms: type(rooms).__name__)
def test_a_seed_is_a_scene(rooms):
    scene, again = (drawn(rooms, background=True, moving=True) for _ in range(2))
    assert scene == again and scene != drawn(rooms, seed=1, background=True, moving=True)
    sounds = [babble(k, 0.5) for k in range(len(scene.sources))]
    images = render(scene, sounds)
    assert scene.names == ("voice00", "voice01", "bg")
    assert images.shape == (3, 4, RATE // 2) and images.dtype == np.float32
    assert np.array_equal(images, render(again, sounds))
    assert np.allclose(np.abs(images).max(axis=(1, 2)), [scene.sources[k].peak for k in (0, 1, -1)])


@pytest.mark.parametrize("rooms", ROOMS, ids=lambda rooms: type(rooms).__name__)
@pytest.mark.parametrize("voices", [1, 8])
def test_everything_stands_in_its_room(rooms, voices):
    for seed in range(20):
        for source in drawn(rooms, seed, voices, background=True, moving=True).sources:
            places = np.array(source.room.centre) + source.positions
            assert (places > 0.1).all() and (places < np.array(source.room.size) - 0.1).all()


def test_voices_are_as_far_apart_and_away_as_asked():
    rooms = RealisticRooms(distances=(1.0, 1.2), separation=np.deg2rad(60), lengths=(6, 7), widths=(5, 6))
    for seed in range(20):
        first, second = drawn(rooms, seed).sources
        assert angular_distance(first.angle, second.angle) >= np.deg2rad(60)
        assert 1.0 <= np.hypot(*first.positions[0][:2]) <= 1.2


def test_sound_travels_at_the_speed_of_sound():
    """In a free field the nearer microphone hears it earlier, and louder."""
    array = ARRAYS["circle-6"]
    scene = Scene(array, (SoundSource("voice00", FREE_FIELD, ((1.0, 0.5),), 0.5),), 2000, RATE)
    image = render(scene, [np.eye(1, 2000, 100)[0]])[0]
    distances = np.linalg.norm(array.xy - [1.0, 0.5], axis=1)
    spectra = np.fft.rfft(image)[:, 50:500]
    slopes = np.polyfit(np.arange(50, 500), np.unwrap(np.angle(spectra / spectra[0])).T, 1)[0]
    delays = -slopes * 2000 / (2 * np.pi * RATE)
    assert np.allclose(delays, (distances - distances[0]) / SPEED_OF_SOUND, atol=2e-6)
    assert np.array_equal(np.argsort(-np.linalg.norm(image, axis=1)), np.argsort(distances))


def test_rooms_reverberate_as_long_as_asked():
    """The energy decay from -5 to -25 dB, by Schroeder's integral, times three."""
    for t60 in (0.2, 0.4):
        room = shoebox((5.0, 4.0, 2.7), (2.2, 1.8, 1.0), t60)
        scene = Scene(RESPEAKER, (SoundSource("voice00", room, ((1.0, 0.6, 0.2),), 0.5),), RATE, RATE)
        response = render(scene, [np.eye(1, RATE)[0]])[0, 0].astype(np.float64)
        energy = np.cumsum(response[::-1] ** 2)[::-1]
        decay = 10 * np.log10(energy / energy[0] + 1e-12)
        measured = 3 * (np.argmax(decay < -25) - np.argmax(decay < -5)) / RATE
        assert 0.75 * t60 < measured < 1.3 * t60


def test_a_room_too_large_for_its_reverberation_time_gets_the_shortest_there_is():
    assert 0.9 < shoebox((8.0, 6.0, 3.2), (4.0, 3.0, 1.0), 0.01).absorption <= 1


def test_a_moving_voice_is_where_it_is_said_to_be():
    positions = tuple((2 * np.cos(angle), 2 * np.sin(angle)) for angle in np.deg2rad([10.0, 40.0, 70.0]))
    scene = Scene(RESPEAKER, (SoundSource("voice00", FREE_FIELD, positions, 0.5),), 3 * RATE, RATE)
    image = render(scene, [np.random.default_rng(0).standard_normal(3 * RATE)])[0]
    response = SteeredResponse(RESPEAKER, RATE)
    for k, degrees in enumerate([10.0, 40.0, 70.0]):
        middle = image[:, k * RATE + 5000 : k * RATE + 11000]
        assert abs(np.rad2deg(find_peaks(response.power(stft(middle)), 1)[0]) - degrees) < 1


def test_silence_is_rendered_as_silence_and_short_sounds_end_in_it():
    scene = drawn(RealisticRooms())
    images = render(scene, [np.zeros(RATE // 2), babble(0, 0.1)])
    assert not images[0].any() and images[1].any() and np.isfinite(images).all()
