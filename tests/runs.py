"""Runs that yield progress and return a result, as tests look at them."""

from collections.abc import Generator

from core.generators import finished, mapped


def gathered(run: Generator) -> tuple[list, object]:
    """All that a run yields, and what it returns."""
    items: list = []
    result = finished(mapped(run, items.append))
    return items, result
