"""Shared by the page's own routes: tokens, refusals and bounded request bodies."""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.errors import InputError

TOKEN_BYTES = 32


class Holder(Protocol):
    """What a token gives access to; `digest` is the token's, which itself is not stored."""

    digest: bytes


Held = TypeVar("Held", bound=Holder)


class Refusal(Exception):
    """A request is refused.

    Args:
        status: of HTTP.
        reason: one sentence for the client.
    """

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status, self.reason = status, reason


def new_token() -> str:
    """A random secret in hexadecimal: it may stand in an address or a command."""
    return secrets.token_hex(TOKEN_BYTES)


def digest_of(token: str) -> bytes:
    """The digest of a token that is stored, see `held_by`."""
    return hashlib.sha256(token.encode()).digest()


def held_by(token: str, holders: Iterable[Held]) -> Held | None:
    """What the token gives access to; compares with all of them, so that timing reveals nothing."""
    digest, found = digest_of(token), None
    for holder in holders:
        if hmac.compare_digest(holder.digest, digest):
            found = holder
    return found


def as_endpoint(handle: Callable[[Request], Awaitable[Response | None]]):
    """Makes an endpoint of a handler: a `Refusal` or `InputError` becomes an HTTP error with one sentence."""

    async def endpoint(request: Request) -> Response:
        try:
            response = await handle(request)
        except Refusal as refusal:
            return JSONResponse({"detail": refusal.reason}, refusal.status)
        except InputError as error:
            return JSONResponse({"detail": str(error)}, 400)
        return response or Response(status_code=204)

    return endpoint


async def read_body(request: Request, most: int) -> bytes:
    """A request's content; refused before it is read if it is larger than `most` bytes."""
    too_large = Refusal(413, f"A request may have {most} bytes.")
    if not request.headers.get("content-length", "0").isdecimal():
        raise Refusal(400, "The length of the request is no number.")
    if int(request.headers.get("content-length", "0")) > most:
        raise too_large
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > most:
            raise too_large
    return bytes(content)
