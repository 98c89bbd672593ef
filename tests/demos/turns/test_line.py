"""Fair turns: who is next, who makes room, who is refused, and what those who wait are told."""

import random

import pytest

from core.errors import InputError
from demos.turns.line import SHORT_SECONDS, Line

SHORT, LONG = 2.0, 60.0


class Hall:
    """A line with a clock of its own, and the names of those whose turns began."""

    def __init__(self, at_once: int = 2, waiting: int = 32, of_one: int = 8):
        self.seconds, self.begun = 0.0, []
        self.line = Line(at_once, waiting, of_one, lambda: self.seconds)

    def join(self, name: str, expected: float = SHORT, visitor: str = ""):
        return self.line.join(visitor or name, expected, lambda: self.begun.append(name))


def test_who_came_first_goes_first():
    hall = Hall(at_once=1)
    turns = [hall.join(name) for name in "abcd"]
    for turn in turns:
        hall.line.leave(turn)
    assert hall.begun == list("abcd")


def test_a_second_run_waits_behind_the_first_ones_of_others():
    hall = Hall(at_once=1)
    first, _ = hall.join("a1", visitor="a"), hall.join("a2", visitor="a")
    turns = [hall.join(name) for name in "bc"]
    hall.line.leave(first)
    assert hall.begun == ["a1", "a2"], "the visitor has no other one now, and came first"
    hall = Hall(at_once=2)
    hall.join("a1", visitor="a")
    other = hall.join("x")
    hall.join("a2", visitor="a")
    turns = [hall.join(name) for name in "bc"]
    for turn in (other, *turns):
        hall.line.leave(turn)
    assert hall.begun == ["a1", "x", "b", "c", "a2"]


def test_long_runs_leave_a_turn_to_short_ones():
    hall = Hall()
    hall.join("long 1", LONG)
    short = hall.join("short 1")
    hall.join("long 2", LONG)
    hall.join("short 2")
    hall.line.leave(short)
    assert hall.begun == ["long 1", "short 1", "short 2"]


def test_where_nobody_is_short_all_turns_are_used():
    hall = Hall()
    turns = [hall.join(name, LONG) for name in "abc"]
    assert hall.begun == ["a", "b"] and not any(hall.line.step_aside(turn) for turn in turns[:2])


def test_the_newer_long_run_steps_aside_for_a_short_one_and_goes_on_after_it():
    hall = Hall()
    older, newer = hall.join("older", LONG), hall.join("newer", SHORT)
    hall.seconds = SHORT_SECONDS + 1  # it was thought to be short
    short = hall.join("short")
    assert not hall.line.step_aside(older) and hall.line.step_aside(newer)
    assert hall.begun == ["older", "newer", "short"]
    assert hall.line.place(newer).aside
    hall.seconds += SHORT
    hall.line.leave(short)
    assert hall.begun[-1] == "newer" and newer.used(hall.seconds) == SHORT_SECONDS + 1
    assert hall.line.leave(newer) == SHORT_SECONDS + 1


def test_only_so_many_stand_aside():
    """Each of them keeps what it holds in memory."""
    hall, aside = Hall(), 0
    hall.join("long", LONG)
    running = hall.join("surprise")
    for n in range(6):
        hall.seconds += SHORT_SECONDS + 1
        later = hall.join(f"surprise {n}")
        if hall.line.step_aside(running):
            running, aside = later, aside + 1
    assert aside == 2


def test_who_does_not_get_in_reads_when_to_come_back():
    """One runs and two may wait; runs last 3 minutes."""
    hall = Hall(at_once=1, waiting=2)
    for name in "abc":
        hall.join(name, 180.0)
    with pytest.raises(InputError) as refusal:
        hall.join("d")
    sentence = str(refusal.value)
    assert sentence.startswith("2 runs are waiting already") and sentence.endswith("try again in about 9 minutes.")


def test_one_visitor_has_so_many():
    hall = Hall(of_one=2)
    first, _ = hall.join("a1", visitor="a"), hall.join("a2", visitor="a")
    with pytest.raises(InputError, match="You have 2 runs under way or waiting already"):
        hall.join("a3", visitor="a")
    hall.join("b")
    hall.line.leave(first)
    hall.join("a3", visitor="a")


def test_places_and_times_come_true():
    """Where runs take what was expected, each begins when it was said to."""
    hall = Hall()
    running = {name: (hall.join(name, seconds), seconds) for name, seconds in (("a", 6.0), ("b", 2.0))}
    waiting = {name: (hall.join(name, seconds), seconds) for name, seconds in (("c", 4.0), ("d", 3.0), ("e", 1.0))}
    told = {name: hall.line.place(turn) for name, (turn, _) in waiting.items()}
    assert [(place.ahead, place.seconds) for place in told.values()] == [(0, 2.0), (1, 6.0), (2, 6.0)]
    turns, begun, ends = running | waiting, {}, {"a": 6.0, "b": 2.0}
    while ends:
        name = min(ends, key=ends.get)
        hall.seconds = ends.pop(name)
        before = len(hall.begun)
        hall.line.leave(turns[name][0])
        for started in hall.begun[before:]:
            begun[started], ends[started] = hall.seconds, hall.seconds + turns[started][1]
    assert begun == {name: place.seconds for name, place in told.items()}


def test_a_run_that_takes_longer_than_expected_is_said_to_take_longer_still():
    hall = Hall(at_once=1)
    hall.join("a", 4.0)
    waiting = hall.join("b")
    hall.seconds = 40.0
    assert hall.line.place(waiting).seconds == pytest.approx(10.0)


def test_no_turn_is_lost_whatever_happens():
    """Runs come, end, give up and step aside at random: never more run than may, and all get through in the end."""
    chance = random.Random(0)
    for _ in range(50):
        hall, here = Hall(at_once=chance.choice((1, 2, 3)), waiting=1000, of_one=1000), []
        for n in range(60):
            hall.seconds += 8 * chance.random()
            if chance.random() < 0.6:
                here.append(hall.join(str(n), chance.choice((SHORT, LONG)), chance.choice("abc")))
            for turn in [turn for turn in here if turn.since is not None and chance.random() < 0.3]:
                hall.line.step_aside(turn)
            if here and chance.random() < 0.4:
                leaving = here.pop(chance.randrange(len(here)))
                hall.line.leave(leaving)
                hall.line.leave(leaving)
            assert sum(turn.since is not None for turn in here) == min(len(here), hall.line._at_once)
        while here:
            turn = next(turn for turn in here if turn.since is not None)
            here.remove(turn)
            hall.line.leave(turn)
