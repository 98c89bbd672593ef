"""The sending side of a relay: posts an array's sound, and retries when the connection fails."""

import secrets
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlsplit

import httpx

from core.arrays.live.relay import (
    BLOCKS_PATH,
    HEADER,
    HELLO_PATH,
    LARGEST_BODY,
    MOST_FRAMES,
    STREAM_HEADER,
    Block,
    Hello,
    encode_block,
    encode_hello,
)
from core.arrays.live.sources import AudioSource
from core.errors import InputError

QUEUED_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds between two attempts
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
LONGEST_REASON = 200  # characters of the page's reason that are shown
REFUSALS = {
    401: "The other side does not know this token; it may have expired. Get a new one from its page.",
    404: "There is no relay at this address; give the address of a Resound page.",
    409: "Another array already sends with this token. End that one, or get another token.",
}
GONE, TOO_MUCH = 410, 429


class RelayClient:
    """Sends a source's microphones. When the connection fails it retries, ever less often, and drops the oldest blocks.

    Args:
        url: of the page.
        token: issued by the page.
        plain_http: allow unencrypted connections to other machines.
        transport: of httpx; None for the network.

    Raises:
        InputError: no such URL, or one without encryption.

    Attributes:
        sent: blocks that arrived.
        dropped: blocks that were discarded.
        message: one sentence on a problem; empty if there is none.
    """

    def __init__(
        self,
        url: str,
        token: str,
        source: AudioSource,
        *,
        plain_http: bool = False,
        transport: httpx.BaseTransport | None = None,
    ):
        stream = secrets.token_urlsafe(16)
        self._hello = Hello(stream, replace(source.geometry, sample_rate=source.sample_rate))
        self._settings = {
            "base_url": _checked(url, plain_http),
            "headers": {"Authorization": f"Bearer {_printable(token)}", STREAM_HEADER: stream},
            "timeout": TIMEOUT_SECONDS,
            "transport": transport,
        }
        self._source = source
        self._queue: deque[Block] = deque()
        self._queued_frames = 0
        self._changed = threading.Condition()
        self._ended, self._failure = False, None
        self.sent = self.dropped = 0
        self.message = ""

    def run(self) -> Iterator[None]:
        """Sends until the source ends or this generator is closed; yields after every block of the source.

        Raises:
            InputError: the page refuses the stream, or as the source's blocks.
        """
        sender = threading.Thread(target=self._send, name="relay", daemon=True)
        sender.start()
        try:
            for samples in self._source.blocks():
                if self._failure:
                    break
                self._enqueue(samples)
                yield
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
            sender.join(TIMEOUT_SECONDS)
        if self._failure:
            raise self._failure

    def _enqueue(self, samples) -> None:
        with self._changed:
            for start in range(0, samples.shape[1], MOST_FRAMES):
                number = self.sent + self.dropped + len(self._queue)
                self._queue.append(Block(number, samples[:, start : start + MOST_FRAMES]))
                self._queued_frames += self._queue[-1].samples.shape[1]
            while self._queued_frames > QUEUED_SECONDS * self._source.sample_rate:
                self._take_first()
                self.dropped += 1
            self._changed.notify_all()

    def _take_first(self) -> None:
        self._queued_frames -= self._queue.popleft().samples.shape[1]

    def _send(self) -> None:
        """The sender's thread: posts queued blocks in as few requests as possible."""
        with httpx.Client(**self._settings) as client:
            try:
                self._deliver(client)
            except InputError as failure:
                self._failure = failure
            with suppress(httpx.HTTPError):
                client.delete(HELLO_PATH)

    def _deliver(self, client: httpx.Client) -> None:
        known, pause = False, FIRST_PAUSE
        while blocks := self._next_blocks():
            try:
                known = known or self._accepted(client.post(HELLO_PATH, content=encode_hello(self._hello)))
                body = b"".join(map(encode_block, blocks))
                known = known and self._accepted(client.post(BLOCKS_PATH, content=body))
            except httpx.HTTPError as error:
                known = False
                self.message = f"The line is down ({type(error).__name__}); it is tried again."
            if known:
                self._arrived(blocks[-1])
                pause = FIRST_PAUSE
            elif self._ends_within(pause):
                return
            else:
                pause = min(2 * pause, LONGEST_PAUSE)

    def _next_blocks(self) -> list[Block]:
        """Queued blocks, as many as fit a request; waits for the first one, and is empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._ended)
            blocks, size = [], 0
            for block in self._queue:
                size += HEADER.size + 2 * block.samples.size
                if size > LARGEST_BODY:
                    break
                blocks.append(block)
            return blocks

    def _accepted(self, response: httpx.Response) -> bool:
        """Whether the page accepted a request; False if it may later.

        Raises:
            InputError: it refuses for good.
        """
        status = response.status_code
        if response.is_success:
            self.message = ""
            return True
        if status in (GONE, TOO_MUCH) or response.is_server_error:
            self.message = f"The other side is not ready ({status}); it is tried again."
            return False
        raise InputError(REFUSALS.get(status) or f"The other side refuses the sound: {_reason(response)}")

    def _arrived(self, last: Block) -> None:
        with self._changed:
            while self._queue and self._queue[0].sequence <= last.sequence:
                self._take_first()
                self.sent += 1

    def _ends_within(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._ended, seconds)


def _checked(url: str, plain_http: bool) -> str:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
        encrypted = parts.scheme == "https" or parts.hostname in LOCAL_HOSTS
    except ValueError:
        known = encrypted = False
    if not known or parts.username or parts.query:
        raise InputError("A relay needs the address of a page, such as https://name.hf.space.")
    if not (encrypted or plain_http):
        raise InputError(
            f"{parts.hostname} would get the sound and the token without encryption; give an https address, or allow "
            "it with --plain-http."
        )
    return url


def _printable(token: str) -> str:
    if not token or not token.isascii() or not token.isprintable():
        raise InputError("A relay needs the token that the page shows.")
    return token


def _reason(response: httpx.Response) -> str:
    try:
        reason = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        reason = f"status {response.status_code}."
    return reason[:LONGEST_REASON]
