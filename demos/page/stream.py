"""Thins a run's updates to what a page can show: the first, the last, and about four a second between them."""

import time
from collections.abc import Callable, Iterator

from core.tasks.image_runs import ImageProgress, ImageResult, ImageRun
from core.tasks.progress import Progress, Result, Run

INTERVAL_SECONDS = 0.25
SHOWING_SHARE = 0.25


class Throttle:
    """Says when the next update is due, by wall time.

    An update that takes long to show (a long clip, a busy machine) is followed by a longer pause, so that showing
    takes at most a share of a run's time.
    """

    def __init__(
        self,
        interval: float = INTERVAL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        share: float = SHOWING_SHARE,
    ):
        self._interval = interval
        self._clock = clock
        self._share = share
        self._due = -float("inf")

    def ready(self) -> bool:
        return self._clock() >= self._due

    def shown(self, began: float) -> None:
        """Notes that an update which began to be shown at `began` is on screen now."""
        now = self._clock()
        cost = now - began
        self._due = max(began + self._interval, now + cost * (1 / self._share - 1))

    def now(self) -> float:
        return self._clock()


def is_result(item: Progress | Result | ImageProgress | ImageResult) -> bool:
    """Whether a run is over with it."""
    return isinstance(item, Result | ImageResult)


def throttled(
    run: Run | ImageRun, keep: Callable[..., None], throttle: Throttle | None = None
) -> Iterator[Progress | Result | ImageProgress | ImageResult]:
    """The updates of a run that are worth showing, and its result; closing it closes the run.

    Args:
        keep: gets every update, shown or not.
    """
    throttle = throttle or Throttle()
    waiting = None
    try:
        for item in run:
            if is_result(item):
                if waiting is not None:
                    yield waiting
                yield item
                return
            keep(item)
            waiting = item
            if throttle.ready():
                waiting = None
                began = throttle.now()
                yield item
                throttle.shown(began)
    finally:
        run.close()
