"""The throttle by an injected clock: the first, the last, a few between them; and what is kept to scrub through."""

import numpy as np
import pytest

from core.signal.clip import Clip
from core.tasks.progress import SOUND, Progress, Result
from core.types import Iterate
from demos.page.history import RUN_ITERATES, Histories, RunHistory
from demos.page.stream import Throttle, throttled


def progress(step: int, total: int = 40, frames: int = 64) -> Progress:
    clip = Clip(np.full((1, frames), step / 1000, np.float32), 16000)
    iterate = Iterate(None, None, 1 / step, step, total, None, 0.1)
    return Progress(step, total - step, iterate, None, lambda: {SOUND: clip}, lambda: {SOUND: clip})


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def shown_steps(clock: Clock, *, each: float, show: float, total: int = 40) -> list:
    """Steps that reach the page when an update takes `each` seconds and showing it `show`."""

    def run():
        for step in range(1, total + 1):
            clock.seconds += each
            yield progress(step, total)
        yield Result({}, None, {})

    shown = []
    for item in throttled(run(), lambda item: None, Throttle(0.25, clock)):
        clock.seconds += show
        shown.append(item.iterate.step if isinstance(item, Progress) else "result")
    return shown


def test_fast_updates_are_thinned_to_four_a_second():
    shown = shown_steps(Clock(), each=0.0625, show=0.0)
    assert shown[0] == 1 and shown[-2:] == [40, "result"]
    assert shown[1:-2] == list(range(5, 40, 4))


def test_slow_updates_are_all_shown():
    assert shown_steps(Clock(), each=1.0, show=0.1) == [*range(1, 41), "result"]


def test_showing_takes_at_most_a_quarter_of_the_time():
    clock = Clock()
    shown = shown_steps(clock, each=0.5, show=2.0)
    assert 2.0 * (len(shown) - 3) <= 0.25 * clock.seconds
    assert shown[0] == 1 and shown[-2:] == [40, "result"]


def test_the_last_update_is_shown_once():
    assert shown_steps(Clock(), each=1.0, show=0.0, total=1) == [1, "result"]


def test_closing_stops_the_run_and_keeps_what_there_was():
    stopped, kept = [], []

    def run():
        try:
            for step in range(1, 41):
                yield progress(step)
        finally:
            stopped.append(True)

    updates = throttled(run(), kept.append)
    next(updates)
    updates.close()
    assert stopped and len(kept) == 1


def test_a_history_holds_every_iterate_while_there_is_room():
    history = RunHistory("key", 0.0)
    for step in range(1, 41):
        history.add(progress(step))
    assert [iterate.step for iterate in history.iterates] == list(range(1, 41))
    sounds, chains = history.iterates[9].sounds()
    assert sounds[SOUND].samples[0, 0] == pytest.approx(0.01, abs=1 / 32767) and chains[SOUND].sample_rate == 16000


def test_a_history_thins_evenly_and_keeps_first_and_newest():
    history = RunHistory("key", 0.0, limit=10 * 256)
    for step in range(1, 100):
        history.add(progress(step))
        assert history.iterates[0].step == 1 and history.iterates[-1].step == step
        assert history.nbytes <= 10 * 256
    gaps = np.diff([iterate.step for iterate in history.iterates])
    assert len(set(gaps[:-1])) == 1


def test_a_history_is_bounded_in_number():
    history = RunHistory("key", 0.0)
    for step in range(1, 1000):
        history.add(progress(step))
    assert len(history.iterates) <= RUN_ITERATES + 1
    assert history.iterates[-1].step == 999


def filled(key: str) -> RunHistory:
    history = RunHistory(key, 0.0)
    history.add(progress(1))
    return history


def test_a_session_sees_only_its_own_runs_and_leaves_none():
    histories = Histories()
    histories.put("anna", "inpaint", filled("a"))
    histories.put("ben", "inpaint", filled("b"))
    assert histories.get("ben", "inpaint").key == "b" and histories.get("ben", "declip") is None
    histories.drop("anna")
    assert histories.get("anna", "inpaint") is None and histories.get("ben", "inpaint").key == "b"


def test_the_history_touched_longest_ago_goes_first():
    histories = Histories(limit=2 * 256)
    for session in ("anna", "ben"):
        histories.put(session, "inpaint", filled(session))
    histories.get("anna", "inpaint")
    histories.put("cleo", "inpaint", filled("cleo"))
    assert histories.get("ben", "inpaint") is None
    assert histories.get("anna", "inpaint") and histories.get("cleo", "inpaint")
