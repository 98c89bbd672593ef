"""Processes that end: a worker with its parent, whatever ended that, and a command on any signal that asks it to."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import FrameType

LEAVE_SECONDS = 10.0  # for a worker to put away what it was writing
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

Handler = Callable[[int, FrameType | None], None]


class Ended(SystemExit):
    """Raised in a worker that is asked to end."""


def follow_parent() -> None:
    """Ends this process, a child of `multiprocessing`, by SIGTERM once its parent is gone, by force if it stays."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), name="parent", daemon=True).start()


def leave_in_order() -> None:
    """Makes SIGTERM raise `Ended`, once; Ctrl-C is for the parent, which ends its workers."""

    def leave(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Ended

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, leave)


def end_processes(processes: Sequence[BaseProcess]) -> None:
    """Asks processes to end, and ends by force those that do not.

    `Ended` is lost where a finaliser raises it, and comes late where a compiled loop runs.
    """
    for process in processes:
        process.terminate()
    waiting, until = {process.sentinel: process for process in processes}, time.monotonic() + LEAVE_SECONDS
    while waiting and time.monotonic() < until:
        for sentinel in wait(list(waiting), timeout=until - time.monotonic()):
            del waiting[sentinel]
    for process in waiting.values():
        process.kill()


@contextmanager
def handling(handler: Handler) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP call the handler inside the block; those that are ignored, as under nohup, stay so.

    Outside the main thread, which alone hears signals, nothing changes.
    """
    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in ENDING} if here else {}
    heard = [number for number, known in before.items() if known not in (signal.SIG_IGN, None)]
    for number in heard:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP wait for the end of the block: a process that is half begun would be nobody's."""
    asked: list[int] = []
    with handling(lambda number, frame: asked.append(number)):
        yield
    if asked:
        signal.raise_signal(asked[0])


def interrupt(number: int, frame: FrameType | None) -> None:
    """A handler: what asks for an end does it like Ctrl-C. A terminal that closes may ask again, and is not heard."""
    for other in set(ENDING) - {signal.SIGINT}:
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LEAVE_SECONDS)
    os._exit(1)
