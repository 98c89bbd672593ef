"""What every visitor asks for first, made once for all: the page, its configuration and the list of endpoints.

For each visitor anew Gradio copies and writes two megabytes of text, while nobody else is answered, and sends them
uncompressed.
"""

import asyncio
import gzip
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qs

import brotli
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE = "/"
DOCUMENTS = {PAGE, "/config", "/gradio_api/info"}
DECISIVE = ("host", "x-forwarded-host", "x-forwarded-proto", "x-gradio-server")  # they say which addresses stand in it
NOT_THE_SAME = {"deep_link", "page"}  # asked for with these, the page is another one
MOST = 16  # documents that are kept

Key = tuple[str | None, ...]


@dataclass(frozen=True)
class Document:
    """An answer as it was made."""

    status: int
    kind: str | None
    content: bytes

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.content)

    @cached_property
    def packed_well(self) -> bytes:
        """A fifth of that; browsers take it from this machine, or encrypted."""
        return brotli.compress(self.content, mode=brotli.MODE_TEXT, quality=6)

    def written_for(self, takes: str) -> tuple[bytes, dict[str, str]]:
        """The content as somebody takes it who says so (Accept-Encoding), and the headers that say how it is."""
        vary = {"vary": "Accept-Encoding"}
        if "br" in takes:
            return self.packed_well, vary | {"content-encoding": "br"}
        if "gzip" in takes:
            return self.packed, vary | {"content-encoding": "gzip"}
        return self.content, vary


class DocumentsMiddleware:
    """Answers with documents that were made before; of the same ones no two are made at a time."""

    def __init__(self, app: ASGIApp):
        self._app, self._making = app, asyncio.Lock()
        self._kept: OrderedDict[Key, Document] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD" and _path_of(scope) == PAGE:
            await Response(media_type="text/html")(
                scope, receive, send
            )  # Gradio asks so once and ends where it waits long
            return
        key = _key_of(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        async with self._making:
            document = self._kept.pop(key, None) or await self._made(scope, receive)
            if document.status == 200:
                self._kept[key] = document
                if len(self._kept) > MOST:
                    self._kept.popitem(last=False)
        content, headers = document.written_for(Headers(scope=scope).get("accept-encoding", ""))
        await Response(content, document.status, headers, document.kind)(scope, receive, send)

    async def _made(self, scope: Scope, receive: Receive) -> Document:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        start, *parts = messages
        content = b"".join(part.get("body", b"") for part in parts)
        return Document(start["status"], Headers(raw=start["headers"]).get("content-type"), content)


def _key_of(scope: Scope) -> Key | None:
    """What the document depends on; None of a request for anything else."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    path = _path_of(scope)
    asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if path not in DOCUMENTS or (asked if path != PAGE else NOT_THE_SAME & asked.keys()):
        return None
    headers = Headers(scope=scope)
    return (path, scope.get("root_path"), scope.get("scheme"), *(headers.get(name) for name in DECISIVE))


def _path_of(scope: Scope) -> str:
    return scope["path"].removeprefix(scope.get("root_path", "")) or PAGE
