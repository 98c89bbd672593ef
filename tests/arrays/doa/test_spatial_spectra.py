"""Directions: plane waves exactly, voices in rooms closely, and pyroomacoustics as the reference."""

import time
import tracemalloc

import numpy as np
import pytest

from core.arrays.angles import angular_distance, fold
from core.arrays.doa.spatial_spectra import SteeredResponse, find_peaks, grid, music
from core.arrays.geometry import ARRAYS, ArrayGeometry, circular
from core.arrays.scenes.random_scene import RealisticRooms, draw_scene
from core.arrays.scenes.scene import render
from core.arrays.spectra import N_FFT, stft
from tests.arrays.sounds import RATE, RESPEAKER, babble, plane_wave, speech


@pytest.mark.parametrize("array", ARRAYS.values(), ids=lambda array: array.name)
@pytest.mark.parametrize("degrees", [0.0, 33.3, 121.7, 200.4, 359.8])
@pytest.mark.parametrize("step", [1.0, 2.0])
def test_a_plane_wave_is_located_within_half_a_degree(array, degrees, step):
    spectra = stft(plane_wave(babble(0), array, np.deg2rad(degrees)))
    (found,) = find_peaks(SteeredResponse(array, RATE, step_degrees=step).power(spectra), 1)
    assert np.rad2deg(angular_distance(found, np.deg2rad(degrees))) < 0.5


@pytest.mark.parametrize("degrees", [2.0, 31.0, 97.0, 178.5, 250.0])
def test_a_line_of_microphones_has_one_peak_for_a_plane_wave_and_its_mirror_image(degrees):
    line = ArrayGeometry("line", tuple((0.04 * k, 0.0) for k in range(4)))
    powers = [
        SteeredResponse(line, RATE).power(stft(plane_wave(babble(0), line, np.deg2rad(angle))))
        for angle in (degrees, -degrees)
    ]
    np.testing.assert_allclose(*powers, atol=1e-5)
    (found,) = find_peaks(powers[0], 5, floor=0.9, axis=line.axis)
    assert np.rad2deg(angular_distance(found, fold(np.deg2rad(degrees), 0.0))) < 2 and found <= np.pi


@pytest.mark.parametrize("normalised", [False, True], ids=["music", "norm-music"])
def test_music_finds_a_plane_wave(normalised):
    noise = np.random.default_rng(0).standard_normal((4, 2 * RATE))
    spectra = stft(plane_wave(babble(0), RESPEAKER, 2.5) + 1e-5 * noise)
    (found,) = find_peaks(music(spectra, RESPEAKER, RATE, normalised=normalised), 1)
    assert np.rad2deg(angular_distance(found, 2.5)) < 0.5


def test_the_map_is_that_of_pyroomacoustics():
    from pyroomacoustics.doa import SRP

    signals = plane_wave(babble(1), RESPEAKER, 1.0) + plane_wave(babble(2), RESPEAKER, 3.0)
    spectra = stft(signals)
    theirs = SRP(RESPEAKER.xy.T, RATE, nfft=N_FFT, azimuth=grid(1.0))
    theirs.locate_sources(spectra, num_src=2, freq_range=[500, 4000])
    ours = SteeredResponse(RESPEAKER, RATE, band_hz=(500, 3999)).power(spectra)
    assert np.corrcoef(ours, theirs.grid.values)[0, 1] > 0.9999
    assert np.argmax(ours) == np.argmax(theirs.grid.values)


def test_a_plane_wave_of_white_noise_has_full_power():
    spectra = stft(plane_wave(np.random.default_rng(0).standard_normal(RATE), RESPEAKER, 1.0))
    assert 0.97 < SteeredResponse(RESPEAKER, RATE).power(spectra).max() <= 1 + 1e-6


@pytest.mark.parametrize("array", ARRAYS.values(), ids=lambda array: array.name)
def test_noise_from_all_around_has_the_power_that_is_expected_of_it(array):
    rng, response = np.random.default_rng(0), SteeredResponse(array, RATE)
    noise = sum(plane_wave(rng.standard_normal(RATE), array, angle) for angle in grid(5.0))
    power = response.power(stft(noise))
    assert power.max() == pytest.approx(response.diffuse, abs=0.06) and power.max() - power.min() < 0.1


def test_the_tables_of_many_microphones_take_little_more_than_themselves():
    """A live view of 16 microphones has 120 pairs; what is made on the way must not be several times as much."""
    array = circular("many", 16, 0.1)
    tracemalloc.start()
    try:
        response = SteeredResponse(array, RATE, step_degrees=10.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * response._expected.nbytes


def test_silence_has_no_direction():
    response, silence = SteeredResponse(RESPEAKER, RATE), np.zeros((4, N_FFT // 2 + 1, 8), dtype=complex)
    for power in (response.power(silence), response.power_of_turns(silence)):
        assert not power.any() and len(find_peaks(power, 2)) == 0


def test_voices_in_rooms_are_located_within_three_degrees():
    rooms = RealisticRooms(t60_seconds=(0.2, 0.5), distances=(0.8, 1.5))
    response, errors = SteeredResponse(RESPEAKER, RATE), []
    for seed, sound in enumerate([speech(), *(babble(k) for k in range(6))]):
        rng = np.random.default_rng(seed)
        scene = draw_scene(rng, rooms, RESPEAKER, ["a"], frames=len(sound), sample_rate=RATE)
        (found,) = find_peaks(response.power(stft(render(scene, [sound])[0])), 1)
        errors.append(np.rad2deg(angular_distance(found, scene.sources[0].angle)))
    assert np.median(errors) < 3


def test_two_voices_that_take_turns_are_told_apart():
    rooms = RealisticRooms(t60_seconds=(0.2, 0.4), distances=(1.0, 2.0), separation=np.pi / 4)
    response, errors = SteeredResponse(RESPEAKER, RATE), []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        scene = draw_scene(rng, rooms, RESPEAKER, ["a", "b"], frames=2 * RATE, sample_rate=RATE)
        images = render(scene, [speech(), np.roll(babble(seed), RATE // 8)])
        found = find_peaks(response.power_of_turns(stft(images.sum(axis=0))), 2)
        errors += [np.rad2deg(angular_distance(found, voice.angle)).min() for voice in scene.sources]
    assert np.median(errors) < 3


def test_maps_are_fast_enough_to_follow_a_voice():
    """At least 50 blocks of a quarter of a second each second; in practice ten times as many."""
    response, spectra = SteeredResponse(RESPEAKER, RATE), stft(plane_wave(babble(0), RESPEAKER, 1.0))[..., :16]
    response.power(spectra)
    started = time.process_time()
    for _ in range(20):
        response.power(spectra)
    assert (time.process_time() - started) / 20 < 1 / 50


def bumps(*peaks: tuple[float, float]) -> np.ndarray:
    """A map with bumps 20 degrees wide, (degrees, height) each."""
    distances = [np.rad2deg(angular_distance(grid(1.0), np.deg2rad(degrees))) for degrees, _ in peaks]
    return np.sum([height * np.exp(-((d / 10) ** 2)) for d, (_, height) in zip(distances, peaks, strict=True)], axis=0)


def test_peaks_come_highest_first_all_around_the_circle():
    found = np.rad2deg(find_peaks(bumps((90.3, 1.0), (200.0, 3.0), (359.7, 2.0)), 5))
    assert np.allclose(found, [200.0, 359.7, 90.3], atol=0.1)


def test_peaks_keep_apart():
    power = bumps((100.0, 3.0), (130.0, 2.0), (250.0, 1.0))
    assert np.allclose(np.rad2deg(find_peaks(power, 2, np.deg2rad(40))), [100.0, 250.0], atol=0.5)
    assert np.allclose(np.rad2deg(find_peaks(power, 2, np.deg2rad(20))), [100.0, 130.0], atol=0.5)
