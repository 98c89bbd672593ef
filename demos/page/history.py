"""What a session may scrub through after a run: its iterates, in bounded memory, dropped when the session ends."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from core.signal.clip import Clip
from core.tasks.progress import Progress
from core.tasks.stems import StemsProgress

TAKE_BYTES = 48 * 2**20
TAKE_MOMENTS = 160
SHELF_BYTES = 384 * 2**20


@dataclass(frozen=True)
class Moment:
    """One kept iterate: audio as int16 `[channels, frames]`, one for each stem, and where on the ladder it stood."""

    estimates: tuple[np.ndarray, ...]
    chains: tuple[np.ndarray, ...]
    sample_rate: int
    step: int
    total_steps: int
    level: float
    residual: float
    log_prob: float | None

    @classmethod
    def of(cls, progress: Progress | StemsProgress) -> "Moment":
        at = progress.iterate
        return cls(
            tuple(map(_int16, progress.clips)),
            tuple(map(_int16, progress.chains)),
            progress.clips[0].sample_rate,
            at.step,
            at.total_steps,
            at.level,
            at.residual,
            at.log_prob,
        )

    @property
    def nbytes(self) -> int:
        return sum(audio.nbytes for audio in (*self.estimates, *self.chains))

    def clips(self) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
        """The estimates and the chains."""
        groups = (self.estimates, self.chains)
        return tuple(tuple(Clip(audio / np.float32(32767), self.sample_rate) for audio in group) for group in groups)


def _int16(clip: Clip) -> np.ndarray:
    return (clip.samples.clip(-1, 1) * 32767).round().astype(np.int16)


@dataclass
class Take:
    """The iterates of one run: all, or when they outgrow the limits every second, fourth, ... and always the newest.

    Args:
        key: names the run, for the scopes that show it.
        top_db: the dB range of everything that belongs to the run; None lets every picture have its own.
        offset: seconds of the file at which the run's part begins.
        names: of the stems, where there are several.
        chain: whether the chains of the stems are shown, and not what the sampler hears in them.
    """

    key: str
    top_db: float | None
    offset: float = 0.0
    names: tuple[str, ...] = ()
    chain: bool = False
    limit: int = TAKE_BYTES
    _kept: list[tuple[int, Moment]] = field(default_factory=list)  # (number of the update, moment)
    _newest: Progress | StemsProgress | None = None  # where it is not among the kept ones
    _seen: int = 0
    _stride: int = 1

    @property
    def moments(self) -> list[Moment]:
        kept = [moment for _, moment in self._kept]
        return kept if self._newest is None else [*kept, Moment.of(self._newest)]

    @property
    def nbytes(self) -> int:
        return sum(moment.nbytes for _, moment in self._kept)

    def add(self, progress: Progress | StemsProgress) -> None:
        number, self._seen, self._newest = self._seen, self._seen + 1, progress
        if number % self._stride:
            return
        self._kept.append((number, Moment.of(progress)))
        self._newest = None
        while len(self._kept) > 2 and (self.nbytes > self.limit or len(self._kept) > TAKE_MOMENTS):
            self._stride *= 2
            self._kept = [item for item in self._kept if item[0] % self._stride == 0]
            self._newest = None if number % self._stride == 0 else progress


class Shelf:
    """The last take of every session and tab; beyond `limit` bytes the ones touched longest ago go first."""

    def __init__(self, limit: int = SHELF_BYTES):
        self._limit = limit
        self._takes: OrderedDict[tuple[str, str], Take] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, session: str, tab: str, take: Take) -> None:
        with self._lock:
            self._takes[session, tab] = take
            self._takes.move_to_end((session, tab))
            self._shrink()

    def get(self, session: str, tab: str) -> Take | None:
        with self._lock:
            take = self._takes.get((session, tab))
            if take is not None:
                self._takes.move_to_end((session, tab))
            return take

    def drop(self, session: str) -> None:
        """Forgets everything of a session."""
        with self._lock:
            for key in [key for key in self._takes if key[0] == session]:
                del self._takes[key]

    def _shrink(self) -> None:
        while len(self._takes) > 1 and sum(take.nbytes for take in self._takes.values()) > self._limit:
            self._takes.popitem(last=False)
