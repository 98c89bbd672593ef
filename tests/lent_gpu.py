"""Stands for the package `spaces` where GPUs are lent: a decorated generator works in another process."""

import multiprocessing
from collections.abc import Callable, Iterator
from functools import wraps
from types import ModuleType

from tests.crossing import crossed

END = None


def pickled(task: Callable[..., Iterator]) -> Callable[..., Iterator]:
    """Pickles all that a generator is given and yields, and works in this process."""

    @wraps(task)
    def sent(*given) -> Iterator:
        for item in task(*crossed(given)):
            yield crossed(item)

    return sent


def stand_in() -> ModuleType:
    """The module; `asked` lists for how many seconds each loan was."""
    module = ModuleType("spaces")
    module.asked = []

    def GPU(task: Callable[..., Iterator], duration: Callable[..., int]) -> Callable[..., Iterator]:
        @wraps(task)
        def lent(*given) -> Iterator:
            module.asked.append(duration(*given))
            here, there = multiprocessing.Pipe()
            process = multiprocessing.get_context("spawn").Process(target=_work, args=(there, task, given))
            process.start()
            there.close()
            try:
                while (item := here.recv()) is not END:
                    yield item
            finally:
                process.terminate()
                process.join()

        return lent

    module.GPU = GPU
    return module


def _work(pipe, task: Callable[..., Iterator], given: tuple) -> None:
    for item in task(*given):
        pipe.send(item)
    pipe.send(END)
