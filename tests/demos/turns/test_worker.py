"""Generators in the background: order, errors, Stop in the middle of a step, and how many run at once."""

import asyncio
import threading
import time
from contextlib import aclosing, suppress

import pytest

from demos.turns import worker
from demos.turns.line import Line, Place
from demos.turns.worker import RUNS_AT_ONCE, Asker, Background
from tests.loops import in_loop

PATIENCE = 20.0


def asker(visitor: str) -> Asker:
    return Asker(visitor, ("job",), lambda place: place)


async def collected(items, visitor="anna", background=None) -> list:
    return [item async for item in (background or Background(Line(2, 32, 8))).run(items, asker(visitor))]


def test_items_arrive_in_order_from_one_thread_that_is_not_the_loops():
    def numbers():
        for _ in range(5):
            yield threading.get_ident()

    threads = in_loop(collected(numbers()))
    assert len(threads) == 5 and len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


def test_an_error_comes_through():
    def broken():
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        in_loop(collected(broken()))


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
            async with aclosing(Background(Line(2, 32, 8)).run(long_steps(), asker("anna"))) as items:
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

    assert in_loop(stop_in_the_middle()) == ["first"]


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
        background = Background(Line(RUNS_AT_ONCE, 32, 8))
        visitors = (f"visitor {n}" for n in range(3 * RUNS_AT_ONCE))
        return await asyncio.gather(*(collected(job(), visitor, background) for visitor in visitors))

    assert [items[-1] for items in in_loop(all_of_them())] == ["done"] * (3 * RUNS_AT_ONCE)
    assert most == RUNS_AT_ONCE


def test_who_waits_hears_where_it_stands_and_a_turn_that_is_given_up_goes_to_the_next(monkeypatch):
    """One runs; whoever stops listening while it waits leaves the line."""
    monkeypatch.setattr(worker, "TELLING_SECONDS", 0.01)
    background, begun, finish = Background(Line(1, 8, 8)), asyncio.Event(), threading.Event()

    def long_run():
        yield "begun"
        assert finish.wait(PATIENCE)

    async def first():
        async for _ in background.run(long_run(), asker("anna")):
            begun.set()

    async def crowd() -> list:
        running = asyncio.create_task(first())
        await begun.wait()
        impatient, patient = (background.run(iter([1]), asker(name)) for name in ("bert", "cora"))
        assert (await anext(impatient)).ahead == 0 and (await anext(patient)).ahead == 1
        await impatient.aclose()
        while (place := await anext(patient)).ahead:
            pass
        finish.set()
        await running
        return [item async for item in patient if item != place]

    items = in_loop(crowd())
    assert items[-1] == 1 and all(isinstance(item, Place) for item in items[:-1])


def test_a_long_run_lets_a_short_one_pass_and_goes_on(monkeypatch):
    """Two run, and turn out to be long; the newer one waits until the short one is through."""
    monkeypatch.setattr(worker, "TELLING_SECONDS", 0.01)
    seconds, both, waits, passed = [0.0], threading.Barrier(2), threading.Event(), threading.Event()
    background = Background(Line(2, 8, 8, lambda: seconds[0]))

    def long_run(name: str):
        both.wait(PATIENCE)
        yield name
        seconds[0] = 100.0
        assert waits.wait(PATIENCE)
        yield name
        assert name == "bert" or passed.wait(PATIENCE), "she runs on while the short one does"

    def short_run():
        passed.set()
        yield "short"

    async def everybody() -> list:
        long = [asyncio.create_task(collected(long_run(name), name, background)) for name in ("anna", "bert")]
        while seconds[0] == 0.0:
            await asyncio.sleep(0.01)
        short = background.run(short_run(), asker("cora"))
        assert isinstance(await anext(short), Place)
        waits.set()
        assert [item async for item in short if not isinstance(item, Place)] == ["short"]
        return await asyncio.gather(*long)

    anna, bert = in_loop(everybody())
    assert anna == ["anna"] * 2, "who came first is not held up"
    assert [item for item in bert if not isinstance(item, Place)] == ["bert"] * 2
    assert any(isinstance(item, Place) and item.aside for item in bert)


def test_how_long_runs_take_is_learned_from_those_that_ended(monkeypatch):
    monkeypatch.setattr(worker, "TELLING_SECONDS", 0.01)
    seconds = [0.0]
    background = Background(Line(1, 8, 8, lambda: seconds[0]))

    def of(duration: float):
        yield "begun"
        seconds[0] += duration

    async def told() -> float:
        await collected(of(40.0), "anna", background)
        await collected(iter([]), "anna", background)  # as one that was refused
        while background._durations.expected(("job",)) != 40.0:  # learned in the run's own thread
            await asyncio.sleep(0.01)
        running = background.run(of(40.0), asker("anna"))
        while isinstance(await anext(running), Place):
            pass
        waiting = background.run(of(1.0), asker("bert"))
        place = await anext(waiting)
        await waiting.aclose()
        await running.aclose()
        return place.seconds

    assert in_loop(told()) == pytest.approx(40.0)


def test_a_run_that_is_cancelled_before_its_first_step_leaves_its_lane():
    async def crowd() -> list:
        background = Background(Line(RUNS_AT_ONCE, 32, 8))
        for _ in range(3 * RUNS_AT_ONCE):
            following = asyncio.create_task(collected(iter_of_one(), background=background))
            await asyncio.sleep(0)
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
        return await asyncio.wait_for(collected(iter_of_one(), background=background), PATIENCE)

    def iter_of_one():
        yield 1

    assert in_loop(crowd())[-1] == 1
