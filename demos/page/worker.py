"""Keeps long steps off the event loop, so that Stop is heard at once and not after the step that is under way."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

T = TypeVar("T")
RUNS_AT_ONCE = 2
END = object()
_lanes = threading.BoundedSemaphore(RUNS_AT_ONCE)  # the last step of a stopped run still takes its place


def in_background(items: Iterator[T]) -> AsyncIterator[T]:
    """As `in_thread`, but at most RUNS_AT_ONCE generators run; others wait."""
    return in_thread(_in_lane(items))


async def in_thread(items: Iterator[T]) -> AsyncIterator[T]:
    """The items of a generator that runs in a thread of its own, each made when it is asked for.

    Cancelling returns at once; the step under way ends by itself and then the generator is closed.
    """
    context = contextvars.copy_context()
    loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, thread_name_prefix="run")
    try:
        while (item := await loop.run_in_executor(thread, context.run, next, items, END)) is not END:
            yield item
    finally:
        thread.submit(context.run, items.close)
        thread.shutdown(wait=False)


def _in_lane(items: Iterator[T]) -> Iterator[T]:
    with _lanes, closing(items):
        yield from items
