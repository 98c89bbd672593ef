"""Generators in the background: order, errors, Stop in the middle of a step, and how many run at once."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress

import pytest

from demos.page.worker import RUNS_AT_ONCE, in_background

PATIENCE = 20.0


def run(coroutine):
    """In a thread of its own: the browser's driver may keep a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


async def collected(items) -> list:
    return [item async for item in in_background(items)]


def test_items_arrive_in_order_from_one_thread_that_is_not_the_loops():
    def numbers():
        for _ in range(5):
            yield threading.get_ident()

    threads = run(collected(numbers()))
    assert len(threads) == 5 and len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


def test_an_error_comes_through():
    def broken():
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run(collected(broken()))


def test_cancelling_returns_at_once_and_the_generator_is_closed_after_its_step():
    in_step, finish, closed = threading.Event(), threading.Event(), threading.Event()

    def long_steps():
        try:
            yield "first"
            in_step.set()
            assert finish.wait(PATIENCE)
            yield "never seen"
            pytest.fail("went on after Stop")
        finally:
            closed.set()

    async def stop_in_the_middle() -> list:
        seen = []

        async def follow():
            async with aclosing(in_background(long_steps())) as items:
                async for item in items:
                    seen.append(item)

        following = asyncio.create_task(follow())
        await asyncio.to_thread(in_step.wait, PATIENCE)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        assert not finish.is_set(), "the step is still under way"
        finish.set()
        assert await asyncio.to_thread(closed.wait, PATIENCE)
        return seen

    assert run(stop_in_the_middle()) == ["first"]


def test_no_more_run_at_once_than_there_are_lanes():
    running, most, lock = 0, 0, threading.Lock()
    crowded = threading.Event()

    def job():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == RUNS_AT_ONCE:
                crowded.set()
        try:
            assert crowded.wait(PATIENCE)
            time.sleep(0.05)  # room for one too many to come in
            yield "done"
        finally:
            with lock:
                running -= 1

    async def all_of_them():
        return await asyncio.gather(*(collected(job()) for _ in range(3 * RUNS_AT_ONCE)))

    assert run(all_of_them()) == [["done"]] * (3 * RUNS_AT_ONCE)
    assert most == RUNS_AT_ONCE
