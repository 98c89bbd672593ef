"""Time left by an injected clock."""

from types import SimpleNamespace

import pytest

from core.tasks import drawing
from core.tasks.drawing import TimeLeft


@pytest.mark.parametrize(("draws", "warm_up"), [(1, 0.0), (8, 0.0), (8, 0.04)])
def test_the_first_time_left_is_near_the_truth(monkeypatch, draws, warm_up):
    """A start of one evaluation, then updates of one for each draw, of a tenth of a second each."""
    clock = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(drawing.time, "monotonic", lambda: clock.seconds)
    time_left, steps = TimeLeft(2, 1 / draws), 19
    clock.seconds += 0.1 + warm_up
    truth = (2 * steps * draws + 1) * 0.1
    _, left = time_left.update(0, SimpleNamespace(step=0, total_steps=steps))
    assert left == pytest.approx(truth, rel=0.5)
    clock.seconds += 0.1 * draws
    _, left = time_left.update(0, SimpleNamespace(step=1, total_steps=steps))
    assert left == pytest.approx(truth - 0.1 * draws, rel=0.05)


def test_work_of_another_kind_has_its_own_pace(monkeypatch):
    """Ten quick steps of one block, then those of another, each of which takes as long as they did together."""
    clock = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(drawing.time, "monotonic", lambda: clock.seconds)
    time_left = TimeLeft(2)
    for step in range(1, 11):
        clock.seconds += 0.1
        time_left.update(0, SimpleNamespace(step=step, total_steps=10))
    time_left.change_pace()
    for step in range(1, 11):
        clock.seconds += 1.0
        _, left = time_left.update(1, SimpleNamespace(step=step, total_steps=10))
        assert left == pytest.approx(10 - step)
