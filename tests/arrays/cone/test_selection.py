"""Selection: leakage is doubted, voices are kept, also those that a search did not find, and their images improve."""

from functools import partial

import numpy as np
import pytest

from core.arrays.angles import angular_distance
from core.arrays.cone.selection import MOST_HEARD, SECOND_LOOK, Heard, _likeness, listen_and_look, look, select
from core.arrays.doa.counting import SURE
from core.arrays.doa.proposals import DirectionMaps, Proposal
from core.generators import finished
from core.signal.metrics import si_sdr_db
from tests.arrays.example_scenes import voices
from tests.arrays.sounds import RATE, RESPEAKER

TRUE = np.deg2rad([40.0, 200.0])


@pytest.fixture(scope="module")
def pair() -> np.ndarray:
    return voices(40, 200)


@pytest.fixture(scope="module")
def maps() -> DirectionMaps:
    return DirectionMaps(RESPEAKER, RATE)


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


def chosen(images: np.ndarray, degrees, maps: DirectionMaps, count: int | None = None, found=(0,)):
    """What is selected of true voices at these angles, where a search found only some of them."""
    angles = np.deg2rad(np.array(degrees, dtype=float))
    listen = partial(leaky, images, angles)
    return finished(select(Heard(images.sum(axis=0), RATE, RESPEAKER, listen), angles[list(found)], maps, count))


@pytest.mark.parametrize("count", [None, 2])
@pytest.mark.parametrize("found", [(0, 1), (0,)])
def test_voices_are_kept_and_refined_whether_the_search_found_both_or_one(pair, maps, count, found):
    selected = [voice for voice in chosen(pair, [40, 200], maps, count, found) if count or voice.confidence >= SURE]
    assert len(selected) == 2
    for angle, truth, rough in zip(TRUE, pair, leaky(pair, TRUE, TRUE), strict=True):
        voice = min(selected, key=lambda voice: angular_distance(voice.angle, angle))
        assert angular_distance(voice.angle, angle) < np.deg2rad(3)
        assert voice.image.shape == truth.shape
        assert si_sdr_db(truth[0], voice.image[0]) > si_sdr_db(truth[0], rough[0]) + 3


def test_where_there_is_one_voice_its_leaks_are_doubted(pair, maps):
    listen = partial(leaky, pair[:1], TRUE[:1])
    selected = finished(select(Heard(pair[0], RATE, RESPEAKER, listen), TRUE, maps))
    assert [round(np.rad2deg(v.angle)) for v in selected if v.confidence >= SURE] == pytest.approx([40], abs=3)


@pytest.mark.parametrize("apart", [30, 50])
def test_voices_that_stand_near_each_other_stay_two(maps, apart):
    images = voices(40, 40 + apart)
    sure = [voice for voice in chosen(images, [40, 40 + apart], maps) if voice.confidence >= SURE]
    assert sorted(np.rad2deg([voice.angle for voice in sure])) == pytest.approx([40, 40 + apart], abs=4)


def test_a_search_that_found_nothing_and_silence(pair, maps):
    listen, silence = partial(leaky, np.zeros_like(pair), TRUE), np.zeros_like(pair[0])
    assert finished(select(Heard(pair[0], RATE, RESPEAKER, listen), [], maps)) == []
    (voice,) = finished(select(Heard(silence, RATE, RESPEAKER, listen), [0.5], maps, 1))
    assert voice.angle == 0.5 and not voice.image.any()


def test_the_level_does_not_matter(pair, maps):
    quiet = chosen(1e-7 * pair, [40, 200], maps, 2)
    assert sorted(np.rad2deg([voice.angle for voice in quiet])) == pytest.approx([40, 200], abs=3)
    loud = chosen(pair, [40, 200], maps, 2)
    assert [v.confidence for v in quiet] == pytest.approx([v.confidence for v in loud], rel=1e-3)


def rated(own: dict[str, float], level: float = 0.5, diffuse: float = 0.1, clarity: float = -1.0) -> float:
    """The confidence of a first look at a direction beside the loudest one of the recording."""
    seen = dict.fromkeys(("turns", "waves", "prominence", "shadow", "extra", "overtopped"), 0.0) | own
    seen |= {"clarity": clarity} | {f"clear_{name}": clarity * seen[name] for name in ("turns", "shadow", "overtopped")}
    beside = Proposal(0.0, seen | {"turns": 0.0, "clear_turns": 0.0}), Proposal(1.0, seen)
    looked = look(beside, np.stack([np.ones((2, 8)), np.full((2, 8), level)]), diffuse)
    return next(candidate.confidence for candidate in looked if candidate.angle == 1.0)


def test_the_louder_and_the_higher_the_likelier():
    voice = {"turns": -1.0, "waves": -0.5, "prominence": 1.0}
    assert rated(voice) > SURE > rated({"turns": -4.0, "waves": -2.0, "shadow": 0.5}) > 0
    assert rated(voice) > rated(voice, level=0.1) > rated(voice, level=0.01)
    assert rated(voice) > rated(voice | {"shadow": 0.2}), "beside a higher peak"
    assert rated(voice, diffuse=0.1) > rated(voice, diffuse=0.3), "side lobes"
    assert look([], np.zeros((0, 2, 8)), 0.1) == []


def test_what_stands_beside_a_voice_is_doubted_where_echoes_are_long():
    beside = {"turns": -1.0, "prominence": 1.0, "overtopped": 0.5}
    loss = [rated(beside | {"overtopped": 0.0}, clarity=c) - rated(beside, clarity=c) for c in (-0.5, -2.0)]
    assert loss[1] > loss[0] > 0


def test_a_network_is_asked_about_so_many_directions_at_most(pair, maps):
    asked = []

    def listen(angles):
        asked.extend(angles)
        return leaky(pair, TRUE, angles)

    noise = pair.sum(axis=0) + 0.3 * np.random.default_rng(0).normal(size=pair[0].shape) * pair.std()
    listen_and_look(Heard(noise, RATE, RESPEAKER, listen), TRUE, maps)
    assert len(asked) == MOST_HEARD < len(maps.propose(noise))
    assert min(angular_distance(TRUE[0], np.array(asked))) < np.deg2rad(5)


def test_an_echo_is_doubted_at_a_second_look():
    """It goes like a louder voice, and comes from everywhere."""

    def confidence(**changed: float) -> float:
        return SECOND_LOOK(**(dict.fromkeys(SECOND_LOOK.weights, 0.0) | {"coherence": 0.6, "diffuse": 0.2} | changed))

    assert confidence(likeness=0.1) > confidence(likeness=0.5)
    assert confidence(coherence=0.6) > confidence(coherence=0.2)
    assert confidence(overtopped=0.0) > confidence(overtopped=0.5), "beside its voice"


def test_an_echo_is_like_its_voice_and_no_voice_is_like_a_fainter_one():
    powers = np.random.default_rng(0).exponential(size=(3, 50, 60)).astype(np.float32)
    powers[1], powers[2] = 0.1 * powers[0], 0.01 * powers[2]
    voice, echo, other = _likeness(powers.reshape(3, -1))
    assert voice == 0 and echo == pytest.approx(1, abs=1e-3) and other < 0.2
    assert not _likeness(np.zeros((2, 9), np.float32)).any()
