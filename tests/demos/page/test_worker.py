"""Generators in the background: order, errors, Stop in the middle of a step, and how many run at once."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress

import pytest

from core.errors import InputError
from demos.page.worker import RUNS_AT_ONCE, Lanes, in_background

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


def test_turns_come_in_order_and_who_does_not_get_in_reads_when_to_come_back():
    """One runs and two may wait; runs last 3 minutes."""
    seconds, order = [0.0], []
    lanes = Lanes(1, 2, lambda: seconds[0])

    async def run_one(name: str) -> None:
        began = await lanes.enter()
        order.append(name)
        await asyncio.sleep(0)
        seconds[0] += 180
        lanes.leave(began)

    async def crowd() -> str:
        for name in "abcdefghijkl":
            await run_one(name)
        order.clear()
        began = await lanes.enter()
        waiting = [asyncio.create_task(run_one(name)) for name in "ab"]
        await asyncio.sleep(0)
        with pytest.raises(InputError) as refusal:
            await lanes.enter()
        lanes.leave(began)
        await asyncio.gather(*waiting)
        await run_one("c")
        return str(refusal.value)

    sentence = run(crowd())
    assert order == ["a", "b", "c"]
    assert sentence.startswith("2 runs are waiting already") and sentence.endswith("try again in about 9 minutes.")


@pytest.mark.parametrize("when", ["waiting", "called", "begun"])
def test_who_gives_up_leaves_the_turn_to_the_next(when):
    """Whenever that is: the lane is free in the end."""
    lanes = Lanes(1, 8)

    async def crowd() -> None:
        began = await lanes.enter()
        first, second = (asyncio.create_task(lanes.enter()) for _ in range(2))
        await asyncio.sleep(0)
        if when != "waiting":
            lanes.leave(began)
        if when == "begun":
            await asyncio.sleep(0)
        first.cancel()
        if when == "waiting":
            lanes.leave(began)
        with suppress(asyncio.CancelledError):
            lanes.leave(await first)
        lanes.leave(await asyncio.wait_for(second, PATIENCE))
        lanes.leave(await asyncio.wait_for(lanes.enter(), PATIENCE))

    run(crowd())


def test_a_run_that_is_cancelled_before_its_first_step_leaves_its_lane():
    async def crowd() -> list:
        for _ in range(3 * RUNS_AT_ONCE):
            following = asyncio.create_task(collected(iter_of_one()))
            await asyncio.sleep(0)
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
        return await asyncio.wait_for(collected(iter_of_one()), PATIENCE)

    def iter_of_one():
        yield 1

    assert run(crowd()) == [1]
