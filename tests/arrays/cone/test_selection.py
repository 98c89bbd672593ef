"""Selection: leakage is doubted, voices are kept, also those that a search did not find, and their images improve."""

from functools import partial

import numpy as np
import pytest

from core.arrays.angles import angular_distance
from core.arrays.cone.selection import DirectionCandidate, Heard, propose, rate, select
from core.arrays.doa.counting import SURE
from core.arrays.doa.spatial_spectra import WIDE_BAND_HZ, SteeredResponse
from core.signal.metrics import si_sdr_db
from tests.arrays.example_scenes import voices
from tests.arrays.sounds import RATE, RESPEAKER

TRUE = np.deg2rad([40.0, 200.0])


@pytest.fixture(scope="module")
def pair() -> np.ndarray:
    return voices(40, 200)


@pytest.fixture(scope="module")
def response() -> SteeredResponse:
    return SteeredResponse(RESPEAKER, RATE, band_hz=WIDE_BAND_HZ)


def leaky(images: np.ndarray, angles: np.ndarray, asked) -> np.ndarray:
    """What a network that leaks hears: the voice that is nearest to each angle, with half of the others in it.

    Farther than 20 degrees from all, a tenth of the mixture.
    """
    heard = []
    for angle in asked:
        distances = angular_distance(angles, angle)
        near = images[distances.argmin()] + 0.5 * np.delete(images, distances.argmin(), axis=0).sum(axis=0)
        heard.append(near if distances.min() < np.deg2rad(20) else 0.1 * images.sum(axis=0))
    return np.array(heard)


def chosen(images: np.ndarray, degrees, response: SteeredResponse, count: int | None = None, found=(0,)):
    """What is selected of true voices at these angles, where a search found only some of them."""
    angles = np.deg2rad(np.array(degrees, dtype=float))
    listen = partial(leaky, images, angles)
    detections = [(angles[k], listen([angles[k]])[0]) for k in found]
    return select(Heard(images.sum(axis=0), RATE, RESPEAKER, listen), detections, response, count)


@pytest.mark.parametrize("count", [None, 2])
@pytest.mark.parametrize("found", [(0, 1), (0,)])
def test_voices_are_kept_and_refined_whether_the_search_found_both_or_one(pair, response, count, found):
    selected = [voice for voice in chosen(pair, [40, 200], response, count, found) if count or voice.confidence >= SURE]
    assert len(selected) == 2
    for angle, truth, rough in zip(TRUE, pair, leaky(pair, TRUE, TRUE), strict=True):
        voice = min(selected, key=lambda voice: angular_distance(voice.angle, angle))
        assert angular_distance(voice.angle, angle) < np.deg2rad(3)
        assert voice.image.shape == truth.shape
        assert si_sdr_db(truth[0], voice.image[0]) > si_sdr_db(truth[0], rough[0]) + 3


def test_where_there_is_one_voice_its_leaks_are_doubted(pair, response):
    listen = partial(leaky, pair[:1], TRUE[:1])
    leaks = [(TRUE[0], pair[0]), (TRUE[1], 0.05 * pair[0])]
    selected = select(Heard(pair[0], RATE, RESPEAKER, listen), leaks, response)
    assert [round(np.rad2deg(v.angle)) for v in selected if v.confidence >= SURE] == pytest.approx([40], abs=3)


@pytest.mark.parametrize("apart", [30, 50])
def test_voices_that_stand_near_each_other_stay_two(response, apart):
    images = voices(40, 40 + apart)
    sure = [voice for voice in chosen(images, [40, 40 + apart], response) if voice.confidence >= SURE]
    assert sorted(np.rad2deg([voice.angle for voice in sure])) == pytest.approx([40, 40 + apart], abs=4)


def test_a_search_that_found_nothing_and_silence(pair, response):
    listen, silence = partial(leaky, pair, TRUE), np.zeros_like(pair[0])
    assert select(Heard(pair[0], RATE, RESPEAKER, listen), [], response) == []
    (voice,) = select(Heard(silence, RATE, RESPEAKER, listen), [(0.5, silence)], response, 1)
    assert voice.angle == 0.5 and not voice.image.any()


def test_the_level_does_not_matter(pair, response):
    quiet = chosen(1e-7 * pair, [40, 200], response, 2)
    assert sorted(np.rad2deg([voice.angle for voice in quiet])) == pytest.approx([40, 200], abs=3)
    assert [v.confidence for v in quiet] == pytest.approx([v.confidence for v in chosen(pair, [40, 200], response, 2)])


def test_detections_beside_a_peak_are_the_peak_s_and_others_are_kept(pair, response):
    heard = Heard(pair.sum(axis=0), RATE, RESPEAKER, partial(leaky, pair, TRUE))
    found = [(TRUE[0] + np.deg2rad(6), pair[0]), (np.deg2rad(110), 0.3 * pair[0])]
    angles = np.rad2deg([candidate.angle for candidate in propose(heard, found, response)])
    assert sum(abs(angle - 40) < 12 for angle in angles) == 1
    assert any(abs(angle - 110) < 12 for angle in angles)


def test_the_louder_and_the_higher_the_likelier():
    def confidence(level: float, peak: float, diffuse: float = 0.1) -> float:
        beside = DirectionCandidate(0.0, np.ones((2, 8)), 1.0), DirectionCandidate(1.0, np.full((2, 8), level), peak)
        return rate(beside, diffuse)[-1].confidence

    assert confidence(0.5, 0.5) > SURE > confidence(0.5, 1e-4) > 0
    assert confidence(0.5, 0.02) > confidence(0.1, 0.02) > confidence(0.01, 0.02)
    assert confidence(0.5, 0.02, diffuse=0.1) > confidence(0.5, 0.02, diffuse=0.3), "side lobes"
    assert rate([], 0.1) == []
