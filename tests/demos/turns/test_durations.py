"""What runs are expected to take, by what they are asked for."""

import pytest

from demos.turns.durations import FIRST_GUESS_SECONDS, KINDS_AT_MOST, Durations, kind_of


def test_what_is_known_of_a_kind_comes_before_what_is_known_of_its_like():
    durations = Durations()
    assert durations.expected(("inpaint", "draft")) == FIRST_GUESS_SECONDS
    durations.learn(("inpaint", "fine"), 60.0)
    assert durations.expected(("inpaint", "draft")) == 60.0, "the same task"
    durations.learn(("inpaint", "draft"), 2.0)
    assert durations.expected(("inpaint", "draft")) == 2.0 and durations.expected(("inpaint", "fine")) == 60.0


def test_it_follows_a_machine_that_has_become_slower():
    durations = Durations()
    for seconds in [1.0] * 5 + [4.0] * 20:
        durations.learn(("declip",), seconds)
    assert durations.expected(("declip",)) == pytest.approx(4.0, abs=0.01)


def test_what_was_refused_says_nothing():
    durations = Durations()
    durations.learn(("declip",), 0.01)
    assert durations.expected(("declip",)) == FIRST_GUESS_SECONDS


def test_kinds_that_visitors_make_up_do_not_pile_up():
    durations = Durations()
    for n in range(2 * KINDS_AT_MOST):
        durations.learn(("declip", n), 1.0)
    assert len(durations._known) <= KINDS_AT_MOST and durations.expected(("declip", "new")) == pytest.approx(1.0)


def test_a_kind_is_made_of_whatever_was_sent():
    asked = {"quality": "draft", "length": 3.9, "steps": True, "count": [4], "prior": None, "seconds": float("nan")}
    assert kind_of("inpaint", asked) == ("inpaint", "draft", None, 2, *[None] * 6)
    assert kind_of("inpaint", {"length": 10**400}) == kind_of("inpaint", {})
