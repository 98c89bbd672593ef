"""Live views leave by tokens alone: one view each, nobody else's, and not too many at once."""

import json
from contextlib import contextmanager
from itertools import count

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.arrays.live.sources import RecordingSource
from core.errors import InputError
from demos.array import live_routes
from demos.array.live_routes import LiveRoutes
from demos.array.live_session import LiveSession
from demos.array.room import FIRST_VOICES, Arrangement, PlacedVoice, RoomSource
from tests.arrays.sounds import RATE, RESPEAKER
from tests.clocks import AT_ONCE, Time


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def live(time) -> LiveRoutes:
    return LiveRoutes(time.now)


@contextmanager
def client(live: LiveRoutes):
    with TestClient(Starlette(routes=live.routes())) as client:
        yield client


def short() -> LiveSession:
    silence = np.zeros((4, RATE // 2), dtype=np.float32)
    return LiveSession(lambda: RecordingSource(silence, RESPEAKER, RATE, clock=AT_ONCE))


def messages(reply) -> list[dict]:
    assert reply.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line.removeprefix("data: ")) for line in reply.text.split("\n\n") if line]


def test_a_token_opens_its_own_view_once(live):
    token, other = live.open("anna", short()), live.open("ben", short())
    assert token != other and token not in str(vars(live)), "the token itself is not kept"
    with client(live) as http:
        seen = messages(http.get(f"/live/{token}"))
        assert seen[0]["array"]["name"] == "respeaker-4" and seen[-1] == {"end": "The sound has ended."}
        assert http.get(f"/live/{token}").status_code == 409
        assert http.get(f"/live/{token[:-1]}").status_code == 404
        assert not live.is_open("anna") and live.is_open("ben")
    assert live.session("anna").recent().seconds == 0.5, "what was heard last is still there for its visitor"
    live.close("anna")
    assert live.session("anna") is None


def test_a_visitor_has_one_view(live):
    first = live.open("anna", short())
    live.open("anna", short())
    assert live.listeners == 1
    with client(live) as http:
        assert http.get(f"/live/{first}").status_code == 404


def test_so_many_may_listen_at_once(live, time):
    for k in range(live_routes.MOST_AT_ONCE):
        live.open(f"visitor {k}", short())
    with pytest.raises(InputError, match="listening live already; try again"):
        live.open("one more", short())
    time.seconds += live_routes.UNCLAIMED_SECONDS + 1
    live.open("one more", short())
    assert live.listeners == 1, "views that nobody opened gave their places back"


def test_what_is_over_is_not_kept_for_ever(live, time):
    for k in count():
        time.seconds += live_routes.UNCLAIMED_SECONDS + 1
        live.open(f"visitor {k}", short())
        if k > live_routes.KEPT_SLOTS:
            break
    assert live.session("visitor 0") is None and live.session(f"visitor {k}") is not None


def test_an_open_view_outlives_any_number_of_others(live, time):
    """Anna came first, and listens still; whoever came after her has left."""
    live.open("anna", short())
    live._slots["anna"].claimed = True
    for k in range(2 * live_routes.KEPT_SLOTS):
        live.open(f"visitor {k}", short())
        time.seconds += live_routes.UNCLAIMED_SECONDS + 1
    assert live.is_open("anna") and live.session("visitor 0") is None


def test_who_is_refused_keeps_the_view_that_is_open(live, monkeypatch):
    live.open("anna", short())
    live.open("ben", short())
    monkeypatch.setattr(live_routes, "MOST_AT_ONCE", 1)
    with pytest.raises(InputError, match="listening live already"):
        live.open("anna", short())
    assert live.is_open("anna")
    live.close("ben")
    live.open("anna", short())
    assert live.listeners == 1, "her own former view does not count against her"


def test_what_nobody_opened_holds_no_sound(live, time):
    """Its source may be a whole recording."""
    session = short()
    live.open("anna", session)
    time.seconds += live_routes.UNCLAIMED_SECONDS + 1
    live.open("ben", short())
    assert list(session.messages())[-1] == {"end": ""} and session.source is None


def test_the_room_is_moved_by_who_listens_to_it(live):
    room = RoomSource(Arrangement(FIRST_VOICES, t60="Dry"), RESPEAKER)
    token = live.open("anna", LiveSession(lambda: room, room=room))
    still = live.open("ben", short())
    place = [{"x": 0.0, "y": -1.0, "sound": "speech-train"}]
    with client(live) as http:
        assert http.post(f"/live/{token}/room", json=place).status_code == 204
        assert room.arrangement == Arrangement((PlacedVoice(0.0, -1.0, "speech-train"),), t60="Dry")
        refused = http.post(f"/live/{token}/room", json=[{"x": "north"}])
        assert refused.status_code == 400 and "voices" in refused.json()["detail"]
        assert http.post(f"/live/{token}/room", content=b" " * 5000).status_code == 413
        assert http.post("/live/guess/room", json=place).status_code == 404
        assert http.post(f"/live/{still}/room", json=place).status_code == 409
