"""The routes of live voice conversion: chunks of a microphone's sound in, as many samples of the voice out.

A token, new every time that somebody speaks live, is all that a chunk is known by. A voice is in the memory of its
visitor's session alone, and goes with it.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.errors import InputError
from core.tasks.live_conversion import LiveConversion
from demos.server.routes import Refusal, as_endpoint, digest_of, held_by, new_token, read_body

VOICE_PATH = "/live-voice/{token}"
MOST_AT_ONCE = 4
THREADS = 2
LONGEST_SECONDS = 600.0
IDLE_SECONDS = 30.0  # without a chunk, after which a session ends
LARGEST_CHUNK = 2**17  # bytes: four seconds at 16 kHz
AHEAD_SECONDS = 10.0  # by which sound may have come sooner than it can have been spoken
FULL_SCALE = 32768
IS_OVER = (
    f"Speaking live ends after {LONGEST_SECONDS / 60:g} minutes, or {IDLE_SECONDS:g} s without sound; speak live again "
    "to go on."
)


@dataclass
class LiveVoice:
    """A visitor who speaks live.

    Args:
        digest: of the token, which itself is not stored.
        opened, heard: when the token was issued, and when the last chunk came, by the clock of `LiveVoiceRoutes`.
        samples: that have come.
        turn: held while a chunk is converted.
    """

    conversion: LiveConversion
    digest: bytes
    opened: float
    heard: float
    samples: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)


class LiveVoiceRoutes:
    """Issues a token for everybody who speaks live, and converts what its holder sends.

    Args:
        now: a clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self._now, self._lock = now, threading.RLock()
        self._voices: dict[str, LiveVoice] = {}  # by visitor
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="live-voice")

    def open(self, visitor: str, conversion: LiveConversion) -> str:
        """Begins a session and returns its token; the visitor's former one ends.

        Raises:
            InputError: too many others speak live; the visitor's former session goes on.
        """
        token, now = new_token(), self._now()
        with self._lock:
            self._clear()
            if len(self._voices.keys() - {visitor}) >= MOST_AT_ONCE:
                raise InputError(f"{MOST_AT_ONCE} visitors are speaking live already; try again in a few minutes.")
            self._voices[visitor] = LiveVoice(conversion, digest_of(token), now, now)
        return token

    @property
    def speakers(self) -> int:
        """How many sessions there are."""
        with self._lock:
            self._clear()
            return len(self._voices)

    def close(self, visitor: str) -> None:
        """Ends a visitor's session, and forgets the voice."""
        with self._lock:
            self._voices.pop(visitor, None)

    def routes(self) -> list[Route]:
        """For the page's server."""
        return [
            Route(VOICE_PATH, as_endpoint(self._convert), methods=["POST"]),
            Route(VOICE_PATH, as_endpoint(self._leave), methods=["DELETE"]),
        ]

    async def _convert(self, request: Request) -> Response:
        voice = self._find(request)
        pcm = await read_body(request, LARGEST_CHUNK)
        if len(pcm) % 2:
            raise Refusal(400, "A chunk consists of samples of two bytes.")
        self._charge(voice, len(pcm) // 2)
        said = await asyncio.get_running_loop().run_in_executor(self._threads, _said, voice, pcm)
        return Response(said, media_type="application/octet-stream")

    async def _leave(self, request: Request) -> None:
        with self._lock:
            left = held_by(request.path_params["token"], self._voices.values())
            self._voices = {visitor: voice for visitor, voice in self._voices.items() if voice is not left}

    def _find(self, request: Request) -> LiveVoice:
        """The token's session."""
        with self._lock:
            self._clear()
            found = held_by(request.path_params["token"], self._voices.values())
        if found is None:
            raise Refusal(404, IS_OVER)
        return found

    def _charge(self, voice: LiveVoice, samples: int) -> None:
        """No more sound than time has passed, so that a session takes no more than its share."""
        with self._lock:
            voice.samples += samples
            voice.heard = self._now()
            if voice.samples > (voice.heard - voice.opened + AHEAD_SECONDS) * voice.conversion.sample_rate:
                raise Refusal(429, "The sound comes faster than it can be spoken.")

    def _clear(self) -> None:
        """Ends sessions whose time is up, or of which nothing comes."""
        now = self._now()
        for visitor, voice in list(self._voices.items()):
            if now - voice.opened > LONGEST_SECONDS or now - voice.heard > IDLE_SECONDS:
                del self._voices[visitor]


def _said(voice: LiveVoice, pcm: bytes) -> bytes:
    """Int16 samples, little-endian, as the voice says them.

    Raises:
        Refusal: the session's last chunk is still being converted.
    """
    if not voice.turn.acquire(blocking=False):
        raise Refusal(409, "Chunks are sent one after the other.")
    try:
        said = voice.conversion.push(np.frombuffer(pcm, "<i2").astype(np.float32) / FULL_SCALE)
    finally:
        voice.turn.release()
    return (said * FULL_SCALE).round().clip(-FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes()
