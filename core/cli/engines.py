"""Where jobs run: one after the other here, in several processes of this machine, or on a Ray cluster.

A process may be ended from outside, or by a library that crashes. That is never the end of the other jobs: those that
were being worked on are begun once more, each alone, so that the guilty one is known.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from core.errors import InputError

ENGINES = ("local", "ray")
LOST = "The process that worked on it was ended twice (out of memory?); give it a shorter or another file."
UNREACHABLE = "The Ray cluster can no longer be reached. What is done is kept: start again."

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Lost(Generic[Job]):
    """Comes instead of a result where a job's process was ended twice, the second time without others beside it."""

    job: Job


Engine = Callable[[Callable[[Job], Result], Sequence[Job]], Iterator[Result | Lost[Job]]]


def engine(name: str, workers: int, address: str | None) -> Engine:
    """A function that does the work on every job and yields what came of each as it ends.

    Args:
        workers: jobs at once; one runs in this very process, which is then lost with a job that crashes.
        address: of a Ray cluster; None starts one on this machine.

    Raises:
        InputError: Ray is asked for and not installed, or cannot be reached.
    """
    if name == "ray":
        return partial(_on_ray, ray=_connected(workers, address))
    return _here if workers == 1 else partial(_in_processes, workers=workers)


def _here(work: Callable, jobs: Sequence) -> Iterator:
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
    pool = _pool(workers, threads)
    try:
        while running or (waiting and not suspects):
            try:
                while waiting and not suspects and len(running) < workers:
                    running[pool.submit(work, waiting[0])] = waiting[0]
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
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _alone(work: Callable, job, threads: int):
    """What comes of a job in a process of its own."""
    with _pool(1, threads) as pool:
        try:
            return pool.submit(work, job).result()
        except BrokenProcessPool:
            return Lost(job)


def _pool(workers: int, threads: int) -> ProcessPoolExecutor:
    """Processes are spawned: torch's threads do not survive a fork."""
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _prepare, (threads,))


def _on_ray(work: Callable, jobs: Sequence, ray) -> Iterator:
    """A process that ends takes one job with it, which is begun again when the others are done."""

    def run(job):
        _prepare(1)
        return work(job)

    begin = ray.remote(num_cpus=1, max_retries=0)(run).remote
    waiting, again = {begin(job): job for job in jobs}, []
    try:
        while waiting:
            (ended,), _ = ray.wait(list(waiting))
            job = waiting.pop(ended)
            try:
                yield ray.get(ended)
            except ray.exceptions.RayError:
                again.append(job)
        for job in again:
            try:
                yield ray.get(begin(job))
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


def _connected(workers: int, address: str | None):
    try:
        import ray
    except ImportError:
        raise InputError("Ray is not installed; install resound[cluster], or leave out --engine ray.") from None
    settings = {
        "log_to_driver": False,
        "logging_level": "ERROR",
        "include_dashboard": False,
        "configure_logging": False,
    }
    if address:
        settings = {"address": address, "log_to_driver": False}
    else:
        settings |= {"num_cpus": workers}
    try:
        ray.init(**settings)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(f"The Ray cluster cannot be reached ({str(error).splitlines()[0]}).") from None
    return ray
