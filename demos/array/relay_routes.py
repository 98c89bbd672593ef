"""The routes of the relay, and the tokens that the page issues.

A token admits one stream at a time and expires, soon where no array comes. Only its holder gets the stream.
"""

import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.routing import Route

from core.arrays.live.relay import (
    BLOCKS_PATH,
    HELLO_PATH,
    LARGEST_BODY,
    LARGEST_HELLO,
    STREAM_HEADER,
    decode_blocks,
    decode_hello,
)
from core.arrays.live.relay_source import RelaySource
from core.errors import InputError
from demos.server.routes import Refusal, as_endpoint, digest_of, held_by, new_token, read_body

TOKEN_SECONDS = 2 * 3600.0
UNUSED_SECONDS = 600.0  # without an array, and without a view that waits for one
MOST_TOKENS = 64
BURST_SECONDS = 10.0  # of sound that may come at once, after the connection failed
FASTER = 1.25  # than real time, at most


@dataclass
class RelayToken:
    """A token and its stream.

    Args:
        digest: of the token, which itself is not stored.
        expires: time, by the clock of `RelayRoutes`.
        used: when it was last asked for.
        stream: name of its stream.
        source: of its stream.
        allowance: samples per microphone that may come at time `counted`.
    """

    digest: bytes
    expires: float
    used: float
    stream: str = ""
    source: RelaySource | None = None
    allowance: float = 0.0
    counted: float = 0.0

    @property
    def streams(self) -> bool:
        """Whether its array sends."""
        return self.source is not None and not self.source.closed


class RelayRoutes:
    """Issues tokens, and accepts streams from their holders.

    Args:
        now: a clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self._now, self._lock = now, threading.RLock()
        self._tokens: list[RelayToken] = []

    def issue(self) -> str:
        """Returns a new token; where there are too many, the one that has been without an array longest ends.

        Raises:
            InputError: too many arrays send.
        """
        token, now = new_token(), self._now()
        with self._lock:
            self._forget_expired()
            if len(self._tokens) >= MOST_TOKENS:
                unused = [known for known in self._tokens if not known.streams]
                if not unused:
                    raise InputError("Too many arrays are connected to this page; try again later.")
                self._end(min(unused, key=lambda known: known.used), "The token has given way to a newer one.")
            self._tokens.append(RelayToken(digest_of(token), now + TOKEN_SECONDS, now))
        return token

    def knows(self, token: str) -> bool:
        """Whether a token is valid."""
        with self._lock:
            return self._find(token) is not None

    def source(self, token: str) -> RelaySource | None:
        """The source of a token's stream; None before it begins, or if the token is not valid."""
        with self._lock:
            known = self._find(token)
            if known is None:
                return None
            known.used = self._now()
            return known.source

    def revoke(self, token: str) -> None:
        """Ends a token and its stream."""
        with self._lock:
            known = self._find(token)
            if known:
                self._end(known, "The page has ended the stream.")

    def routes(self) -> list[Route]:
        """For the page's server."""
        return [
            Route(HELLO_PATH, as_endpoint(self._hello), methods=["POST"]),
            Route(HELLO_PATH, as_endpoint(self._goodbye), methods=["DELETE"]),
            Route(BLOCKS_PATH, as_endpoint(self._blocks), methods=["POST"]),
        ]

    async def _hello(self, request: Request) -> None:
        known = self._admitted(request)
        hello = decode_hello(await read_body(request, LARGEST_HELLO))
        with self._lock:
            if known.streams and known.stream != hello.stream:
                raise Refusal(409, "Another array already sends with this token.")
            if not known.streams:
                known.stream, known.source = hello.stream, RelaySource(hello.geometry, self._now)
                known.allowance, known.counted = BURST_SECONDS * hello.geometry.sample_rate, self._now()

    async def _blocks(self, request: Request) -> None:
        known = self._admitted(request)
        source = self._stream(known, request)
        blocks = decode_blocks(await read_body(request, LARGEST_BODY), source.geometry.count)
        with self._lock:
            self._charge(known, sum(block.samples.shape[1] for block in blocks), source.sample_rate)
            source.accept(blocks)

    async def _goodbye(self, request: Request) -> None:
        self._stream(self._admitted(request), request).close()

    def _admitted(self, request: Request) -> RelayToken:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        with self._lock:
            known = self._find(token) if scheme.lower() == "bearer" else None
        if known is None:
            raise Refusal(401, "This token is not known, or has expired.")
        known.used = self._now()
        return known

    def _stream(self, known: RelayToken, request: Request) -> RelaySource:
        """The open stream that the request belongs to."""
        same = hmac.compare_digest(known.stream.encode(), request.headers.get(STREAM_HEADER, "").encode())
        if known.source is None or known.source.closed or not same:
            raise Refusal(410, "This stream is closed; begin with a hello.")
        return known.source

    def _charge(self, known: RelayToken, frames: int, sample_rate: int) -> None:
        """A leaky bucket: no more sound than time passes, except for a burst."""
        refill = FASTER * sample_rate * (self._now() - known.counted)
        known.allowance = min(known.allowance + refill, BURST_SECONDS * sample_rate)
        known.counted = self._now()
        if frames > known.allowance:
            raise Refusal(429, "The sound comes faster than it is played.")
        known.allowance -= frames

    def _find(self, token: str) -> RelayToken | None:
        """The token's record."""
        self._forget_expired()
        return held_by(token, self._tokens)

    def _forget_expired(self) -> None:
        now = self._now()
        for known in list(self._tokens):
            if known.expires <= now or (not known.streams and known.used + UNUSED_SECONDS <= now):
                self._end(known, "The token has expired.")

    def _end(self, known: RelayToken, message: str) -> None:
        self._tokens.remove(known)
        if known.source:
            known.source.close(message)
