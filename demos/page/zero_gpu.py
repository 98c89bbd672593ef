"""Runs on a GPU that a Space of Hugging Face lends for a while (ZeroGPU); anywhere else they run where they are called.

The GPU is another process's: a task and what it is given are pickled on their way there, and its updates on their way
back. Progress makes its sounds when they are asked for, which only the process that drew them can; so those that a page
shows are made there, and cross as plain values (`Moment`).
"""

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import gradio as gr
import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.tasks.image_runs import ImageProgress, ImageResult, ImageRun
from core.tasks.progress import CodeStreams, DirectionsLook, Mels, Progress, Result, Run, Sounds
from core.tasks.settings import DEVICE_VARIABLE
from core.types import Iterate
from demos.page.stream import throttled
from demos.turns.worker import expected_seconds

LENT = "SPACES_ZERO_GPU"  # set where GPUs are lent
LEAST_SECONDS, MOST_SECONDS = 60, 120  # of a loan; what ends sooner gives the rest back
MARGIN = 3.0  # of a loan over what a run should take: one that is not over by then is ended

Task = Callable[..., Run | ImageRun]


@dataclass(frozen=True)
class Moment:
    """An update of a run as it crosses; the same as `Progress`, but that everything is made and tensors are arrays."""

    seconds: float
    seconds_left: float
    iterate: Iterate | None
    look: DirectionsLook | None
    sounds: Sounds
    chains: Sounds
    mels: Mels
    chain_mels: Mels
    streams: CodeStreams | None

    @classmethod
    def of(cls, progress: Progress) -> "Moment":
        made = (progress.sounds, progress.chains, progress.mels, progress.chain_mels)
        iterate = None if progress.iterate is None else _with_arrays(progress.iterate)
        return cls(progress.seconds, progress.seconds_left, iterate, progress.look, *made, _said(progress.streams))

    def progress(self) -> Progress:
        """What it was made of, on the other side."""
        made = (self.sounds, self.chains, self.mels, self.chain_mels, self.streams)
        iterate = None if self.iterate is None else _with_tensors(self.iterate)
        return Progress(self.seconds, self.seconds_left, iterate, self.look, *(partial(_there, own) for own in made))


@dataclass(frozen=True)
class Refusal:
    """An `InputError` as it crosses: what a loan raises comes back as something else."""

    sentence: str


def run(task: Task, *given: Any, **settings: Any) -> Run | ImageRun:
    """A run of a task of `core.tasks`, with what it is to be given.

    On a lent GPU about four updates a second cross, and all of what is looked at.

    Raises:
        InputError: the task's own; no GPU is lent to this visitor now.
    """
    return task(*given, **settings) if _lent is None else _crossed(_lent(task, given, settings, expected_seconds.get()))


def loan_seconds(task: Task, given: Sequence, settings: Mapping, expected: float) -> int:
    """How long a GPU is asked for.

    Args:
        expected: seconds that the run should take, learned from those that ended.
    """
    return min(max(math.ceil(MARGIN * expected), LEAST_SECONDS), MOST_SECONDS)


def worked(task: Task, given: Sequence, settings: Mapping, expected: float) -> Iterator[Any]:
    """What crosses of a run, in the process that has the GPU."""
    os.environ.pop(DEVICE_VARIABLE, None)
    passed: list = []
    try:
        with closing(throttled(task(*given, **settings), passed.append)) as updates:
            for item in updates:
                yield from (Moment.of(own) for own in passed if own is not item and getattr(own, "look", None))
                yield _plain(item)
                passed.clear()
    except InputError as error:
        yield Refusal(str(error))


def _crossed(items: Iterator[Any]) -> Run | ImageRun:
    """The run that they are of, on the page's side."""
    try:
        with closing(items):
            for item in items:
                if isinstance(item, Refusal):
                    raise InputError(item.sentence)
                yield _whole(item)
    except gr.Error as error:  # of who lends
        said = re.sub(r"<[^>]*>", "", str(error.message)).strip().rstrip(".")
        raise InputError(f"Hugging Face lends no GPU for this run now ({said}); try again later.") from None


def _borrowing() -> Callable[..., Iterator[Any]] | None:
    """`worked`, on a GPU that is lent; None where none is. Whatever else computes does it on this machine's CPU."""
    if os.environ.get(LENT, "").lower() not in ("1", "t", "true"):
        return None
    try:
        import spaces
    except ImportError:
        return None
    os.environ[DEVICE_VARIABLE] = "cpu"
    return spaces.GPU(worked, duration=loan_seconds)


def _plain(item: Progress | Result | ImageProgress | ImageResult) -> Any:
    if isinstance(item, Progress):
        return Moment.of(item)
    if isinstance(item, Result):
        return replace(item, make_streams=partial(_there, _said(item.streams)))
    return replace(item, iterate=_with_arrays(item.iterate)) if isinstance(item, ImageProgress) else item


def _whole(item: Any) -> Progress | Result | ImageProgress | ImageResult:
    if isinstance(item, Moment):
        return item.progress()
    return replace(item, iterate=_with_tensors(item.iterate)) if isinstance(item, ImageProgress) else item


def _said(streams: CodeStreams | None) -> CodeStreams | None:
    """Code streams with what every chain says made."""
    if streams is None:
        return None
    return replace(streams, say={rank: streams.say(rank) for rank in range(len(streams.codes))}.__getitem__)


def _there(made: Any) -> Any:
    """What was made on the other side."""
    return made


def _with_arrays(iterate: Iterate) -> Iterate:
    return _changed(iterate, Tensor, lambda tensor: tensor.detach().cpu().numpy())


def _with_tensors(iterate: Iterate) -> Iterate:
    return _changed(iterate, np.ndarray, torch.from_numpy)


def _changed(iterate: Iterate, kind: type, change: Callable[[Any], Any]) -> Iterate:
    """With its fields of one kind changed."""
    values = {field.name: getattr(iterate, field.name) for field in fields(iterate)}
    return replace(iterate, **{name: change(value) for name, value in values.items() if isinstance(value, kind)})


_lent = _borrowing()
