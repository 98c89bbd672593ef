"""Models that were built, kept for the next run: as many as fit, and one build for all who ask at once."""

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from core.errors import InputError

MEGABYTES = 1024  # of weights, that are kept unless RESOUND_MODEL_MB says otherwise


@dataclass(eq=False)
class _Slot:
    """A model, once it is built: whoever asks for it meanwhile waits for the lock."""

    lock: Lock = field(default_factory=Lock)
    model: Any = None
    nbytes: int = 0


class KeptModels:
    """Of models by their keys those that were asked for last; at least the very last one, whatever its size."""

    def __init__(self):
        self._lock, self._slots = Lock(), OrderedDict()

    def get(self, key: Hashable, build: Callable[[], tuple[Any, int]]) -> Any:
        """A model, built unless it is there; builds of others go on meanwhile.

        Args:
            build: returns the model and the bytes of its weights; what it raises is raised here, and nothing kept.

        Raises:
            InputError: RESOUND_MODEL_MB is no number.
        """
        limit = _limit_bytes()
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
        with slot.lock:
            if slot.model is None:
                try:
                    slot.model, slot.nbytes = build()
                except BaseException:
                    with self._lock:
                        self._slots.pop(key, None)
                    raise
        with self._lock:
            self._let_go(limit)
        return slot.model

    def _let_go(self, limit: int) -> None:
        while len(self._slots) > 1 and sum(slot.nbytes for slot in self._slots.values()) > limit:
            self._slots.popitem(last=False)


def _limit_bytes() -> int:
    text = os.environ.get("RESOUND_MODEL_MB", str(MEGABYTES))
    try:
        return int(float(text) * 2**20)
    except (ValueError, OverflowError):
        raise InputError(
            f"RESOUND_MODEL_MB must be a number of megabytes, such as {MEGABYTES}, not {text:.40}."
        ) from None
