"""Where live views leave the page's server: a stream of events for each visitor who listens.

Server-sent events take no place in the queue of runs, need no further package, and pass proxies. Who listens has a
token, new for every view, that opens it once.
"""

import hmac
import json
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from core.errors import InputError
from demos.array.live_session import Listening
from demos.array.room import decode_voices
from demos.array.routes import Refusal, answered, digest_of, new_token, read_body
from demos.page.worker import in_thread

VIEW_PATH, ROOM_PATH = "/live/{token}", "/live/{token}/room"
MOST_AT_ONCE = 8
KEPT_SEATS = 12
UNCLAIMED_SECONDS = 30.0  # until a view that nobody opened gives its place back
LARGEST_ROOM = 4096  # bytes
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


@dataclass
class Seat:
    """Where a visitor listens.

    Args:
        digest: of the token, which itself is not kept.
        opened: when the token was given, by the door's clock.
        claimed: the token was used.
        over: the view has ended; what was heard last is still there.
    """

    listening: Listening
    digest: bytes
    opened: float
    claimed: bool = False
    over: bool = False


class LiveDoor:
    """Gives a token for every live view, and sends the view to who comes with it.

    Args:
        now: a clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self._now, self._lock = now, threading.RLock()
        self._seats: OrderedDict[str, Seat] = OrderedDict()  # by visitor

    def open(self, visitor: str, listening: Listening) -> str:
        """A token for a view; the visitor's former one ends.

        Raises:
            InputError: too many others listen already; the visitor's former view goes on.
        """
        token = new_token()
        with self._lock:
            if self.listeners - self.is_open(visitor) >= MOST_AT_ONCE:
                raise InputError(f"{MOST_AT_ONCE} visitors are listening live already; try again in a few minutes.")
            self.close(visitor)
            self._seats[visitor] = Seat(listening, digest_of(token), self._now())
            self._clear()
        return token

    @property
    def listeners(self) -> int:
        """How many views are open or about to be."""
        with self._lock:
            return sum(not self._is_over(seat) for seat in self._seats.values())

    def of(self, visitor: str) -> Listening | None:
        """What a visitor listens to, or did last."""
        with self._lock:
            seat = self._seats.get(visitor)
            return seat.listening if seat else None

    def is_open(self, visitor: str) -> bool:
        """Whether a visitor is listening now."""
        with self._lock:
            return visitor in self._seats and not self._is_over(self._seats[visitor])

    def close(self, visitor: str) -> None:
        """Ends a visitor's view and forgets what was heard."""
        with self._lock:
            seat = self._seats.pop(visitor, None)
        if seat:
            self._leave(seat)

    def routes(self) -> list[Route]:
        """What the page's server has to route here."""
        return [
            Route(VIEW_PATH, answered(self._view), methods=["GET"]),
            Route(ROOM_PATH, answered(self._arrange), methods=["POST"]),
        ]

    async def _view(self, request: Request) -> StreamingResponse:
        with self._lock:
            seat = self._find(request)
            if seat.claimed or self._is_over(seat):
                raise Refusal(409, "This live view was opened before; listen again.")
            seat.claimed = True
        return StreamingResponse(self._events(seat), media_type="text/event-stream", headers=HEADERS)

    async def _events(self, seat: Seat) -> AsyncIterator[str]:
        try:
            async with aclosing(in_thread(seat.listening.moments())) as moments:
                async for moment in moments:
                    yield f"data: {json.dumps(moment, separators=(',', ':'))}\n\n"
        finally:
            self._leave(seat)

    async def _arrange(self, request: Request) -> None:
        room = self._find(request).listening.room
        if room is None:
            raise Refusal(409, "What is listened to cannot be moved.")
        voices = decode_voices(await read_body(request, LARGEST_ROOM))
        room.arrange(replace(room.arrangement, voices=voices))

    def _find(self, request: Request) -> Seat:
        """Compares with every token, so that the time tells nothing of them."""
        digest, found = digest_of(request.path_params["token"]), None
        with self._lock:
            for seat in self._seats.values():
                if hmac.compare_digest(seat.digest, digest):
                    found = seat
        if found is None:
            raise Refusal(404, "There is no such live view; listen again.")
        return found

    def _clear(self) -> None:
        """Views that nobody opened in time end; of those that are over the oldest are forgotten, none that is open."""
        over = [visitor for visitor, seat in self._seats.items() if self._is_over(seat)]
        for visitor in over:
            self._leave(self._seats[visitor])
        for visitor in over[: max(len(self._seats) - KEPT_SEATS, 0)]:
            del self._seats[visitor]

    def _is_over(self, seat: Seat) -> bool:
        return seat.over or (not seat.claimed and self._now() - seat.opened > UNCLAIMED_SECONDS)

    def _leave(self, seat: Seat) -> None:
        seat.over = True
        seat.listening.stop()
