"""What a session may scrub through after a run: its iterates, in bounded memory, dropped when the session ends."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from core.signal.clip import Clip
from core.tasks.progress import Progress, Sounds
from demos.page.kept import Shelf
from demos.page.scope import peak_of

RUN_BYTES = 48 * 2**20
RUN_ITERATES = 160
HISTORIES_BYTES = 384 * 2**20
INT16 = 32767


@dataclass(frozen=True)
class KeptIterate:
    """One kept iterate: audio as int16 `[channels, frames]`, one for each stem, and where on the ladder it stood.

    Args:
        peak: the highest that its audio reaches, at least 1; the largest integer stands for it.
    """

    estimates: Mapping[str, np.ndarray]
    chains: Mapping[str, np.ndarray]
    peak: float
    sample_rate: int
    step: int
    total_steps: int
    level: float
    residual: float
    log_prob: float | None

    @classmethod
    def of(cls, progress: Progress) -> "KeptIterate":
        at = progress.iterate
        clips = (*progress.sounds.values(), *progress.chains.values())
        peak = max([1.0, *map(peak_of, clips)])
        return cls(
            {name: _int16(clip, peak) for name, clip in progress.sounds.items()},
            {name: _int16(clip, peak) for name, clip in progress.chains.items()},
            peak,
            next(iter(progress.sounds.values())).sample_rate,
            at.step,
            at.total_steps,
            at.level,
            at.residual,
            at.log_prob,
        )

    @property
    def nbytes(self) -> int:
        return sum(audio.nbytes for audio in (*self.estimates.values(), *self.chains.values()))

    def sounds(self) -> tuple[Sounds, Sounds]:
        """The estimates and the chains."""
        return self._clips(self.estimates), self._clips(self.chains)

    def _clips(self, kept: Mapping[str, np.ndarray]) -> Sounds:
        step = np.float32(self.peak / INT16)
        return {name: Clip(audio * step, self.sample_rate) for name, audio in kept.items()}


@dataclass(frozen=True)
class DrawnIterate:
    """One kept iterate of a task whose sounds take long to make: as it was drawn; they are made when it is scrubbed to.

    Args:
        progress: of it, of which nothing was made.
    """

    progress: Progress
    peak: float = 1.0  # of sounds at the level of a prior

    @classmethod
    def of(cls, progress: Progress) -> "DrawnIterate":
        return cls(replace(progress))  # a copy that what the page makes of the original does not stay with

    @property
    def nbytes(self) -> int:
        return sum(x.element_size() * x.numel() for x in (self.progress.iterate.x, self.progress.iterate.denoised))

    @property
    def step(self) -> int:
        return self.progress.iterate.step

    @property
    def total_steps(self) -> int:
        return self.progress.iterate.total_steps

    @property
    def level(self) -> float:
        return self.progress.iterate.level


def _int16(clip: Clip, peak: float) -> np.ndarray:
    return (clip.samples * (INT16 / peak)).round().astype(np.int16)


@dataclass
class RunHistory:
    """The iterates of one run: all, or when they outgrow the limits every second, fourth, ... and always the newest.

    Args:
        key: names the run, for the scopes that show it.
        top_db: the dB range of everything that belongs to the run; None lets every picture have its own.
        offset: seconds of the file at which the run's part begins.
        chain: whether chains are shown instead of estimates, where not both are.
        seconds: length of that part.

    Attributes:
        context: what else the tab needs to show the run's end, until then.
        last: its last update so far, until its end.
        ending: what the page said at its end.
        peak: the highest that its iterates reached so far; all of them are played with one gain.
        shelf: results that are kept from run to run.
        keep: makes of an update what is kept of it.
    """

    key: str
    top_db: float | None
    offset: float = 0.0
    chain: bool = False
    seconds: float = 0.0
    limit: int = RUN_BYTES
    peak: float = 1.0
    context: Any = None
    last: Progress | None = None
    ending: str = ""
    shelf: Shelf = field(default_factory=Shelf)
    keep: Callable[[Progress], KeptIterate | DrawnIterate] = KeptIterate.of
    _kept: list[tuple[int, KeptIterate | DrawnIterate]] = field(default_factory=list)  # (number of the update, iterate)
    _newest: Progress | None = None  # where it is not among the kept ones
    _seen: int = 0
    _stride: int = 1

    @property
    def iterates(self) -> list[KeptIterate | DrawnIterate]:
        kept = [iterate for _, iterate in self._kept]
        return kept if self._newest is None else [*kept, self.keep(self._newest)]

    @property
    def nbytes(self) -> int:
        return sum(iterate.nbytes for _, iterate in self._kept)

    def add(self, progress: Progress) -> None:
        number, self._seen = self._seen, self._seen + 1
        self.last = self._newest = progress
        if number % self._stride:
            return
        kept = self.keep(progress)
        self._kept.append((number, kept))
        self._newest, self.peak = None, max(self.peak, kept.peak)
        while len(self._kept) > 2 and (self.nbytes > self.limit or len(self._kept) > RUN_ITERATES):
            self._stride *= 2
            self._kept = [item for item in self._kept if item[0] % self._stride == 0]
            self._newest = None if number % self._stride == 0 else progress

    def end(self, said: str) -> None:
        """The run is over; what a page said of it comes back at the end of the scrubber."""
        self.ending, self.last, self.context = said, None, None


class Histories:
    """Of every session and tab the last run; beyond `limit` bytes the ones touched longest ago go first."""

    def __init__(self, limit: int = HISTORIES_BYTES):
        self._limit = limit
        self._runs: OrderedDict[tuple[str, str], RunHistory] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, session: str, tab: str, run: RunHistory) -> None:
        """Takes a run in; what is kept of those before it stays."""
        with self._lock:
            if (session, tab) in self._runs:
                run.shelf = self._runs[session, tab].shelf
            self._runs[session, tab] = run
            self._runs.move_to_end((session, tab))
            self._shrink()

    def get(self, session: str, tab: str) -> RunHistory | None:
        with self._lock:
            run = self._runs.get((session, tab))
            if run is not None:
                self._runs.move_to_end((session, tab))
            return run

    def drop(self, session: str, tab: str | None = None) -> None:
        """Forgets everything of a session, or of one of its tabs."""
        with self._lock:
            for key in [key for key in self._runs if key[0] == session and tab in (None, key[1])]:
                del self._runs[key]

    def _shrink(self) -> None:
        while len(self._runs) > 1 and sum(run.nbytes + run.shelf.nbytes for run in self._runs.values()) > self._limit:
            self._runs.popitem(last=False)
