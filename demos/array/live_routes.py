"""The routes of live views: a stream of server-sent events for each live session.

Server-sent events do not occupy the queue of runs, need no further package, and pass proxies. A token, new for every
view, opens it once.
"""

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
from demos.array.live_session import LiveSession
from demos.array.room import decode_voices
from demos.server.routes import Refusal, as_endpoint, digest_of, held_by, new_token, read_body
from demos.turns.worker import in_thread

VIEW_PATH, ROOM_PATH = "/live/{token}", "/live/{token}/room"
MOST_AT_ONCE = 8
KEPT_SLOTS = 12
UNCLAIMED_SECONDS = 30.0  # until a view that was not opened ends
LARGEST_ROOM = 4096  # bytes
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


@dataclass
class LiveSlot:
    """A visitor's live session.

    Args:
        digest: of the token, which itself is not stored.
        opened: time when the token was issued, by the clock of `LiveRoutes`.
        claimed: the token was used.
        over: the view has ended; the last seconds of sound are still there.
    """

    session: LiveSession
    digest: bytes
    opened: float
    claimed: bool = False
    over: bool = False


class LiveRoutes:
    """Issues a token for every live view, and streams the view to its holder.

    Args:
        now: a clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self._now, self._lock = now, threading.RLock()
        self._slots: OrderedDict[str, LiveSlot] = OrderedDict()  # by visitor

    def open(self, visitor: str, session: LiveSession) -> str:
        """Registers a session and returns its token; ends the visitor's former session.

        Raises:
            InputError: too many others are open; the visitor's former session goes on.
        """
        token = new_token()
        with self._lock:
            if self.listeners - self.is_open(visitor) >= MOST_AT_ONCE:
                raise InputError(f"{MOST_AT_ONCE} visitors are listening live already; try again in a few minutes.")
            self.close(visitor)
            self._slots[visitor] = LiveSlot(session, digest_of(token), self._now())
            self._clear()
        return token

    @property
    def listeners(self) -> int:
        """How many views are open, or may still be opened."""
        with self._lock:
            return sum(not self._is_over(slot) for slot in self._slots.values())

    def session(self, visitor: str) -> LiveSession | None:
        """A visitor's present or last session."""
        with self._lock:
            slot = self._slots.get(visitor)
            return slot.session if slot else None

    def is_open(self, visitor: str) -> bool:
        """Whether a visitor's session goes on."""
        with self._lock:
            return visitor in self._slots and not self._is_over(self._slots[visitor])

    def close(self, visitor: str) -> None:
        """Ends a visitor's session and drops its sound."""
        with self._lock:
            slot = self._slots.pop(visitor, None)
        if slot:
            self._leave(slot)

    def routes(self) -> list[Route]:
        """For the page's server."""
        return [
            Route(VIEW_PATH, as_endpoint(self._view), methods=["GET"]),
            Route(ROOM_PATH, as_endpoint(self._arrange), methods=["POST"]),
        ]

    async def _view(self, request: Request) -> StreamingResponse:
        with self._lock:
            slot = self._find(request)
            if slot.claimed or self._is_over(slot):
                raise Refusal(409, "This live view was opened before; listen again.")
            slot.claimed = True
        return StreamingResponse(self._events(slot), media_type="text/event-stream", headers=HEADERS)

    async def _events(self, slot: LiveSlot) -> AsyncIterator[str]:
        try:
            async with aclosing(in_thread(slot.session.messages())) as messages:
                async for message in messages:
                    yield f"data: {json.dumps(message, separators=(',', ':'))}\n\n"
        finally:
            self._leave(slot)

    async def _arrange(self, request: Request) -> None:
        room = self._find(request).session.room
        if room is None:
            raise Refusal(409, "What is listened to cannot be moved.")
        voices = decode_voices(await read_body(request, LARGEST_ROOM))
        room.arrange(replace(room.arrangement, voices=voices))

    def _find(self, request: Request) -> LiveSlot:
        """The token's slot."""
        with self._lock:
            found = held_by(request.path_params["token"], self._slots.values())
        if found is None:
            raise Refusal(404, "There is no such live view; listen again.")
        return found

    def _clear(self) -> None:
        """Ends views that were not opened in time, and drops the oldest of those that are over, never an open one."""
        over = [visitor for visitor, slot in self._slots.items() if self._is_over(slot)]
        for visitor in over:
            self._leave(self._slots[visitor])
        for visitor in over[: max(len(self._slots) - KEPT_SLOTS, 0)]:
            del self._slots[visitor]

    def _is_over(self, slot: LiveSlot) -> bool:
        return slot.over or (not slot.claimed and self._now() - slot.opened > UNCLAIMED_SECONDS)

    def _leave(self, slot: LiveSlot) -> None:
        slot.over = True
        slot.session.stop()
