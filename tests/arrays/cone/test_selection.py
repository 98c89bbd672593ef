"""Selection: leakage is dropped, voices are kept, and their images improve."""

import numpy as np
import pytest

from core.arrays.angles import angular_distance
from core.arrays.cone.selection import DirectionCandidate, keep, select
from core.arrays.doa.spatial_spectra import SteeredResponse
from core.signal.metrics import si_sdr_db
from tests.arrays.example_scenes import voices
from tests.arrays.sounds import RATE, RESPEAKER

TRUE = np.deg2rad([40.0, 200.0])


@pytest.fixture(scope="module")
def pair() -> np.ndarray:
    return voices(40, 200)


@pytest.fixture(scope="module")
def response() -> SteeredResponse:
    return SteeredResponse(RESPEAKER, RATE)


def leaking(images: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Voices with half of each other in them, seen 10 degrees off; and two echoes of the first from elsewhere."""
    mixed = [images[0] + images[1] / 2, images[1] + images[0] / 2]
    seen = [(angle + np.deg2rad(10), image) for angle, image in zip(TRUE, mixed, strict=True)]
    rng = np.random.default_rng(0)
    echoes = [0.3 * mixed[0] + 0.01 * rng.standard_normal(mixed[0].shape) for _ in range(2)]
    return [*seen, (np.deg2rad(110), echoes[0]), (np.deg2rad(300), echoes[1])]


@pytest.mark.parametrize("count", [None, 2])
def test_leaks_are_given_up_and_voices_refined(pair, response, count):
    mixture, found = pair.sum(axis=0), leaking(pair)
    selected = select(mixture, found, response, RATE, count)
    assert len(selected) == 2
    for angle, truth, rough, (found_at, image) in zip(TRUE, pair, found, selected, strict=False):
        assert angular_distance(angle, found_at) < np.deg2rad(3)
        assert image.shape == mixture.shape
        assert si_sdr_db(truth[0], image[0]) > si_sdr_db(truth[0], rough[1][0]) + 3


def test_where_there_is_one_voice_its_leaks_are_none(pair, response):
    selected = select(pair[0], [(TRUE[0], pair[0]), (TRUE[1], 0.2 * pair[0])], response, RATE)
    assert [round(np.rad2deg(angle)) for angle, _ in selected] == pytest.approx([40], abs=3)


def test_nothing_and_silence(pair, response):
    assert select(pair[0], [], response, RATE) == []
    (angle, image), *_ = select(pair[0], [(0.5, np.zeros_like(pair[0]))], response, RATE)
    assert angle == 0.5 and not image.any()


def test_the_level_does_not_matter(pair, response):
    found = [(angle, 1e-7 * image) for angle, image in leaking(pair)]
    selected = select(1e-7 * pair.sum(axis=0), found, response, RATE)
    assert [round(np.rad2deg(angle)) for angle, _ in selected] == pytest.approx([40, 200], abs=3)


def candidates(*levels: float, peak: float = 0.5, apart: float = 1.0) -> list[DirectionCandidate]:
    return [DirectionCandidate(n, n * apart, level, peak) for n, level in enumerate(levels)]


def test_of_two_at_one_place_the_louder_stays():
    assert keep(candidates(-5, -3, apart=0.1), None) == [1]
    assert keep(candidates(-5, -3, apart=0.1), 2) == [1]


def test_the_weaker_half_of_the_weak_is_given_up():
    assert keep(candidates(0, -19, -4, -25, -24), None) == [0, 1, 2]
    assert keep(candidates(0, -19, -4), None) == [0, 2]
    assert keep(candidates(0, -4, -8), None) == [0, 1, 2]


def test_beside_a_stronger_one_voices_are_not_that_weak():
    assert keep(candidates(0, -14, apart=1.0), None) == [0, 1]
    assert keep(candidates(0, -14, apart=0.5), None) == [0]
    assert keep(candidates(0, -8, apart=0.5), None) == keep(candidates(0, -14, apart=0.5), 2) == [0, 1]


def test_what_has_no_peak_is_weaker():
    loud, without = DirectionCandidate(0, 0.0, 0.0, 1.0), DirectionCandidate(1, 2.0, -6.0, 0.0)
    assert keep([loud, without], None) == [0]
    assert keep([loud, without], 2) == keep([loud, DirectionCandidate(1, 2.0, -6.0, 0.1)], None) == [0, 1]


def test_as_many_as_there_are_stay_but_for_hopeless_ones():
    assert keep(candidates(0, -12, -4, -13, -14), 2) == [0, 1, 2]
    assert keep(candidates(0, -12, -4), 2) == [0, 2]
    assert keep(candidates(0, -12, -30), 3) == [0, 1]
    assert keep(candidates(-50), 1) == [0]
