"""Generators that yield progress and return a result: how one is passed on, and how one is run to its end."""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
Result = TypeVar("Result")


def mapped(run: Generator[Item, None, Result], make: Callable[[Item], Made]) -> Generator[Made, None, Result]:
    """Yields what is made of every item, and returns what the run returns; closing it closes the run."""
    with closing(run):
        while True:
            try:
                item = next(run)
            except StopIteration as end:
                return end.value
            yield make(item)


def finished(run: Generator[Item, None, Result]) -> Result:
    """What a run returns; its items are let go."""
    with closing(run):
        while True:
            try:
                next(run)
            except StopIteration as end:
                return end.value


def part(run: Generator[float, None, Result], start: float, end: float) -> Generator[float, None, Result]:
    """A run that yields shares of its work, 0 to 1, as a part of more work: from one share of that to another."""
    return mapped(run, lambda share: start + (end - start) * share)
