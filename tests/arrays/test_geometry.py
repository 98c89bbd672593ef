"""Arrays: where microphones stand, which channels they are, and every description that is refused."""

import json
import math

import numpy as np
import pytest

from core.arrays.geometry import ARRAYS, ArrayGeometry, circular, microphones_of, read_array
from core.errors import InputError

SQUARE = [[0.05, 0.05], [-0.05, 0.05], [-0.05, -0.05], [0.05, -0.05]]


@pytest.fixture
def described(tmp_path):
    """Writes a description and reads it; text is written as it is."""

    def read(content) -> ArrayGeometry:
        path = tmp_path / "mine.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_array(path)

    return read


def channels(count: int) -> np.ndarray:
    """Channel k holds nothing but k."""
    return np.repeat(np.arange(count, dtype=np.float32)[:, None], 8, axis=1)


def test_microphones_of_a_circle_go_counter_clockwise_from_x():
    square = circular("square", 4, 0.1)
    np.testing.assert_allclose(square.xy, [[0.1, 0], [0, 0.1], [-0.1, 0], [0, -0.1]], atol=1e-15)
    assert (square.count, square.radius) == (4, pytest.approx(0.1))


@pytest.mark.parametrize(("name", "count", "radius"), [("respeaker-4", 4, 0.03231), ("circle-6", 6, 0.0725)])
def test_known_arrays(name, count, radius):
    array = read_array(name)
    assert array is ARRAYS[name] and array.name == name
    assert (array.count, array.radius, array.sample_rate) == (count, pytest.approx(radius), 16000)


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_microphones_on_a_line_have_an_axis(degrees):
    along = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    line = [tuple(0.3 + step * along) for step in (0.1, -0.05, 0.02, 0.0)]
    assert np.rad2deg(ArrayGeometry("line", tuple(line)).axis) == pytest.approx(degrees)
    assert np.rad2deg(ArrayGeometry("two", tuple(line[:2])).axis) == pytest.approx(degrees)
    bent = line[3] + 0.005 * np.array([-along[1], along[0]])
    assert ArrayGeometry("bent", (*line[:3], tuple(bent))).axis is None
    assert circular("pair", 2, 0.05).axis == 0 and all(array.axis is None for array in ARRAYS.values())


def test_described_by_positions(described):
    array = described({"name": "mine", "positions": SQUARE, "sample_rate": 48000, "raw_channels": [3, 2, 1, 0]})
    assert (array.name, array.sample_rate, array.raw_channels) == ("mine", 48000, (3, 2, 1, 0))
    np.testing.assert_array_equal(array.xy, SQUARE)


def test_described_by_a_circle(described):
    assert described({"name": "ring", "count": 8, "radius": 1}) == circular("ring", 8, 1.0)
    assert described({"count": 2, "radius": 0.1}).name == "mine"  # the file's


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "no readable JSON"),
        ("[" * 100_000, "no readable JSON"),
        ("[1, 2]", "describes no array"),
        ({"name": "x"}, "give positions"),
        ({"count": 4}, "give positions"),
        (" " * 1_000_001, "too large"),
        ({"name": "", "positions": SQUARE}, "needs a name"),
        ({"name": 3, "positions": SQUARE}, "needs a name"),
        ({"name": "x" * 65, "count": 1, "radius": 1}, "needs a name"),
        ({"positions": SQUARE[:1]}, "needs 2 to 64 microphones; it has 1"),
        ({"positions": []}, "needs 2 to 64 microphones; it has 0"),
        ({"positions": [[k, 0] for k in range(65)]}, "metres of at most 10"),
        ({"positions": [[k / 10, 0] for k in range(65)]}, "it has 65"),
        ({"positions": [[0, 0], [0, 0, 0]]}, "no list of [x, y]"),
        ({"positions": "here"}, "no list of [x, y]"),
        ({"positions": [["0", "1"], [0, 0]]}, "gives 0, where metres"),
        ({"positions": [[True, 0], [0, 0]]}, "gives True"),
        ({"positions": [[0, 0], [math.nan, 0]]}, "gives nan"),
        ({"positions": [[0, 0], [math.inf, 0]]}, "gives inf"),
        ({"positions": [[0, 0], [9, 9]]}, "Microphone 1 of the array mine is not within 10 m"),
        ({"positions": [[32.31, 0], [-32.31, 0]]}, "gives 32.31, where metres"),
        ({"positions": [[0, 0], [0.1, 0], [0.1, 0.0009]]}, "Microphones 1 and 2"),
        ({"count": 1, "radius": 0.1}, "count of 2 to 64"),
        ({"count": 10**9, "radius": 0.1}, "count of 2 to 64"),
        ({"count": 4.0, "radius": 0.1}, "count of 2 to 64"),
        ({"count": 4, "radius": 0}, "radius in metres, over 0"),
        ({"count": 4, "radius": -0.1}, "radius in metres, over 0"),
        ({"count": 4, "radius": None}, "gives None"),
        ({"count": 4, "radius": 0.0005}, "less than 1 mm apart"),
        ({"positions": SQUARE, "sample_rate": 0}, "sample_rate of 4000 to 192000 Hz"),
        ({"positions": SQUARE, "sample_rate": 16000.5}, "sample_rate"),
        ({"positions": SQUARE, "raw_channels": [1, 2, 3]}, "give 4 different channels"),
        ({"positions": SQUARE, "raw_channels": [1, 2, 3, 3]}, "give 4 different channels"),
        ({"positions": SQUARE, "raw_channels": [1, 2, 3, -4]}, "give 4 different channels"),
        ({"positions": SQUARE, "raw_channels": [[1], 2, 3, 4]}, "give 4 different channels"),
        ({"positions": SQUARE, "raw_channels": "1234"}, "give 4 different channels"),
        ({"positions": SQUARE, "raw_channels": [3, 4, 5, 6], "stream_channels": 6}, "of 0 to 5"),
        ({"positions": SQUARE, "stream_channels": 3}, "stream_channels of at least its 4"),
        ({"positions": SQUARE, "stream_channels": "6"}, "stream_channels of at least its 4"),
    ],
)
def test_descriptions_that_are_refused(described, content, reason):
    with pytest.raises(InputError) as refused:
        described(content)
    assert reason in str(refused.value) and len(str(refused.value)) < 300


@pytest.mark.parametrize("name", ["respeaker-5", "", "nowhere.json", "x" * 5000, "null\0"])
def test_unknown_arrays(name):
    with pytest.raises(InputError, match="respeaker-4, circle-6"):
        read_array(name)


def test_raw_channels_of_a_devices_stream():
    respeaker = ARRAYS["respeaker-4"]
    assert microphones_of(channels(6), respeaker)[:, 0].tolist() == [1, 2, 3, 4]
    assert microphones_of(channels(4), respeaker)[:, 0].tolist() == [0, 1, 2, 3]
    assert microphones_of(channels(6), respeaker, [5, 4, 3, 0])[:, 0].tolist() == [5, 4, 3, 0]


def test_a_stream_of_unknown_width(described):
    array = described({"positions": SQUARE, "raw_channels": [4, 3, 2, 1]})
    assert microphones_of(channels(8), array)[:, 0].tolist() == [4, 3, 2, 1]
    assert microphones_of(channels(4), array)[:, 0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_recordings_that_could_be_anything(count):
    with pytest.raises(InputError, match=f"{count} channel.* 4 microphones: give one .* or all 6 channels"):
        microphones_of(channels(count), ARRAYS["respeaker-4"])


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [([0, 1, 2, 6], "no channel 6"), ([0, 1, 2, -1], "no channel -1"), ([0, 1, 2], "4"), ([0, 1, 2, 2], "4 different")],
)
def test_channel_maps_that_are_refused(chosen, reason):
    with pytest.raises(InputError, match=reason):
        microphones_of(channels(6), ARRAYS["respeaker-4"], chosen)
