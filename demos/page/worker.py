"""Keeps long steps off the event loop, so that Stop is heard at once and not after the step that is under way.

At most RUNS_AT_ONCE generators run, and WAITING_AT_MOST wait for their turn, in the order in which they came; nothing
else of the page waits with them.
"""

import asyncio
import contextvars
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TypeVar

from core.errors import InputError

T = TypeVar("T")
RUNS_AT_ONCE, WAITING_AT_MOST = 2, 32
FIRST_GUESS_SECONDS, NEWEST_SHARE = 20.0, 0.3  # how long a run takes, and what the last one changes of that
END = object()


class Lanes:
    """Turns for those who run, and for those who wait.

    Args:
        at_once: how many run.
        waiting: how many may wait.
        now: a clock, in seconds.
    """

    def __init__(self, at_once: int, waiting: int, now: Callable[[], float] = time.monotonic):
        self._at_once, self._most, self._now = at_once, waiting, now
        self._lock, self._free = threading.Lock(), at_once
        self._waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future]] = deque()
        self._usual = FIRST_GUESS_SECONDS

    async def enter(self) -> float:
        """Waits for a turn; returns the time at which it began, which `leave` asks for.

        Raises:
            InputError: too many wait already.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._free:
                self._free -= 1
                return self._now()
            if len(self._waiting) >= self._most:
                raise InputError(self._refusal())
            turn = loop.create_future()
            self._waiting.append((loop, turn))
        try:
            await turn
        except asyncio.CancelledError:
            self._give_up(loop, turn)
            raise
        return self._now()

    def leave(self, began: float) -> None:
        """Ends a turn, from any thread; the next one begins."""
        with self._lock:
            self._usual += NEWEST_SHARE * (self._now() - began - self._usual)
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            loop, turn = self._waiting.popleft()
            try:
                loop.call_soon_threadsafe(self._begin, turn)
                return
            except RuntimeError:  # its loop is closed
                continue
        self._free += 1

    def _begin(self, turn: asyncio.Future) -> None:
        if not turn.done():
            turn.set_result(None)
            return
        with self._lock:  # cancelled meanwhile
            self._pass_on()

    def _give_up(self, loop: asyncio.AbstractEventLoop, turn: asyncio.Future) -> None:
        with self._lock:
            if (loop, turn) in self._waiting:
                self._waiting.remove((loop, turn))
            elif not turn.cancelled():  # it had begun
                self._pass_on()

    def _refusal(self) -> str:
        minutes = max(round((len(self._waiting) + 1) * self._usual / self._at_once / 60), 1)
        return (
            f"{len(self._waiting)} runs are waiting already, which is as many as may; try again in about {minutes} "
            f"minute{'s' if minutes > 1 else ''}."
        )


_lanes = Lanes(RUNS_AT_ONCE, WAITING_AT_MOST)


async def in_background(items: Iterator[T]) -> AsyncIterator[T]:
    """As `in_thread`, but waits for its turn; the last step of a stopped run still takes its place.

    Raises:
        InputError: too many wait already; the generator is not begun then.
    """
    began = await _lanes.enter()
    async with aclosing(in_thread(items, lambda: _lanes.leave(began))) as made:
        async for item in made:
            yield item


async def in_thread(items: Iterator[T], afterwards: Callable[[], None] = lambda: None) -> AsyncIterator[T]:
    """The items of a generator that runs in a thread of its own, each made when it is asked for.

    Cancelling returns at once; the step under way ends by itself and then the generator is closed.

    Args:
        afterwards: called in that thread once the generator is closed.
    """
    context = contextvars.copy_context()
    loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, thread_name_prefix="run")
    try:
        while (item := await loop.run_in_executor(thread, context.run, next, items, END)) is not END:
            yield item
    finally:
        thread.submit(context.run, _close, items, afterwards)
        thread.shutdown(wait=False)


def _close(items: Iterator, afterwards: Callable[[], None]) -> None:
    try:
        items.close()
    finally:
        afterwards()
