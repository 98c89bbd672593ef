"""Windows of a clip, each a chain of its own: here one after the other, or spread over processes and GPUs.

A window's noise depends on the seed and its place alone, so the audio is the same whoever works on it.
"""

import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.context import SpawnContext
from typing import Any

import numpy as np
import torch

from core.errors import InputError
from core.tasks.blocks import Counted
from core.types import Iterate, Prior

PATIENCE_SECONDS = 1.0  # between two looks at whether all workers live

Update = tuple[Iterate, np.ndarray, np.ndarray]  # an iterate, what it hears and what it is
Work = Callable[[Prior, int, int], Iterator[Update]]  # (prior, first, last + 1) -> the chain of a window
Load = Callable[[str], Prior]  # device -> prior


@dataclass(frozen=True)
class Moment:
    """An update of one window.

    Args:
        number: of the window.
        asked: samples that its prior has been asked about so far.
    """

    number: int
    iterate: Iterate
    heard: np.ndarray
    chain: np.ndarray
    asked: int


def run_windows(
    work: Work, windows: Sequence[tuple[int, int]], prior: Prior, load: Load, devices: Sequence[str]
) -> Iterator[Moment]:
    """Runs the chain of every window (first, last + 1); those of several devices come mixed.

    Args:
        work: makes the chain; to be spread it must be picklable, as must load.
        prior: serves the first device; further processes load it themselves.
        devices: one for each process, such as ["cuda:0", "cuda:1"] or ["cpu", "cpu"].

    Raises:
        InputError: what the work raises of it.
        InputError: a process that was ended from outside, too.
        RuntimeError: a fault of ours in a process.
    """
    devices = list(devices)[: max(len(windows), 1)]
    if len(devices) == 1:
        yield from _run_here(work, enumerate(windows), prior)
        return
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    tasks, results = context.Queue(), context.Queue()
    for task in [*enumerate(windows), *(None for _ in devices)]:
        tasks.put(task)
    threads = max(1, (os.cpu_count() or 1) // len(devices))
    processes = [_started(context, (work, load, device, threads, tasks, results)) for device in devices]
    try:
        yield from _collected(results, processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _run_here(work: Work, windows, prior: Prior) -> Iterator[Moment]:
    for number, (first, last) in windows:
        counted = Counted(prior)
        with closing(work(counted, first, last)) as chain:
            for iterate, heard, own in chain:
                yield Moment(number, iterate, heard, own, counted.samples)


def _started(context: SpawnContext, arguments: tuple) -> multiprocessing.Process:
    process = context.Process(target=_serve, args=arguments, daemon=True)
    process.start()
    return process


def _serve(work: Work, load: Load, device: str, threads: int, tasks, results) -> None:
    """What a process does: windows until there are no more; what it raises is sent, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and ends its processes
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    try:
        prior = load(device)
        for moment in _run_here(work, iter(tasks.get, None), prior):
            results.put(_packed(moment))
    except InputError as error:
        results.put(error)
    except Exception as error:  # noqa: BLE001 (the parent says it)
        results.put(RuntimeError(f"{type(error).__name__}: {error}"))
    results.put(None)


def _collected(results, processes: Sequence) -> Iterator[Moment]:
    """What the processes send, until every one has said that it is done."""
    working = len(processes)
    while working:
        try:
            item = results.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            if any(process.exitcode for process in processes):
                raise InputError(
                    "A process was ended from outside (out of memory?). Start again, with fewer workers."
                ) from None
            continue
        if isinstance(item, Exception):
            raise item
        working -= item is None
        if item is not None:
            yield _unpacked(item)


def _packed(moment: Moment) -> tuple[Any, ...]:
    """Without the tensors of the iterate, which only its own process needs."""
    at = moment.iterate
    about = (at.level, at.step, at.total_steps, at.log_prob, at.residual)
    return moment.number, about, moment.heard, moment.chain, moment.asked


def _unpacked(packed: tuple) -> Moment:
    number, about, heard, chain, asked = packed
    return Moment(number, Iterate(torch.empty(0), torch.empty(0), *about), heard, chain, asked)
