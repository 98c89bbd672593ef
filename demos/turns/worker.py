"""Keeps long steps off the event loop, so that Stop is heard at once and not after the step that is under way.

At most RUNS_AT_ONCE generators run, and WAITING_AT_MOST wait for their turn, as `demos.turns.line` says; nothing else
of the page waits with them.
"""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TypeVar

from demos.turns.durations import FIRST_GUESS_SECONDS, Durations, Kind
from demos.turns.line import Line, Place

T = TypeVar("T")
expected_seconds: contextvars.ContextVar[float] = contextvars.ContextVar(
    "expected_seconds", default=FIRST_GUESS_SECONDS
)
"""How long the run that is under way should take, for who asks in its thread."""
RUNS_AT_ONCE, WAITING_AT_MOST, RUNS_OF_ONE = 2, 32, 8
TELLING_SECONDS = 2.0  # between two words to who waits; whoever has gone is noticed then
END = object()


@dataclass(frozen=True)
class Asker:
    """Who wants a run, and what of.

    Args:
        visitor: the session.
        kind: what is asked for, by which it is guessed how long it takes.
        told: what is yielded to who waits.
    """

    visitor: str
    kind: Kind
    told: Callable[[Place], object]


class Background:
    """Runs in the background, in turn.

    Args:
        line: says whose turn it is.
    """

    def __init__(self, line: Line):
        self._line, self._durations = line, Durations()

    async def run(self, items: Iterator[T], asker: Asker) -> AsyncIterator[T]:
        """As `in_thread`, but waits for its turn and steps aside where others come first.

        The last step of a stopped run still takes its place.

        Raises:
            InputError: too many wait already; the generator is not begun then.
        """
        called, ended = asyncio.Event(), False

        def noting_its_end() -> Iterator[T]:
            nonlocal ended
            yield from items
            ended = True

        def leave() -> None:
            seconds = self._line.leave(turn)
            if ended:
                self._durations.learn(asker.kind, seconds)

        expected = self._durations.expected(asker.kind)
        turn = self._line.join(asker.visitor, expected, _from_any_thread(called.set))
        try:
            while turn.since is None:
                yield asker.told(self._line.place(turn))
                await _for_a_moment(called)
        except BaseException:
            leave()
            raise
        context = contextvars.copy_context()
        context.run(expected_seconds.set, expected)
        async with aclosing(in_thread(noting_its_end(), leave, context)) as made:
            async for item in made:
                yield item
                if self._line.step_aside(turn):
                    while turn.since is None:
                        yield asker.told(self._line.place(turn))
                        await _for_a_moment(called)


_line = Line(RUNS_AT_ONCE, WAITING_AT_MOST, RUNS_OF_ONE)
_background = Background(_line)


def in_background(items: Iterator[T], asker: Asker) -> AsyncIterator[T]:
    """As `Background.run`, in the line of this server."""
    return _background.run(items, asker)


def counts() -> tuple[int, int]:
    """How many runs of this server are under way, and how many wait."""
    return _line.counts()


async def in_thread(
    items: Iterator[T], afterwards: Callable[[], None] = lambda: None, context: contextvars.Context | None = None
) -> AsyncIterator[T]:
    """The items of a generator that runs in a thread of its own, each made when it is asked for.

    Cancelling returns at once; the step under way ends by itself and then the generator is closed.

    Args:
        afterwards: called in that thread once the generator is closed.
        context: that it runs in; None for a copy of the caller's.
    """
    context = context or contextvars.copy_context()
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


async def _for_a_moment(called: asyncio.Event) -> None:
    """Until a turn begins, but not much longer than whoever waits is to hear nothing."""
    called.clear()
    with suppress(TimeoutError):
        await asyncio.wait_for(called.wait(), TELLING_SECONDS)


def _from_any_thread(call: Callable[[], None]) -> Callable[[], None]:
    """The call, made in the running loop; nothing where that is closed."""
    loop = asyncio.get_running_loop()

    def made() -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(call)

    return made
