"""Blocks of a clip, each a chain of its own: here one after the other, or spread over processes and GPUs.

A block's noise depends on the seed and its place alone, so the audio is the same whoever works on it.
"""

import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from multiprocessing.context import SpawnContext

import numpy as np
import torch

from core.errors import InputError
from core.priors.wrapped import Counted
from core.processes import follow_parent, undisturbed
from core.tasks.blocks import Span
from core.types import Iterate, Prior

PATIENCE_SECONDS = 1.0  # between two looks at whether all workers live

Update = tuple[Iterate, np.ndarray, np.ndarray]  # an iterate, its estimate and its state, [..., frames]
Chain = Callable[[Prior, int, int], Iterator[Update]]  # (prior, first, last + 1) -> the updates of a block
Load = Callable[[str], Prior]  # device -> prior


@dataclass(frozen=True)
class BlockUpdate:
    """An update of one block.

    Args:
        number: of the block.
        estimate, state: of the chain, [..., frames].
        asked: samples that the block's prior has been asked about so far.
    """

    number: int
    iterate: Iterate
    estimate: np.ndarray
    state: np.ndarray
    asked: int


def run_blocks(
    chain: Chain, blocks: Sequence[Span], prior: Prior, load: Load, devices: Sequence[str]
) -> Iterator[BlockUpdate]:
    """Runs the chain of every block; updates of several devices come mixed.

    Args:
        chain: to be spread it must be picklable, as must load.
        prior: serves the first device; further processes load it themselves.
        devices: one for each process, such as ["cuda:0", "cuda:1"] or ["cpu", "cpu"].

    Raises:
        InputError: one that the chain raises, or a process that was ended from outside.
        RuntimeError: a fault of ours in a process.
    """
    devices = list(devices)[: max(len(blocks), 1)]
    if len(devices) == 1:
        yield from _run_here(chain, enumerate(blocks), prior)
        return
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    tasks, results = context.Queue(), context.Queue()
    for task in [*enumerate(blocks), *(None for _ in devices)]:
        tasks.put(task)
    threads = max(1, (os.cpu_count() or 1) // len(devices))
    processes: list[multiprocessing.Process] = []
    try:
        for device in devices:
            with undisturbed():
                processes.append(_started(context, (chain, load, device, threads, tasks, results)))
        yield from _collected(results, processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _run_here(chain: Chain, numbered: Iterable[tuple[int, Span]], prior: Prior) -> Iterator[BlockUpdate]:
    for number, (first, last) in numbered:
        counted = Counted(prior)
        with closing(chain(counted, first, last)) as updates:
            for iterate, estimate, state in updates:
                yield BlockUpdate(number, iterate, estimate, state, counted.samples)


def _started(context: SpawnContext, arguments: tuple) -> multiprocessing.Process:
    process = context.Process(target=_serve, args=arguments, daemon=True)
    process.start()
    return process


def _serve(chain: Chain, load: Load, device: str, threads: int, tasks, results) -> None:
    """What a process does: blocks until there are no more; what it raises is sent, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and ends its processes
    follow_parent()
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    try:
        prior = load(device)
        for update in _run_here(chain, iter(tasks.get, None), prior):
            results.put(_packed(update))
    except InputError as error:
        results.put(error)
    except Exception as error:  # noqa: BLE001 (the parent says it)
        results.put(RuntimeError(f"{type(error).__name__}: {error}"))
    results.put(None)


def _collected(results, processes: Sequence) -> Iterator[BlockUpdate]:
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
            yield item


def _packed(update: BlockUpdate) -> BlockUpdate:
    """Without the tensors of the iterate, which only its own process needs."""
    nothing = torch.empty(0)
    return replace(update, iterate=replace(update.iterate, x=nothing, denoised=nothing))
