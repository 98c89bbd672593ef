"""How large requests may be, and how long they may take to come: whoever is slow or endless holds nothing up."""

import asyncio

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD = "/gradio_api/upload"  # all other requests are small
LARGEST_REQUEST = 2 * 2**20  # bytes; a relay's have a million at most
ENVELOPE = 2**20  # bytes of an upload beside its file
REQUEST_SECONDS = 30.0  # for a small one to come whole
PAUSE_SECONDS = 30.0  # between two parts of an upload


class TooMuch(Exception):
    """A request is larger, or comes more slowly, than it may; `status` of HTTP."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status, self.reason = status, reason


class BodyLimits:
    """Bounds requests before they are parsed.

    Args:
        upload_bytes: of the largest file.
        request_bytes, request_seconds: of everything else.
    """

    def __init__(
        self,
        app: ASGIApp,
        upload_bytes: int,
        request_bytes: int = LARGEST_REQUEST,
        request_seconds: float = REQUEST_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
    ):
        self._app, self._upload_bytes, self._pause_seconds = app, upload_bytes + ENVELOPE, pause_seconds
        self._request_bytes, self._request_seconds = request_bytes, request_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        upload = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/") == UPLOAD
        most = self._upload_bytes if upload else self._request_bytes
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            _check(int(_stated(scope)), most)
            given = self._paced(receive, most) if upload else await self._whole(receive, most)
            await self._app(scope, given, sent)
        except TooMuch as refusal:
            if not begun:
                answer = JSONResponse({"detail": refusal.reason}, refusal.status, {"connection": "close"})
                await answer(scope, receive, send)

    async def _whole(self, receive: Receive, most: int) -> Receive:
        """Reads a small request to its end; what it returns hands that on."""
        parts, size, more = [], 0, True
        try:
            async with asyncio.timeout(self._request_seconds):
                while more:
                    message = await receive()
                    parts.append(message)
                    size += len(message.get("body", b""))
                    _check(size, most)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise _too_slow() from None
        waiting = iter(parts)

        async def given() -> Message:
            message = next(waiting, None)
            return await receive() if message is None else message

        return given

    def _paced(self, receive: Receive, most: int) -> Receive:
        """An upload as it comes, which must not stand still."""
        size, over = 0, False

        async def given() -> Message:
            nonlocal size, over
            if over:
                return await receive()
            try:
                async with asyncio.timeout(self._pause_seconds):
                    message = await receive()
            except TimeoutError:
                raise _too_slow() from None
            size, over = size + len(message.get("body", b"")), not message.get("more_body", False)
            _check(size, most)
            return message

        return given


def _stated(scope: Scope) -> str:
    """The length that a request says it has; 0 where it says none."""
    stated = Headers(scope=scope).get("content-length", "0")
    if not (stated.isascii() and stated.isdecimal() and len(stated) < 20):
        raise TooMuch(400, "The length of the request is no number.")
    return stated


def _check(size: int, most: int) -> None:
    if size > most:
        raise TooMuch(413, f"A request may have {most} bytes here.")


def _too_slow() -> TooMuch:
    return TooMuch(408, "The request came too slowly.")
