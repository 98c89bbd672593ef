"""Where jobs run: one after the other here, in several processes of this machine, or on a Ray cluster.

A process may be ended from outside, or by a library that crashes. That is never the end of the other jobs: those that
were being worked on are begun once more, each alone, so that the guilty one is known.
"""

import argparse
import atexit
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from core.cli import options
from core.errors import InputError
from core.processes import Ended, end_processes, follow_parent, leave_in_order, undisturbed

ENGINES = ("local", "ray")
OURS = "RESOUND_"  # what the names of our variables begin with
LOST = "The process that worked on it was ended twice (out of memory?); give it a shorter or another file."
UNREACHABLE = "The Ray cluster can no longer be reached. What is done is kept: start again."

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Lost(Generic[Job]):
    """Comes instead of a result where a job's process was ended twice, the second time without others beside it."""

    job: Job


Engine = Callable[[Callable[[Job], Result], Sequence[Job]], Iterator[Result | Lost[Job]]]


def add_options(command: argparse.ArgumentParser, jobs: str) -> None:
    """Adds `--engine`, `--workers` and `--address` to a command.

    Args:
        jobs: what they are called, in the plural.
    """
    command.add_argument("--engine", choices=ENGINES, default="local", help=f"where {jobs} are worked on")
    command.add_argument("--workers", type=options.whole(1, 1024), default=1, metavar="N", help=f"{jobs} at once")
    command.add_argument("--address", metavar="URL", help="of a Ray cluster; else one is started on this machine")


def chosen(arguments: argparse.Namespace) -> Engine:
    """The engine that these options ask for, see `engine`."""
    return engine(arguments.engine, arguments.workers, arguments.address)


def engine(name: str, workers: int, address: str | None) -> Engine:
    """A function that does the work on every job and yields what came of each as it ends.

    Args:
        workers: jobs at once; one runs in this very process, which is then lost with a job that crashes.
        address: of a Ray cluster; None starts one on this machine.

    Raises:
        InputError: Ray is asked for and not installed, or cannot be reached.
    """
    if name == "ray":
        _connected(workers, address)  # what cannot be reached is refused before anything is written
        return partial(_on_ray, workers=workers, address=address)
    return here if workers == 1 else partial(_in_processes, workers=workers)


def here(work: Callable, jobs: Sequence) -> Iterator:
    """An engine: one after the other, in this very process."""
    yield from map(work, jobs)


def _in_processes(work: Callable, jobs: Sequence, workers: int) -> Iterator:
    """Every process has its share of the cores."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    waiting = deque(jobs)
    while waiting:
        suspects = yield from _together(work, waiting, min(workers, len(waiting)), threads)
        for job in suspects:
            yield _alone(work, job, threads)


def _together(work: Callable, waiting: deque, workers: int, threads: int) -> Generator:
    """Works on jobs until none waits or a process ends.

    Only as many are handed out as there are processes, so that few are under suspicion.

    Args:
        waiting: jobs that are begun are taken out of it.

    Yields:
        What came of each.

    Returns:
        Jobs that were being worked on when a process ended.
    """
    running: dict[Future, object] = {}
    suspects: list = []
    with _pool(workers, threads) as pool:
        while running or (waiting and not suspects):
            try:
                while waiting and not suspects and len(running) < workers:
                    with undisturbed():  # it may begin processes
                        running[pool.submit(_in_order, work, waiting[0])] = waiting[0]
                    waiting.popleft()
            except BrokenProcessPool:
                if not running:
                    return suspects
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    suspects.append(job)
    return suspects


def _alone(work: Callable, job, threads: int):
    """What comes of a job in a process of its own."""
    with _pool(1, threads) as pool:
        try:
            with undisturbed():
                future = pool.submit(_in_order, work, job)
            return future.result()
        except BrokenProcessPool:
            return Lost(job)


@contextmanager
def _pool(workers: int, threads: int) -> Iterator[ProcessPoolExecutor]:
    """Its processes are spawned, as torch's threads do not survive a fork; a block that is left early ends them."""
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (threads,))
    try:
        yield pool
    except BaseException:
        end_processes(multiprocessing.active_children())
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(threads: int) -> None:
    leave_in_order()
    follow_parent()
    _prepare(threads)


def _in_order(work: Callable, job):
    """Does the work, in a process of a pool; one that is asked to end meanwhile leaves once its files are put away."""
    try:
        return work(job)
    except Ended:
        atexit._run_exitfuncs()  # as a pool takes exceptions of its jobs for results, this one cannot rise
        os._exit(1)


def _on_ray(work: Callable, jobs: Sequence, workers: int, address: str | None) -> Iterator:
    """A process or a machine that ends takes its jobs with it, which are begun again when the others are done."""
    if not jobs:
        return
    ray, surroundings = _connected(workers, address), _Surroundings.of_this_process()

    def run(work, job):
        surroundings.enter()
        _prepare(1)
        return work(job)

    try:
        begin = partial(ray.remote(num_cpus=1, max_retries=0)(run).remote, ray.put(work))
        waiting, again = {begin(job): job for job in jobs}, []
        while waiting:
            (ended,), _ = ray.wait(list(waiting))
            job = waiting.pop(ended)
            try:
                yield _result(ray, ended)
            except ray.exceptions.RayError:
                again.append(job)
        for job in again:
            try:
                yield _result(ray, begin(job))
            except ray.exceptions.RayError:
                yield Lost(job)
    except (ray.exceptions.RayError, ConnectionError):
        raise InputError(UNREACHABLE) from None
    finally:
        ray.shutdown()


def _prepare(threads: int) -> None:
    import torch

    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)


def _result(ray, reference):
    """What came of a job on a cluster.

    Raises:
        RayError: its process ended, or its machine.
        InputError: its machine does not know what is to be done.
    """
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
    if isinstance(cause, ray.exceptions.RaySystemError):  # the work cannot be unpickled there
        reason = str(cause).splitlines()[0].removeprefix("System error: ")
        raise InputError(
            f"A machine of the Ray cluster cannot take the work ({reason}); install the same Resound on all of them."
        )
    raise cause


@dataclass(frozen=True)
class _Surroundings:
    """What a command was begun in: workers on other machines find the same files by the same names.

    Args:
        folder: that relative paths start from.
        variables: of the environment that are ours, such as the folder of the user's own checkpoints.
    """

    folder: str
    variables: Mapping[str, str]

    @classmethod
    def of_this_process(cls) -> "_Surroundings":
        return cls(os.getcwd(), {name: value for name, value in os.environ.items() if name.startswith(OURS)})

    def enter(self) -> None:
        os.environ.update(self.variables)
        with suppress(OSError):  # a folder that is not shared matters only where a job needs it, and says so
            os.chdir(self.folder)


def _connected(workers: int, address: str | None):
    """Ray, connected to a cluster, as it may be already."""
    try:
        import ray
    except ImportError:
        raise InputError("Ray is not installed; install resound[cluster], or leave out --engine ray.") from None
    if ray.is_initialized():
        return ray
    own = {"address": "local", "num_cpus": workers, "include_dashboard": False}  # never one that others started here
    place = {"address": address} if address else own
    try:
        ray.init(**place, log_to_driver=False, logging_level="ERROR", configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(f"The Ray cluster cannot be reached ({str(error).splitlines()[0]}).") from None
    return ray
