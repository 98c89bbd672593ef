"""Voices are spoken with live by tokens alone: each in its visitor's session, in order, and not for ever."""

from contextlib import contextmanager

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.errors import InputError
from demos.voice import live_routes
from demos.voice.live_routes import LiveVoiceRoutes
from tests.clocks import Time

RATE = 16000
CHUNK = np.arange(-400, 400, dtype="<i2")


class Doubled:
    """Stands in for a conversion: what comes out is twice what came in."""

    sample_rate = RATE

    def __init__(self):
        self.pushed = []

    def push(self, samples: np.ndarray) -> np.ndarray:
        self.pushed.append(samples)
        return 2 * samples


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def voices(time) -> LiveVoiceRoutes:
    return LiveVoiceRoutes(time.now)


@contextmanager
def client(voices: LiveVoiceRoutes):
    with TestClient(Starlette(routes=voices.routes())) as client:
        yield client


def test_a_chunk_comes_back_as_the_voice_says_it(voices):
    token = voices.open("anna", Doubled())
    assert token not in str(vars(voices)), "the token itself is not kept"
    with client(voices) as http:
        reply = http.post(f"/live-voice/{token}", content=CHUNK.tobytes())
        assert reply.status_code == 200 and np.array_equal(np.frombuffer(reply.content, "<i2"), 2 * CHUNK)
        loud = http.post(f"/live-voice/{token}", content=np.full(4, -30000, "<i2").tobytes())
        assert np.frombuffer(loud.content, "<i2").tolist() == [-32768] * 4, "what is too loud is clipped"


def test_each_voice_is_its_visitors_own(voices):
    anna, ben = Doubled(), Doubled()
    tokens = voices.open("anna", anna), voices.open("ben", ben)
    with client(voices) as http:
        assert http.post(f"/live-voice/{tokens[1]}", content=CHUNK.tobytes()).status_code == 200
        assert len(ben.pushed) == 1 and not anna.pushed
        assert http.post(f"/live-voice/{tokens[0][:-1]}", content=b"").status_code == 404


def test_who_speaks_again_or_leaves_ends_the_former_session(voices):
    first = voices.open("anna", Doubled())
    second = voices.open("anna", Doubled())
    with client(voices) as http:
        assert http.post(f"/live-voice/{first}", content=b"").status_code == 404
        assert http.delete(f"/live-voice/{first}").status_code == 204 and voices.speakers == 1
        assert http.delete(f"/live-voice/{second}").status_code == 204 and voices.speakers == 0
        third = voices.open("anna", Doubled())
        voices.close("anna")
        assert "speak live again" in http.post(f"/live-voice/{third}", content=b"").json()["detail"]


def test_so_many_may_speak_at_once(voices, time):
    for number in range(live_routes.MOST_AT_ONCE):
        voices.open(f"visitor {number}", Doubled())
    voices.open("visitor 0", Doubled())  # her own former session does not count against her
    with pytest.raises(InputError, match="speaking live already; try again"):
        voices.open("one more", Doubled())
    time.seconds += live_routes.IDLE_SECONDS + 1
    voices.open("one more", Doubled())
    assert voices.speakers == 1, "sessions of which nothing comes give their places back"


def test_a_session_lives_while_chunks_come_and_for_ten_minutes(voices, time):
    token, said = voices.open("anna", Doubled()), []
    with client(voices) as http:
        for _ in range(27):
            time.seconds += 25
            said.append(http.post(f"/live-voice/{token}", content=CHUNK.tobytes()).status_code)
    assert said == [200] * 24 + [404] * 3 and voices.speakers == 0


def test_chunks_that_are_none_are_refused(voices, time):
    token = voices.open("anna", Doubled())
    with client(voices) as http:
        assert http.post(f"/live-voice/{token}", content=b"abc").status_code == 400
        assert http.post(f"/live-voice/{token}", content=bytes(live_routes.LARGEST_CHUNK + 2)).status_code == 413
        assert http.post(f"/live-voice/{token}", content=b"").content == b""


def test_sound_comes_no_faster_than_it_is_spoken(voices, time):
    token, second = voices.open("anna", Doubled()), bytes(2 * RATE)
    with client(voices) as http:
        said = [http.post(f"/live-voice/{token}", content=second).status_code for _ in range(11)]
        assert said == [200] * 10 + [429]
        time.seconds += 2
        assert http.post(f"/live-voice/{token}", content=second).status_code == 200


def test_chunks_are_converted_one_after_the_other(voices):
    token = voices.open("anna", Doubled())
    voices._voices["anna"].turn.acquire()  # one is being converted
    with client(voices) as http:
        assert http.post(f"/live-voice/{token}", content=CHUNK.tobytes()).status_code == 409
