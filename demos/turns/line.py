"""The line in which runs wait for their turn, and the rules by which they get one.

Who came first goes first, with two exceptions that keep the line fair:

- a visitor's second run waits behind the first runs of others;
- of two turns one alone is for long runs while short ones wait. A run that turns out to be long steps aside between
  two of its updates, and goes on where it was.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import InputError

SHORT_SECONDS = 10.0  # a run that takes longer is a long one
OVERDUE_SHARE = 0.25  # what a run that takes longer than expected still takes, of what it took so far


@dataclass(eq=False)
class Turn:
    """A run's place in the line.

    Args:
        visitor: whose it is.
        number: how many came before it.
        expected: seconds that it takes.
        begin: called once it may run, and again where it had stepped aside; from any thread, with the line locked.
        spent: seconds that it ran for before it stepped aside.
        since: when it began to run; None while it waits.
    """

    visitor: str
    number: int
    expected: float
    begin: Callable[[], None]
    spent: float = 0.0
    since: float | None = None

    def used(self, now: float) -> float:
        """Seconds that it has run for."""
        return self.spent + (0.0 if self.since is None else now - self.since)

    def left(self, now: float) -> float:
        """Seconds that it still takes, as far as anybody knows."""
        used = self.used(now)
        return max(self.expected - used, OVERDUE_SHARE * used)

    def is_long(self, now: float) -> bool:
        return max(self.expected, self.used(now)) > SHORT_SECONDS


@dataclass(frozen=True)
class Place:
    """Where a run stands that waits.

    Args:
        ahead: how many waiting runs get their turns before it.
        seconds: until its own begins, about.
        aside: it had begun, and made room for short runs.
    """

    ahead: int
    seconds: float
    aside: bool


class Line:
    """Turns for those who run, places for those who wait; every method may be called from any thread.

    Args:
        at_once: how many run.
        waiting: how many may wait.
        of_one: how many a visitor may have, running and waiting.
        now: a clock, in seconds.
    """

    def __init__(self, at_once: int, waiting: int, of_one: int, now: Callable[[], float] = time.monotonic):
        self._at_once, self._most_waiting, self._most_of_one, self._now = at_once, waiting, of_one, now
        self._long_at_once = max(at_once - 1, 1)
        self._lock, self._came = threading.RLock(), 0
        self._running: list[Turn] = []
        self._waiting: list[Turn] = []

    def join(self, visitor: str, expected: float, begin: Callable[[], None]) -> Turn:
        """A place at the end of the line; the turn begins before this returns where one is free.

        Raises:
            InputError: too many wait already, or too many of this visitor's.
        """
        with self._lock:
            own = sum(turn.visitor == visitor for turn in (*self._running, *self._waiting))
            if own >= self._most_of_one:
                raise InputError(
                    f"You have {own} runs under way or waiting already, which is as many as a visitor may; start this "
                    "one when one of them has ended."
                )
            if len(self._running) >= self._at_once and self._fresh() >= self._most_waiting:
                raise InputError(self._refusal())
            turn = Turn(visitor, self._came, expected, begin)
            self._came += 1
            self._waiting.append(turn)
            self._fill()
        return turn

    def leave(self, turn: Turn) -> float:
        """Ends a turn, or gives a place up; it may be called twice. Returns the seconds that the run ran for."""
        with self._lock:
            used = turn.used(self._now())
            for those in (self._running, self._waiting):
                if turn in those:
                    those.remove(turn)
            turn.spent, turn.since = used, None
            self._fill()
        return used

    def step_aside(self, turn: Turn) -> bool:
        """Asked between two updates of a run: whether it has to wait now, until `begin` is called again.

        The newest of the long runs makes room, one at a time, and as many stand aside as may run: what they hold in
        memory stays there.
        """
        with self._lock:
            now = self._now()
            long = [other for other in self._running if other.is_long(now)]
            aside = sum(other.spent > 0 for other in self._waiting)
            shorter = any(not other.is_long(now) for other in self._waiting)
            crowded = len(long) > self._long_at_once and aside < self._at_once
            if not (crowded and shorter and turn is max(long, key=lambda other: other.number)):
                return False
            self._running.remove(turn)
            turn.spent, turn.since = turn.used(now), None
            self._waiting.append(turn)
            self._fill()
        return True

    def place(self, turn: Turn) -> Place:
        """Where a run that waits stands: the line is followed to its turn as if all runs took what they should."""
        with self._lock:
            if turn not in self._waiting:  # it has just begun
                return Place(0, 0.0, turn.spent > 0)
            ahead, seconds = self._followed(turn, self._now())
            return Place(ahead, seconds, turn.spent > 0)

    def counts(self) -> tuple[int, int]:
        """How many run, and how many wait."""
        with self._lock:
            return len(self._running), len(self._waiting)

    def _fresh(self) -> int:
        """How many wait that have not begun."""
        return sum(not turn.spent for turn in self._waiting)

    def _fill(self) -> None:
        """Gives free turns to those who wait."""
        while self._waiting and len(self._running) < self._at_once:
            now = self._now()
            turn = self._next(self._waiting, self._running, now)
            self._waiting.remove(turn)
            self._running.append(turn)
            turn.since = now
            turn.begin()

    def _next(self, waiting: Sequence[Turn], running: Sequence[Turn], now: float) -> Turn:
        """Whose turn comes, of those who wait."""

        def order(turn: Turn) -> tuple[bool, int, int]:
            """Short runs first where enough long ones run; then first runs of visitors, and who came first."""
            earlier = [other for other in (*waiting, *running) if other.visitor == turn.visitor]
            return full and turn.is_long(now), sum(other.number < turn.number for other in earlier), turn.number

        full = sum(turn.is_long(now) for turn in running) >= self._long_at_once
        return min(waiting, key=order)

    def _followed(self, wanted: Turn | None, now: float) -> tuple[int, float]:
        """How many turns begin before the wanted one's, and after how many seconds that begins.

        For None of one that comes behind all who wait.
        """
        running, waiting = [(turn.left(now), turn) for turn in self._running], list(self._waiting)
        ahead, seconds = 0, 0.0
        while True:
            if len(running) >= self._at_once:
                running.sort(key=lambda item: item[0])
                seconds = running.pop(0)[0]
            if not waiting:
                return ahead, seconds
            turn = self._next(waiting, [other for _, other in running], now)
            if turn is wanted:
                return ahead, seconds
            waiting.remove(turn)
            running.append((seconds + turn.left(now), turn))
            ahead += 1

    def _refusal(self) -> str:
        minutes = max(round(self._followed(None, self._now())[1] / 60), 1)
        return (
            f"{self._fresh()} runs are waiting already, which is as many as may; try again in about {minutes} "
            f"minute{'s' if minutes > 1 else ''}."
        )
