"""Runs that yield progress and return a result, as tests look at them."""

from collections.abc import Generator

from core.generators import finished, mapped
from core.tasks.progress import Progress, Result


def gathered(run: Generator) -> tuple[list, object]:
    """All that a run yields, and what it returns."""
    items: list = []
    result = finished(mapped(run, items.append))
    return items, result


def finish(task: Generator) -> Result:
    """What a task yields last; all before it is progress."""
    *moments, result = task
    assert all(isinstance(moment, Progress) for moment in moments) and isinstance(result, Result)
    return result
