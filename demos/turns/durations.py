"""How long runs take, learned from those that ended: by what they were asked for, as closely as anything is known."""

import math
import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any

FIRST_GUESS_SECONDS = 8.0
REFUSED_SECONDS = 0.1  # what ends sooner was refused, and says nothing
NEWEST_SHARE = 0.3  # what the last run changes of what is expected
KINDS_AT_MOST = 1024

# what most decides it comes first
DECISIVE = ("quality", "steps", "length", "seconds", "count", "sampler", "prior", "method", "samples")

Kind = tuple[Hashable, ...]


def kind_of(task: str, asked: Mapping[str, Any]) -> Kind:
    """What a run is asked for, as far as it says how long the run takes.

    Args:
        task: the command's name.
        asked: values by the names that endpoints give their arguments; numbers count by their order of magnitude.
    """
    return (task, *(_magnitude(asked.get(name)) for name in DECISIVE))


def _magnitude(value: Any) -> Hashable:
    if isinstance(value, str):
        return value[:64]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        return None
    return round(math.log2(value))


class Durations:
    """Seconds by kind. A kind is what a run was asked for, the coarsest word first: ("inpaint", "draft", 2.0)."""

    def __init__(self):
        self._lock = threading.Lock()
        self._known: OrderedDict[Kind, float] = OrderedDict()

    def expected(self, kind: Kind) -> float:
        """Of runs of this kind; where there were none, of those that are the most like it."""
        with self._lock:
            for length in range(len(kind), -1, -1):
                if kind[:length] in self._known:
                    return self._known[kind[:length]]
        return FIRST_GUESS_SECONDS

    def learn(self, kind: Kind, seconds: float) -> None:
        """Notes that a run of this kind took so long."""
        if seconds < REFUSED_SECONDS:
            return
        with self._lock:
            for length in range(len(kind) + 1):
                key = kind[:length]
                known = self._known.pop(key, seconds)
                self._known[key] = known + NEWEST_SHARE * (seconds - known)
            while len(self._known) > KINDS_AT_MOST:
                self._known.popitem(last=False)
