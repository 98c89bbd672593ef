"""A live session's messages: the array first, then views; waiting, refusals, limits and the sound that is kept."""

import base64
import weakref
from itertools import islice

import numpy as np
import pytest

from core.arrays.geometry import ARRAYS, circular
from core.arrays.live.sources import RecordingSource
from core.errors import InputError
from demos.array import live_session
from demos.array.live_session import BufferedSource, LiveSession
from demos.page.runner import APOLOGY
from tests.arrays.sounds import RATE, RESPEAKER, plane_wave, speech
from tests.clocks import AT_ONCE


def source(seconds: float = 2.0, degrees: float = 90.0, loop: bool = False) -> RecordingSource:
    samples = plane_wave(speech(seconds), RESPEAKER, np.deg2rad(degrees))
    return RecordingSource(samples, RESPEAKER, RATE, loop=loop, clock=AT_ONCE)


def test_a_view_names_its_array_and_says_what_is_heard():
    first, *views, last = LiveSession(source).messages()
    assert not first["array"]["note"], "it tells all directions apart"
    assert first["array"]["name"] == "respeaker-4" and np.allclose(first["array"]["mics"][1], [0, 1], atol=1e-3)
    assert last == {"end": "The sound has ended."}
    energy = np.frombuffer(base64.b64decode(views[-1]["energy"]), np.uint8)
    assert len(energy) == 180 and 2 * energy.argmax() == pytest.approx(90, abs=6)
    (heard,) = views[-1]["sources"]
    assert heard["angle"] == pytest.approx(90, abs=5) and heard["number"] == 1 and len(heard["trail"]) > 5
    assert views[-1]["losses"] == 0 and views[-1]["message"] == "" and -60 < views[-1]["level"] < 0


def test_what_was_heard_last_is_kept():
    session = LiveSession(lambda: source(loop=True))
    assert session.recent() is None
    list(islice(session.messages(), 100))
    recent = session.recent()
    assert recent.channels == 4 and 7 < recent.seconds <= live_session.RECENT_SECONDS
    position = session.source.frames
    assert session.source.since(position - 100).shape == (4, 100)


@pytest.mark.parametrize("opened", [True, False], ids=["opened", "never opened"])
def test_a_view_that_is_over_keeps_what_was_heard_last_and_not_its_source(opened):
    """Of a recording that is up to a minute of sixteen channels."""

    def listen() -> tuple[LiveSession, weakref.ref]:
        kept = source(0.5)
        return LiveSession(lambda: kept), weakref.ref(kept)

    session, kept = listen()
    if opened:
        list(session.messages())
    session.stop()
    assert kept() is None and (session.recent() is not None) == opened
    assert list(session.messages())[-1] == {"end": ""}


def test_memory_is_bounded():
    buffered = BufferedSource(source(loop=True))
    for _ in islice(buffered.blocks(), 800):
        pass
    assert buffered.frames == 40 * RATE and buffered.latest().shape == (4, live_session.RECENT_SECONDS * RATE)
    many = RecordingSource(np.zeros((16, 48000)), circular("many", 16, 0.1), 48000, loop=True, clock=AT_ONCE)
    buffered = BufferedSource(many)
    for _ in islice(buffered.blocks(), 400):
        pass
    assert buffered.latest().nbytes <= live_session.RECENT_BYTES


def test_a_source_that_is_not_there_yet_is_waited_for():
    sources = iter([None, None, source(0.5), None])
    messages = LiveSession(
        lambda: next(sources), waiting="Not yet.", reopen=True, sleep=lambda seconds: None
    ).messages()
    seen = []
    for message in messages:
        seen.append(next(iter(message)))
        if seen[-1] == "message" and "array" in seen:
            break
    assert seen[:3] == ["message", "message", "array"] and seen[-1] == "message", "it may come back"
    messages.close()


def test_time_is_up_after_a_while():
    clock = iter(range(0, 10**6, 100))
    *_, last = LiveSession(lambda: source(loop=True), now=lambda: next(clock)).messages()
    assert last == {"end": live_session.TIME_IS_UP} and "10 minutes" in live_session.TIME_IS_UP


def test_a_view_that_is_stopped_ends_without_a_word():
    session = LiveSession(lambda: source(loop=True))
    messages = session.messages()
    next(messages)
    session.stop()
    assert list(messages) == [{"end": ""}]


def test_what_can_be_mended_is_said_and_our_own_mistakes_are_not(caplog):
    def refused():
        raise InputError("There is no sound device 'x'; choose one of y.")

    def broken():
        raise RuntimeError("secret detail")

    assert list(LiveSession(refused).messages()) == [{"end": "There is no sound device 'x'; choose one of y."}]
    assert list(LiveSession(broken).messages()) == [{"end": APOLOGY}] and "secret detail" in caplog.text


def test_a_line_of_microphones_is_said_to_hear_mirror_images():
    assert "mirror image" in live_session.array_message(circular("pair", 2, 0.05))["note"]


def test_every_array_can_be_drawn():
    for array in ARRAYS.values():
        assert np.hypot(*np.array(live_session.array_message(array)["mics"]).T) == pytest.approx(1, abs=1e-3)
