"""A live view of what an array hears: any source, listened to for a while, and the sound that it gave last."""

import base64
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import numpy as np

from core.arrays.geometry import ArrayGeometry
from core.arrays.live.localizer import LiveLocalizer, LiveView
from core.arrays.live.ring_buffer import RingBuffer
from core.arrays.live.sources import AudioSource, SourceStatus
from core.errors import InputError
from core.signal.clip import Clip
from demos.array.room import RoomSource
from demos.page.runner import APOLOGY

RECENT_SECONDS, RECENT_BYTES = 20.0, 16 * 2**20  # that are kept at most
LONGEST_SECONDS = 600.0
WAITING_SECONDS = 0.25
TIME_IS_UP = f"Live views end after {LONGEST_SECONDS / 60:g} minutes; listen again to go on."

log = logging.getLogger(__name__)


class Ear:
    """A source that keeps what it heard last; see `AudioSource`."""

    def __init__(self, source: AudioSource):
        self.geometry, self.sample_rate, self._source = source.geometry, source.sample_rate, source
        frames = min(int(RECENT_SECONDS * source.sample_rate), RECENT_BYTES // (4 * source.geometry.count))
        self._recent = RingBuffer(source.geometry.count, frames)

    @property
    def status(self) -> SourceStatus:
        """The source's, as long as it is listened to."""
        return self._source.status if self._source else SourceStatus()

    @property
    def heard(self) -> int:
        """Samples so far."""
        return self._recent.written

    def blocks(self) -> Iterator[np.ndarray]:
        """The source's."""
        with closing(self._source.blocks()) as blocks:
            for block in blocks:
                self._recent.write(block)
                yield block

    def latest(self, seconds: float = RECENT_SECONDS) -> np.ndarray:
        """What was heard last, [mics, frames]."""
        return self._recent.latest(round(seconds * self.sample_rate))

    def since(self, position: int) -> np.ndarray:
        """What was heard after so many samples, as far as it is kept, [mics, frames]."""
        return self._recent.latest(self.heard - position)

    def let_go(self) -> None:
        """Forgets the source, which may hold a whole recording; what was heard last stays."""
        self._source = None


class Listening:
    """One visitor's live view; ends by itself after ten minutes, and then keeps nothing but what was heard last.

    Args:
        find: gives the source; None while there is none yet.
        waiting: what is said meanwhile.
        room: where the source is a simulated one, so that its voices can be moved meanwhile.
        again: whether to look for a source again when one has ended, as an array elsewhere may come back.
    """

    def __init__(
        self,
        find: Callable[[], AudioSource | None],
        *,
        waiting: str = "",
        room: RoomSource | None = None,
        again: bool = False,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.room, self.ear = room, None
        self._find, self._waiting, self._again = find, waiting, again
        self._now, self._sleep, self._over = now, sleep, False

    def stop(self) -> None:
        """Ends the view; may be called from another thread."""
        self._over, self._find = True, _nowhere

    def recent(self) -> Clip | None:
        """The sound that was heard last; None where nothing was."""
        samples = self.ear.latest() if self.ear else np.zeros((1, 0))
        return Clip(samples, self.ear.sample_rate) if samples.shape[1] else None

    def moments(self) -> Iterator[Mapping]:
        """What the page is sent: the array, every view, sentences; last why it ended."""
        end = self._now() + LONGEST_SECONDS
        try:
            with closing(self._moments()) as moments:
                for moment in moments:
                    if self._over:
                        yield {"end": ""}
                        return
                    yield moment
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
            self._find = _nowhere
            if self.ear:
                self.ear.let_go()

    def _moments(self) -> Iterator[Mapping]:
        find = self._find
        while True:
            source = find()
            if source is None:
                yield {"message": self._waiting}
                self._sleep(WAITING_SECONDS)
                continue
            self.ear = Ear(source)
            yield {"array": described(source.geometry)}
            with closing(LiveLocalizer(self.ear).views()) as views:
                yield from map(sent, views)
            if not self._again:
                return
            self._sleep(WAITING_SECONDS)


def _nowhere() -> None:
    """Where a view that is over finds its source."""


def described(array: ArrayGeometry) -> Mapping:
    """An array as the page draws it: positions of the microphones, the farthest one at 1."""
    radius = array.radius or 1.0
    return {"name": array.name, "mics": [[round(x / radius, 4), round(y / radius, 4)] for x, y in array.positions]}


def sent(view: LiveView) -> Mapping:
    """A view as the page draws it: a byte for each angle's energy, angles in degrees, levels in dB."""
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
