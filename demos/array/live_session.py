"""A live view of an array's sound: the localizer's views of any source as messages, and the last seconds of sound."""

import base64
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import numpy as np

from core.arrays.geometry import ArrayGeometry, mirror_note
from core.arrays.live.localizer import LiveLocalizer, LiveView
from core.arrays.live.ring_buffer import RingBuffer
from core.arrays.live.sources import AudioSource, SourceStatus
from core.errors import InputError
from core.signal.clip import Clip
from demos.array.room import RoomSource
from demos.page.runner import APOLOGY

RECENT_SECONDS, RECENT_BYTES = 20.0, 16 * 2**20  # limits of the sound that is kept
LONGEST_SECONDS = 600.0
WAITING_SECONDS = 0.25
TIME_IS_UP = f"Live views end after {LONGEST_SECONDS / 60:g} minutes; listen again to go on."

log = logging.getLogger(__name__)


class BufferedSource:
    """A source that keeps its last seconds of sound; see `AudioSource`."""

    def __init__(self, source: AudioSource):
        self.geometry, self.sample_rate, self._source = source.geometry, source.sample_rate, source
        frames = min(int(RECENT_SECONDS * source.sample_rate), RECENT_BYTES // (4 * source.geometry.count))
        self._recent = RingBuffer(source.geometry.count, frames)

    @property
    def status(self) -> SourceStatus:
        """The source's, until it is released."""
        return self._source.status if self._source else SourceStatus()

    @property
    def frames(self) -> int:
        """Samples per microphone so far."""
        return self._recent.written

    def blocks(self) -> Iterator[np.ndarray]:
        """The source's."""
        with closing(self._source.blocks()) as blocks:
            for block in blocks:
                self._recent.write(block)
                yield block

    def latest(self, seconds: float = RECENT_SECONDS) -> np.ndarray:
        """The last seconds of sound, [mics, frames]."""
        return self._recent.latest(round(seconds * self.sample_rate))

    def since(self, position: int) -> np.ndarray:
        """The samples from a position on, as far as they are kept, [mics, frames]."""
        return self._recent.latest(self.frames - position)

    def release(self) -> None:
        """Drops the source, which may hold a whole recording; the last seconds of sound stay."""
        self._source = None


class LiveSession:
    """A visitor's live view, at most ten minutes; afterwards it keeps only the last seconds of sound.

    Args:
        open_source: returns the source, or None while there is none yet.
        waiting: the message meanwhile.
        room: the source if it is the simulated room, so that its voices can be moved.
        reopen: call `open_source` again when a source has ended, as a relayed array may come back.

    Attributes:
        source: the buffered source; None before there is one.
    """

    def __init__(
        self,
        open_source: Callable[[], AudioSource | None],
        *,
        waiting: str = "",
        room: RoomSource | None = None,
        reopen: bool = False,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.room, self.source = room, None
        self._open_source, self._waiting, self._reopen = open_source, waiting, reopen
        self._now, self._sleep, self._over = now, sleep, False

    def stop(self) -> None:
        """Ends the view; may be called from another thread."""
        self._over, self._open_source = True, _no_source

    def recent(self) -> Clip | None:
        """The last seconds of sound; None if there was none."""
        samples = self.source.latest() if self.source else np.zeros((1, 0))
        return Clip(samples, self.source.sample_rate) if samples.shape[1] else None

    def messages(self) -> Iterator[Mapping]:
        """The messages to the page: the array, every view, notes; the last one says why the session ended."""
        end = self._now() + LONGEST_SECONDS
        try:
            with closing(self._messages()) as messages:
                for message in messages:
                    if self._over:
                        yield {"end": ""}
                        return
                    yield message
                    if self._now() > end:
                        yield {"end": TIME_IS_UP}
                        return
            yield {"end": "The sound has ended."}
        except InputError as error:
            yield {"end": str(error)}
        except Exception:
            log.exception("listening failed")
            yield {"end": APOLOGY}
        finally:
            self._open_source = _no_source
            if self.source:
                self.source.release()

    def _messages(self) -> Iterator[Mapping]:
        open_source = self._open_source
        while True:
            source = open_source()
            if source is None:
                yield {"message": self._waiting}
                self._sleep(WAITING_SECONDS)
                continue
            self.source = BufferedSource(source)
            yield {"array": array_message(source.geometry)}
            with closing(LiveLocalizer(self.source).views()) as views:
                yield from map(view_message, views)
            if not self._reopen:
                return
            self._sleep(WAITING_SECONDS)


def _no_source() -> None:
    """Replaces `open_source` of a session that is over, which may hold a whole recording."""


def array_message(array: ArrayGeometry) -> Mapping:
    """An array for the page: positions of the microphones, scaled to a radius of 1, and what it cannot tell."""
    radius = array.radius or 1.0
    microphones = [[round(x / radius, 4), round(y / radius, 4)] for x, y in array.positions]
    return {"name": array.name, "mics": microphones, "note": mirror_note(array)}


def view_message(view: LiveView) -> Mapping:
    """A view for the page: a byte for each angle's energy, angles in degrees, levels in dB."""
    return {
        "seconds": round(view.seconds, 2),
        "energy": packed(view.energy),
        "level": _level(view.level_db),
        "sources": [
            {
                "number": source.number,
                "angle": _degrees(source.angle),
                "level": _level(source.level_db),
                "trail": [_degrees(angle) for angle in source.trail],
            }
            for source in view.sources
        ],
        "losses": view.status.overflows,
        "lost": view.status.lost,
        "message": view.status.message,
    }


def packed(shares: np.ndarray) -> str:
    """Numbers from 0 to 1 as bytes, base64."""
    return base64.b64encode((np.clip(shares, 0, 1) * 255).round().astype(np.uint8).tobytes()).decode()


def _degrees(angle: float) -> float:
    return round(float(np.rad2deg(angle)), 1) % 360


def _level(level_db: float) -> float:
    return round(max(float(level_db), -120.0), 1)
