"""The simulated room: checks of the page's input, the recording of an array in it, and voices that are moved live."""

import math

import numpy as np
import pytest

from core.arrays.geometry import ARRAYS
from core.arrays.live.localizer import LiveLocalizer
from core.errors import InputError
from demos.array.room import (
    NEAREST_METRES,
    SIZE,
    Arrangement,
    PlacedVoice,
    RoomSource,
    decode_voices,
    read_voices,
    render_room,
)
from tests.clocks import AT_ONCE

RESPEAKER = ARRAYS["respeaker-4"]
EAST, NORTH = PlacedVoice(1.5, 0.0, "speech"), PlacedVoice(0.0, 1.5, "speech")


def described(x: float, y: float, sound: str = "speech") -> dict:
    return {"x": x, "y": y, "sound": sound}


def test_voices_are_brought_inside_the_room_and_apart_from_the_array():
    far, near, at = read_voices([described(99, -99), described(0.01, 0), described(0, 0)])
    assert far.x < SIZE[0] / 2 and far.y > -SIZE[1] / 2
    assert math.hypot(near.x, near.y) == math.hypot(at.x, at.y) == NEAREST_METRES


@pytest.mark.parametrize(
    "content",
    [
        None,
        7,
        "voices",
        [],
        [{}],
        [described(math.nan, 0)],
        [described(10**400, 0)],
        [described(0, 1, "../../etc/passwd")],
        [described(0, 1, ["speech"])],
        [described(1, 1)] * 5,
    ],
)
def test_what_is_no_room_gets_a_sentence(content):
    with pytest.raises(InputError, match=r"room"):
        read_voices(content)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 3000, b"\xff", b"3"])
def test_what_is_no_json_gets_a_sentence(body):
    with pytest.raises(InputError, match=r"room"):
        decode_voices(body)


def test_the_truth_of_a_room_is_known():
    scene = render_room(Arrangement((EAST, PlacedVoice(-1.0, -1.0, "speech-garden")), noise="Loud"), RESPEAKER)
    assert [math.degrees(voice.angle) for voice in scene.voices] == pytest.approx([0, -135])
    assert np.abs(scene.mixture - sum(image.samples for image in scene.images)).max() < 1e-6
    noise = scene.images[-1].samples
    assert 20 * np.log10(noise.std()) == pytest.approx(-45, abs=0.2)
    nearer = render_room(Arrangement((PlacedVoice(0.75, 0.0, "speech"),)), RESPEAKER)
    assert np.abs(nearer.voices[0].samples).max() == pytest.approx(2 * np.abs(scene.voices[0].samples).max(), rel=1e-3)


def test_a_voice_that_is_moved_is_heard_elsewhere():
    room = RoomSource(Arrangement((EAST,), t60="Dry"), RESPEAKER, AT_ONCE)
    views = LiveLocalizer(room).views()
    assert loudest(views, 2.5) == pytest.approx(0, abs=6)
    room.arrange(Arrangement((NORTH,), t60="Dry"))
    assert loudest(views, 6.0) == pytest.approx(90, abs=6)


def loudest(views, seconds: float) -> float:
    """The angle of most energy when so much was heard, in degrees from -180 to 180."""
    view = next(view for view in views if view.seconds >= seconds)
    return (view.energy.argmax() * 360 / len(view.energy) + 180) % 360 - 180
