"""The relay from end to end: what is sent arrives once and in order, and only with the right token."""

import threading
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from core.arrays.geometry import ARRAYS
from core.arrays.live import relay, relay_client, relay_source
from core.arrays.live.localizer import LiveLocalizer
from core.arrays.live.relay import Block, Hello, decode_blocks, decode_hello, encode_block, encode_hello
from core.arrays.live.relay_client import RelayClient
from core.arrays.live.relay_source import RelaySource
from core.arrays.live.sources import RecordingSource
from core.errors import InputError
from demos.array import relay_routes
from demos.array.relay_routes import RelayRoutes
from tests.arrays.sounds import RATE, RESPEAKER, plane_wave, speech
from tests.clocks import AT_ONCE, Time

HELLO = encode_hello(Hello("stream", RESPEAKER))


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def routes(time) -> RelayRoutes:
    return RelayRoutes(time.now)


@pytest.fixture
def url(routes) -> Iterator[str]:
    """Where the relay's routes are served."""
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes.routes()), port=0, log_level="error"))
    started = threading.Event()
    startup = server.startup

    async def announced(*arguments, **settings):
        await startup(*arguments, **settings)
        started.set()

    server.startup = announced
    thread = threading.Thread(target=server.run)
    thread.start()
    assert started.wait(60)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def client(url) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url) as client:
        yield client


def recording(samples: np.ndarray) -> RecordingSource:
    return RecordingSource(samples, RESPEAKER, RATE, clock=AT_ONCE)


def headers(token: str, stream: str = "stream") -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", relay.STREAM_HEADER: stream}


def silence(sequence: int = 0, frames: int = 100, channels: int = 4) -> bytes:
    return encode_block(Block(sequence, np.zeros((channels, frames))))


def heard(source: RelaySource) -> np.ndarray:
    """All that was accepted and is kept."""
    return source._buffer.read(0)[0]


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 50)), max_size=5), st.integers(1, 16))
def test_blocks_come_out_as_they_went_in(shapes, channels):
    rng = np.random.default_rng(0)
    blocks = [Block(sequence, rng.uniform(-1, 1, (channels, frames))) for sequence, frames in shapes]
    decoded = decode_blocks(b"".join(map(encode_block, blocks)), channels)
    assert [block.sequence for block in decoded] == [sequence for sequence, _ in shapes]
    for block, sent in zip(decoded, blocks, strict=True):
        np.testing.assert_allclose(block.samples, sent.samples, atol=1 / relay.FULL_SCALE)


@given(st.binary(max_size=60))
def test_whatever_comes_is_decoded_or_refused(body):
    for decode in (decode_hello, lambda body: decode_blocks(body, 4)):
        try:
            decode(body)
        except InputError:
            continue


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (silence()[:-1], "cut"),
        (silence()[:5], "cut"),
        (silence(channels=6), "6 channels"),
        (relay.HEADER.pack(0, 4, 0), "0 samples"),
        (relay.HEADER.pack(0, 4, 60000), "60000 samples"),
        (bytes(relay.LARGEST_BODY + 1), "over"),
    ],
)
def test_blocks_that_are_no_sound_are_refused(body, word):
    with pytest.raises(InputError, match=word):
        decode_blocks(body, 4)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"version": 1', b'"version": 2'),
        (b"16000", b"96000"),
        (b"16000", b"true"),
        (b'"stream": "stream"', b'"stream": ""'),
        (b'"stream": "stream"', b'"stream": 7'),
        (b'"stream": "stream"', b'"stream": ["stream"]'),
        (b'"stream": "stream"', b'"stream": "\\ud800"'),
        (b'"stream": "stream"', b'"stream": "two\\nlines"'),
        (b'"name": "respeaker-4"', b'"name": "\\ud800"'),
        (b"positions", b"places"),
        (b"0.03231", b"NaN"),
        (b'"name": "respeaker-4"', b'"name": 4'),
    ],
)
def test_hellos_that_describe_no_array_are_refused(old, new):
    assert old in HELLO and decode_hello(HELLO).geometry.positions == RESPEAKER.positions
    with pytest.raises(InputError):
        decode_hello(HELLO.replace(old, new))


def test_what_was_lost_is_counted_and_what_comes_twice_is_heard_once():
    source = RelaySource(RESPEAKER)
    blocks = [Block(k, np.full((4, 10), k / 10)) for k in range(8)]
    source.accept(blocks[:3])
    source.accept(blocks[1:4])
    source.accept(blocks[6:])
    assert (source.status.overflows, source.status.lost) == (1, 20)
    np.testing.assert_allclose(heard(source)[0, ::10], [0, 0.1, 0.2, 0.3, 0.6, 0.7], atol=1e-6)


def test_sound_arrives_through_the_relay_and_is_located(routes, url):
    sent = plane_wave(speech(3), RESPEAKER, np.deg2rad(120)).astype(np.float32)
    token = routes.issue()
    assert routes.source(token) is None
    client = RelayClient(url, token, recording(sent))
    for _ in client.run():
        pass
    source = routes.source(token)
    assert (client.sent, client.dropped, client.message) == (60, 0, "")
    assert source.closed and "ended its stream" in source.status.message
    assert source.geometry.positions == RESPEAKER.positions
    np.testing.assert_allclose(heard(source), sent, atol=1e-4)
    view = [*LiveLocalizer(recording(heard(source))).views()][20]
    assert abs(np.rad2deg(view.sources[0].angle) - 120) < 5


def test_wrong_tokens_are_refused(routes, url, time):
    wrong, expired = routes.issue()[:-1], routes.issue()
    time.seconds += relay_routes.TOKEN_SECONDS
    for token in (wrong, expired, "nonsense"):
        with pytest.raises(InputError, match="does not know this token"):
            list(RelayClient(url, token, recording(np.zeros((4, RATE)))).run())
    assert routes.source(expired) is None


def test_nobody_without_the_token_gets_in(routes, client):
    token = routes.issue()
    for authorization in ({}, {"Authorization": token}, {"Authorization": f"Basic {token}"}, headers(token + "x")):
        assert client.post(relay.HELLO_PATH, content=HELLO, headers=authorization).status_code == 401
    assert client.post(relay.HELLO_PATH, content=HELLO, headers=headers(token)).status_code == 204
    assert client.post(relay.BLOCKS_PATH, content=silence(), headers=headers("x")).status_code == 401
    assert client.post(relay.BLOCKS_PATH, content=silence(), headers=headers(token)).status_code == 204


def test_sessions_hear_their_own_array_only(routes, client):
    tokens = [routes.issue(), routes.issue()]
    for k, token in enumerate(tokens):
        client.post(relay.HELLO_PATH, content=encode_hello(Hello(f"s{k}", RESPEAKER)), headers=headers(token))
        body = encode_block(Block(0, np.full((4, 10), (k + 1) / 4)))
        assert client.post(relay.BLOCKS_PATH, content=body, headers=headers(token, f"s{k}")).status_code == 204
        assert client.post(relay.BLOCKS_PATH, content=body, headers=headers(token, "other")).status_code == 410
    for k, token in enumerate(tokens):
        np.testing.assert_allclose(heard(routes.source(token)), np.full((4, 10), (k + 1) / 4), atol=1e-4)
    assert routes.source("nonsense") is None


def test_a_token_opens_one_stream_at_a_time(routes, client, url):
    token = routes.issue()
    client.post(relay.HELLO_PATH, content=HELLO, headers=headers(token))
    source = routes.source(token)
    assert client.post(relay.HELLO_PATH, content=HELLO, headers=headers(token)).status_code == 204  # sent once more
    assert routes.source(token) is source
    with pytest.raises(InputError, match="Another array already sends"):
        list(RelayClient(url, token, recording(np.zeros((4, RATE)))).run())
    assert not source.closed
    assert client.delete(relay.HELLO_PATH, headers=headers(token)).status_code == 204
    list(RelayClient(url, token, recording(np.zeros((4, RATE)))).run())
    assert routes.source(token) is not source and heard(routes.source(token)).shape == (4, RATE)


@pytest.mark.parametrize("chunked", [False, True])
def test_oversize_requests_are_refused(routes, client, chunked):
    token = routes.issue()
    client.post(relay.HELLO_PATH, content=HELLO, headers=headers(token))
    for path, most in ((relay.BLOCKS_PATH, relay.LARGEST_BODY), (relay.HELLO_PATH, relay.LARGEST_HELLO)):
        body = bytes(most + 1)
        content = iter([body[: most // 2], body[most // 2 :]]) if chunked else body
        assert client.post(path, content=content, headers=headers(token)).status_code == 413
    assert client.post(relay.BLOCKS_PATH, content=silence(channels=6), headers=headers(token)).status_code == 400
    assert heard(routes.source(token)).shape == (4, 0)


def test_no_more_sound_than_time_passes(routes, client, time):
    token = routes.issue()
    client.post(relay.HELLO_PATH, content=HELLO, headers=headers(token))

    def send(sequence: int) -> int:
        content = silence(sequence, relay.MOST_FRAMES)
        return client.post(relay.BLOCKS_PATH, content=content, headers=headers(token)).status_code

    answers = [send(k) for k in range(25)]
    assert answers.index(429) == relay_routes.BURST_SECONDS * RATE // relay.MOST_FRAMES and set(answers[19:]) == {429}
    time.seconds += 1
    assert send(30) == 204


def test_idle_streams_are_closed(routes, client, time):
    token = routes.issue()
    client.post(relay.HELLO_PATH, content=HELLO, headers=headers(token))
    source = routes.source(token)
    blocks = source.blocks()
    assert next(blocks).shape == (4, 0)
    client.post(relay.BLOCKS_PATH, content=silence(), headers=headers(token))
    assert next(blocks).shape == (4, 100)
    time.seconds += relay_source.QUIET_SECONDS + 1
    assert next(blocks).shape == (4, 0) and "Nothing comes" in source.status.message
    time.seconds += relay_source.IDLE_SECONDS
    assert list(blocks) == [] and "was closed" in source.status.message
    assert client.post(relay.BLOCKS_PATH, content=silence(), headers=headers(token)).status_code == 410


def test_revoked_and_expired_tokens_end_their_streams(routes, client, time):
    for end in (routes.revoke, lambda token: setattr(time, "seconds", time.seconds + relay_routes.TOKEN_SECONDS)):
        token = routes.issue()
        client.post(relay.HELLO_PATH, content=HELLO, headers=headers(token))
        source = routes.source(token)
        end(token)
        assert routes.source(token) is None and source.closed
    routes.revoke("nonsense")


def test_a_token_that_nobody_uses_ends_soon_and_one_that_is_waited_for_does_not(routes, time):
    unused, awaited = routes.issue(), routes.issue()
    for _ in range(3):
        time.seconds += 0.6 * relay_routes.UNUSED_SECONDS
        routes.source(awaited)  # as a live view asks that waits for its array
    assert routes.knows(awaited) and not routes.knows(unused)


def test_tokens_are_bounded_and_the_one_unused_longest_gives_way(routes, client, time):
    """Anonymous visitors cannot keep others from relaying, and no array that sends is cut off."""
    sending = routes.issue()
    client.post(relay.HELLO_PATH, content=HELLO, headers=headers(sending))
    first, *others = (routes.issue() for _ in range(relay_routes.MOST_TOKENS - 1))
    time.seconds += 1
    routes.source(first)
    newest = routes.issue()
    assert routes.knows(newest) and routes.knows(first) and routes.knows(sending)
    assert [routes.knows(token) for token in others] == [False] + [True] * (len(others) - 1)


def test_arrays_that_send_are_bounded(routes, client, time):
    tokens = [routes.issue() for _ in range(relay_routes.MOST_TOKENS)]
    for token in tokens:
        assert client.post(relay.HELLO_PATH, content=HELLO, headers=headers(token)).status_code == 204
    with pytest.raises(InputError, match="Too many"):
        routes.issue()
    time.seconds += relay_routes.TOKEN_SECONDS
    routes.issue()


class FailingLine(httpx.BaseTransport):
    """Fails at first, then loses the answers to some requests that did arrive."""

    def __init__(self, failures: int):
        self._line, self._failures, self._requests = httpx.HTTPTransport(), failures, 0

    def handle_request(self, request):
        self._requests += 1
        if self._requests <= self._failures:
            raise httpx.ConnectError("no route")
        answer = self._line.handle_request(request)
        if self._requests == self._failures + 2:
            raise httpx.ReadTimeout("answer lost")
        return answer


def test_a_line_that_fails_is_tried_again_and_nothing_comes_twice(routes, url, monkeypatch):
    monkeypatch.setattr(relay_client, "FIRST_PAUSE", 0.001)
    sent, token = np.random.default_rng(0).uniform(-0.5, 0.5, (4, RATE)).astype(np.float32), routes.issue()
    client = RelayClient(url, token, Endless(sent), transport=FailingLine(3))
    run = client.run()
    while client.sent < 1:
        next(run)
    run.close()
    source = routes.source(token)
    assert client.dropped == 0 and source.status.lost == 0
    np.testing.assert_allclose(heard(source)[:, :RATE], sent, atol=1e-4)


class Endless(RecordingSource):
    """A recording, and then nothing for ever."""

    def __init__(self, samples: np.ndarray):
        super().__init__(samples, RESPEAKER, RATE, clock=AT_ONCE)

    def blocks(self):
        yield from super().blocks()
        while True:
            yield np.zeros((4, 0), dtype=np.float32)


def test_while_the_line_is_down_the_oldest_blocks_are_dropped_and_counted(url):
    seconds = relay_client.QUEUED_SECONDS + 2
    source = recording(np.zeros((4, int(seconds * RATE))))
    client = RelayClient(url, "token", source, transport=FailingLine(10**6))
    list(client.run())
    assert (client.sent, client.dropped) == (0, 40) and "The line is down" in client.message


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("example.com", "address of a page"),
        ("ftp://example.com", "address of a page"),
        ("https://user@example.com", "address of a page"),
        ("http://[bad", "address of a page"),
        ("http://example.com", "without encryption"),
    ],
)
def test_addresses_that_cannot_be_meant_are_refused(address, word):
    with pytest.raises(InputError, match=word):
        RelayClient(address, "token", recording(np.zeros((4, 10))))


def test_what_is_sent_without_encryption_must_be_asked_for():
    RelayClient("http://example.com", "token", recording(np.zeros((4, 10))), plain_http=True)
    with pytest.raises(InputError, match="token that the page shows"):
        RelayClient("https://example.com", "line\nbreak", recording(np.zeros((4, 10))))


def test_arrays_of_other_shapes_are_relayed(routes, client):
    token = routes.issue()
    hello = encode_hello(Hello("stream", ARRAYS["circle-6"]))
    client.post(relay.HELLO_PATH, content=hello, headers=headers(token))
    assert client.post(relay.BLOCKS_PATH, content=silence(channels=6), headers=headers(token)).status_code == 204
    assert routes.source(token).geometry.name == "circle-6"
