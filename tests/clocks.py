"""Clocks that wait for nothing."""

from core.arrays.live.sources import Clock

AT_ONCE = Clock(lambda: 0.0, lambda seconds: None)


class Time:
    """A clock that only the test moves."""

    seconds = 0.0

    def now(self) -> float:
        return self.seconds
