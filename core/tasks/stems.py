"""What a task that takes sound apart yields: progress and one result, each with several stems."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from core.signal.clip import Clip
from core.types import Iterate


@dataclass(frozen=True)
class StemsProgress:
    """A moment of a run, ready to be played; the clips are made when they are asked for.

    Args:
        names: of the stems.
        make_clips: makes what the sampler hears of each stem.
        make_chains: makes what the chain of each stem is.
        iterate: level, step, total_steps, log_prob and residual of the update.
        seconds: since the run began.
        seconds_left: an honest estimate of what remains.
    """

    names: tuple[str, ...]
    make_clips: Callable[[], tuple[Clip, ...]]
    make_chains: Callable[[], tuple[Clip, ...]]
    iterate: Iterate
    seconds: float
    seconds_left: float

    @cached_property
    def clips(self) -> tuple[Clip, ...]:
        return self.make_clips()

    @cached_property
    def chains(self) -> tuple[Clip, ...]:
        return self.make_chains()


@dataclass(frozen=True)
class Separation:
    """The end of a run.

    Args:
        stems: name -> clip; they add up to the mixture.
        mixture: the input.
        misses: the largest sample by which the stems' sum misses the mixture.
        baselines: method -> clips, stem by stem.
        metrics: stem -> figures against the truth; values are None where there is no truth.
        baseline_metrics: method -> stem -> figures.
        report: what `--report` writes, without the file names.
        truths: stem -> the reference, where there are any.
        notes: plain sentences a user should read.
    """

    stems: Mapping[str, Clip]
    mixture: Clip
    misses: float
    baselines: Mapping[str, tuple[Clip, ...]]
    metrics: Mapping[str, Mapping[str, float | None]]
    baseline_metrics: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    report: Mapping
    truths: Mapping[str, Clip] | None = None
    notes: tuple[str, ...] = field(default=())


SeparationRun = Iterator[StemsProgress | Separation]
