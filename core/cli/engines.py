"""Where jobs run: one after the other here, in several processes of this machine, or on a Ray cluster."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from core.errors import InputError

ENGINES = ("local", "ray")
Engine = Callable[[Callable, Sequence], Iterator]  # (work, jobs) -> what became of each
LOST = "A process was ended from outside (out of memory?). What is done is kept: start again, with fewer workers."


def engine(name: str, workers: int, address: str | None) -> Engine:
    """A function that does the work on every job and yields what came of each as it ends.

    Args:
        workers: jobs at once.
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
    """Every process has its share of the cores. Processes are spawned: torch's threads do not survive a fork."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, max(len(jobs), 1)), spawn, _prepare, (threads,))
    try:
        waiting = [pool.submit(work, job) for job in jobs]
        yield from (future.result() for future in as_completed(waiting))
    except BrokenProcessPool:
        raise InputError(LOST) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _on_ray(work: Callable, jobs: Sequence, ray) -> Iterator:
    def run(job):
        _prepare(1)
        return work(job)

    remote = ray.remote(num_cpus=1, max_retries=2)(run)
    waiting = [remote.remote(job) for job in jobs]
    try:
        while waiting:
            ended, waiting = ray.wait(waiting)
            yield from ray.get(ended)
    except ray.exceptions.RayError:
        raise InputError(LOST) from None
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
