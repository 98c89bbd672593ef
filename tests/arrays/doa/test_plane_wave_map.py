"""The map of single plane waves: one peak for a wave, two for neighbours that take turns; closed forms of votes."""

import numpy as np
import pytest

from core.arrays.angles import angular_distance
from core.arrays.doa.plane_wave_map import PlaneWaveMap
from core.arrays.doa.spatial_spectra import SteeredResponse, find_peaks
from core.arrays.geometry import ARRAYS
from core.arrays.spectra import stft
from tests.arrays.sounds import CIRCLE, RATE, RESPEAKER, babble, by_turns, plane_wave


def sparse(seed: int, seconds: int = 2) -> np.ndarray:
    """Noise in four tenths of all bands of 125 Hz, [frames]."""
    rng = np.random.default_rng(seed)
    bins = seconds * RATE // 2 + 1
    bands = np.repeat(rng.random(bins // 250 + 1) < 0.4, 250)[:bins]
    return np.fft.irfft(bands * np.fft.rfft(rng.standard_normal(seconds * RATE)))


def test_two_that_take_turns_are_told_apart():
    """Two degrees from each other: every bin has one of them alone."""
    power = PlaneWaveMap(CIRCLE, RATE).power(by_turns(CIRCLE, 100.0, 102.0))
    assert sorted(np.rad2deg(find_peaks(power, 2, np.deg2rad(1)))) == pytest.approx([100.0, 102.0], abs=0.2)


@pytest.mark.parametrize("array", ARRAYS.values(), ids=lambda array: array.name)
@pytest.mark.parametrize("degrees", [0.0, 121.7, 359.8])
def test_a_plane_wave_has_its_peak_where_it_comes_from(array, degrees):
    power = PlaneWaveMap(array, RATE).power(plane_wave(babble(0), array, np.deg2rad(degrees)))
    (found,) = find_peaks(power, 1)
    assert np.rad2deg(angular_distance(found, np.deg2rad(degrees))) < 0.5


def test_a_vote_is_shared_out_so_a_plane_wave_has_nearly_one_and_noise_of_many_microphones_none():
    array, noise = CIRCLE, np.random.default_rng(0).standard_normal((6, RATE))
    whole = PlaneWaveMap(array, RATE).power(plane_wave(noise[0], array, 1.0))
    assert 0.8 < whole.sum() <= 1 + 1e-4
    assert PlaneWaveMap(array, RATE).power(noise).sum() < 0.01


def test_neighbours_that_are_one_peak_by_turns_are_two():
    """Seven degrees apart, and both at once: each bin is mostly one's."""
    array, degrees = CIRCLE, (100.0, 107.0)
    mixture = sum(plane_wave(sparse(seed), array, np.deg2rad(angle)) for seed, angle in enumerate(degrees))
    found = np.rad2deg(find_peaks(PlaneWaveMap(array, RATE).power(mixture), 2, np.deg2rad(4)))
    assert sorted(found) == pytest.approx(degrees, abs=1)
    turns = SteeredResponse(array, RATE, band_hz=(300, 7900)).power_of_turns(stft(mixture))
    assert len(find_peaks(turns[95:113], 9)) == 1


def test_the_level_does_not_matter_and_silence_is_no_direction():
    waves, signals = PlaneWaveMap(RESPEAKER, RATE), plane_wave(babble(0), RESPEAKER, 2.0)
    np.testing.assert_allclose(waves.power(1e-6 * signals), waves.power(signals), rtol=1e-3, atol=1e-9)
    assert not waves.power(np.zeros_like(signals)).any()


def test_a_faint_voice_is_seen_beside_a_loud_one():
    loud, faint = plane_wave(sparse(1), RESPEAKER, 1.0), 0.02 * plane_wave(sparse(2), RESPEAKER, 3.5)
    found = find_peaks(PlaneWaveMap(RESPEAKER, RATE).power(loud + faint), 2)
    assert sorted(found) == pytest.approx([1.0, 3.5], abs=0.05)
