"""Whom the server answers: pages of its own names, opened in a window of their own.

A site whose name is made to resolve here (DNS rebinding), a form of another site, and a frame of another site around
this page are refused unless the owner says otherwise, see `Gate.from_environment`.
"""

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVERYBODY = "*"
LOCAL = ("localhost", "*.localhost")
SPACES, SPACE_FRAMES = "*.hf.space", ("https://huggingface.co", "https://*.hf.space")
SEPARATOR = re.compile(r"[\s,;]+")
FRAME = re.compile(r"[\w.:/*-]{1,200}", re.ASCII)  # nothing that ends a directive
SHOWN = 80  # characters of a name, in a refusal
FOREIGN_HOST = (
    "This page is not served under the name {!r}; open it by the name it was given, or let its owner add the name to "
    "RESOUND_HOSTS."
)
FOREIGN_SITE = "Requests from the site {!r} are not taken; let the owner of this page add it to RESOUND_HOSTS."


@dataclass(frozen=True)
class Gate:
    """What is let in.

    Args:
        own: names of this machine; addresses (127.0.0.1) are always its own.
        listed: further names and sites, as the owner lists them, such as resound.example.org or *.example.org.
        frames: sites that may show the page inside theirs, such as https://example.org.
    """

    own: tuple[str, ...] = LOCAL
    listed: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, host: str, environment: Mapping[str, str] = os.environ) -> Self:
        """RESOUND_HOSTS and RESOUND_FRAMES, with commas between names; on a Space, what it needs.

        Args:
            host: where the server listens.
        """
        machine = socket.gethostname().lower()
        own = (*LOCAL, host.lower(), machine, f"{machine}.local")
        listed, frames = (_names(environment.get(name, "")) for name in ("RESOUND_HOSTS", "RESOUND_FRAMES"))
        if "SPACE_ID" in environment:  # which says its own name, so that other Spaces are other sites
            own, listed = (*own, SPACES), (*listed, environment.get("SPACE_HOST", SPACES).lower())
            frames += SPACE_FRAMES
        return cls(own, listed, tuple(frame for frame in frames if FRAME.fullmatch(frame)))

    def refusal(self, headers: Mapping[str, str]) -> str:
        """Why a request is not answered, in one sentence; empty where it is."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if host and not self._serves(_name_of(f"//{host}")):
            return FOREIGN_HOST.format(host[:SHOWN])
        if origin is not None and not self._same(origin, host) and not _matches(_name_of(origin), self.listed):
            return FOREIGN_SITE.format(origin[:SHOWN])
        return ""

    @property
    def framing(self) -> dict[str, str]:
        """The headers that say who may frame a page."""
        if EVERYBODY in self.frames:
            return {}
        policy = {"content-security-policy": " ".join(("frame-ancestors 'self'", *self.frames))}
        return policy if self.frames else policy | {"x-frame-options": "SAMEORIGIN"}

    def _serves(self, name: str) -> bool:
        return _is_address(name) or _matches(name, self.own + self.listed)

    def _same(self, origin: str, host: str) -> bool:
        """Whether a site is this one; its scheme may differ, as a proxy may have taken the encryption off."""
        return bool(host) and _place_of(origin) == host.lower()


class GateMiddleware:
    """Refuses what a gate does not let in, and says on every answer who may frame it."""

    def __init__(self, app: ASGIApp, gate: Gate):
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        reason = self._gate.refusal(Headers(scope=scope))
        if reason and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason[:SHOWN]})
        elif reason:
            await JSONResponse({"detail": reason}, 403)(scope, receive, send)
        else:
            await self._app(scope, receive, self._framed(send))

    def _framed(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                MutableHeaders(scope=message).update(self._gate.framing)
            await send(message)

        return sent


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in SEPARATOR.split(text.lower()) if name)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(pattern == EVERYBODY or (name and fnmatchcase(name, pattern)) for pattern in patterns)


def _name_of(address: str) -> str:
    """The name in `//name:port` or `https://name`; empty where it cannot be read."""
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _place_of(origin: str) -> str:
    """Name and port in an origin; empty where it cannot be read."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
