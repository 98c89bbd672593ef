"""What every task is asked with and what it yields: settings in, progress and one result out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from core.signal.clip import Clip
from core.types import Iterate

Quality = Literal["draft", "standard", "fine"]


@dataclass(frozen=True)
class Settings:
    """The choices that all restoration tasks share.

    Args:
        prior: a name that the zoo knows; None takes the task's default.
        quality: a preset of sampler and score evaluations: draft at most 20, standard 40, fine 160.
        sampler: "diffusion", "langevin" or "original"; None takes what suits the prior.
        steps: updates of the chain in total (`original`: per level); None takes the preset's.
        seed: of every random draw.
        device: "auto", "cpu", "cuda", "cuda:K" or "all": every GPU there is.
        workers: processes that windows are spread over on a CPU.
        window_seconds: length of a window; None takes the sampler's own. `original` moves random windows of a block.
        batch: windows that an update of `original` moves at once; None takes PnF's.
    """

    prior: str | None = None
    quality: Quality = "standard"
    sampler: str | None = None
    steps: int | None = None
    seed: int = 0
    device: str = "auto"
    workers: int = 1
    window_seconds: float | None = None
    batch: int | None = None


@dataclass(frozen=True)
class Progress:
    """A moment of a run, ready to be played.

    The clips are made when they are asked for: a run makes more moments than anybody hears.

    Args:
        make_clip: makes what the sampler hears in the chain (the denoised estimate with the evidence put back).
        make_chain: makes what the chain is.
        iterate: level, step, total_steps, log_prob and residual of the update.
        seconds: since the run began.
        seconds_left: an honest estimate of what remains.
    """

    make_clip: Callable[[], Clip]
    make_chain: Callable[[], Clip]
    iterate: Iterate
    seconds: float
    seconds_left: float

    @cached_property
    def clip(self) -> Clip:
        return self.make_clip()

    @cached_property
    def chain(self) -> Clip:
        return self.make_chain()

    @property
    def clips(self) -> tuple[Clip]:
        """As `StemsProgress` has several."""
        return (self.clip,)

    @property
    def chains(self) -> tuple[Clip]:
        return (self.chain,)


@dataclass(frozen=True)
class Result:
    """The end of a run.

    Args:
        clip: the restored audio.
        baselines: name -> clip, what the obvious methods make of the same evidence.
        metrics: of the clip against the truth; values are None where there is no truth.
        baseline_metrics: name -> metrics.
        report: what `--report` writes, without the file names.
        observed: the input as the prior saw it, playable at the result's rate.
        truth: the reference, where there is one.
        notes: plain sentences a user should read (the file ended early, the input was silent...).
    """

    clip: Clip
    baselines: Mapping[str, Clip]
    metrics: Mapping[str, float | None]
    baseline_metrics: Mapping[str, Mapping[str, float | None]]
    report: Mapping
    observed: Clip
    truth: Clip | None = None
    notes: tuple[str, ...] = field(default=())


Run = Iterator[Progress | Result]
