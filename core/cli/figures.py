"""Figures of many examples: each in a file of its own, made where the engine says, and kept from run to run."""

import contextlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.cli import engines, outputs
from core.errors import InputError


@dataclass(frozen=True)
class _Attempt:
    """What came of an example: its figures, or why there are none."""

    number: int
    figures: Mapping | None
    failure: str = ""


@dataclass(frozen=True)
class _Work:
    """Evaluates one of numbered examples, whatever comes of it: one that cannot be read never stops the others."""

    evaluate: Callable[[Any], Mapping]

    def __call__(self, job: tuple[int, Any]) -> _Attempt:
        number, example = job
        try:
            return _Attempt(number, self.evaluate(example))
        except InputError as error:
            return _Attempt(number, None, str(error))
        except OSError as error:  # the disk of the machine that it ran on is full, say
            return _Attempt(number, None, f"{error.strerror or error}.")


def figures_of_each(
    places: Mapping[Any, Path], evaluate: Callable[[Any], Mapping], engine: engines.Engine = engines.here
) -> tuple[list[Mapping], int]:
    """The figures of every example that could be evaluated, in their order, and how many could not.

    What is there is not done again. Workers read the examples alone; the files are written here.

    Args:
        places: example -> the file of its figures.
        evaluate: makes an example's figures; for engines that use other processes, it and the examples are sent there.

    Raises:
        InputError: figures cannot be written.
    """
    from tqdm import tqdm

    from core.signal.json_files import read_json

    examples, paths = list(places), list(places.values())
    todo = [(number, examples[number]) for number, path in enumerate(paths) if not path.exists()]
    bar = tqdm(total=len(paths), initial=len(paths) - len(todo), leave=False, disable=outputs.hidden())
    with bar, contextlib.closing(engine(_Work(evaluate), todo)) as attempts:
        for attempt in attempts:
            if isinstance(attempt, engines.Lost):
                attempt = _Attempt(attempt.job[0], None, engines.LOST)
            if attempt.figures is None:
                bar.write(f"{examples[attempt.number]}: {attempt.failure}", file=sys.stderr)
            else:
                _write(paths[attempt.number], attempt.figures)
            bar.update()
    records = [read_json(path) for path in paths if path.exists()]
    return records, len(paths) - len(records)


def _write(path: Path, figures: Mapping) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    outputs.write_json(path, figures)
