"""Programs that call the endpoints as tools, by the Model Context Protocol (MCP): every call is a visitor of its own.

Gradio passes the calls of all programs on as one client with one session. So each is marked as it comes in; Gradio
hands its headers on to the endpoint, which reads the mark. A call is open as long as its program listens.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import gradio.mcp
from anyio.to_thread import run_sync
from gradio.utils import get_upload_folder
from gradio_client.client import Job
from starlette.types import ASGIApp, Receive, Scope, Send

ADDRESS = "/gradio_api/mcp"
CALLED_AT = {ADDRESS, f"{ADDRESS}/http"}
MARK = "x-resound-call"
NOT_HANDED_ON = {MARK.encode(), b"transfer-encoding"}  # what a program may not choose; how its request was sent

_open: set[str] = set()


def mark_of(headers: Mapping[str, str]) -> str | None:
    """The mark of the call that a request to an endpoint belongs to; None where no tool was called."""
    return headers.get(MARK)


def is_over(headers: Mapping[str, str]) -> bool:
    """Whether a request belongs to a call whose program has gone."""
    mark = mark_of(headers)
    return mark is not None and mark not in _open


def serve_tools() -> None:
    """Has Gradio serve tools by a `ToolServer`, and put what comes within calls where this server's files lie.

    Which folder that is it asks for when it is imported; this server has one of its own since.
    """
    gradio.mcp.GradioMCPServer = ToolServer
    gradio.mcp.DEFAULT_TEMP_DIR = get_upload_folder()


class ToolServer(gradio.mcp.GradioMCPServer):
    """Answers with the address of every file and then the report as JSON; Gradio's own with all as Python prints it."""

    async def _execute_tool_without_progress(self, job: Job) -> list[Any]:
        return list(await run_sync(job.result))

    def postprocess_output_data(self, data: Sequence[Any], root_url: str) -> list:
        files, report = data
        each = files if isinstance(files, list) else [files]
        return super().postprocess_output_data([*each, json.dumps(report)], root_url)


class ToolCallsMiddleware:
    """Marks calls, and knows which are open."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", "")).rstrip("/")
        if path in CALLED_AT and scope.get("method") == "POST":
            await self._marked(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _marked(self, scope: Scope, receive: Receive, send: Send) -> None:
        mark = uuid.uuid4().hex
        headers = [item for item in scope["headers"] if item[0].lower() not in NOT_HANDED_ON]
        _open.add(mark)
        try:
            await self._app(scope | {"headers": [*headers, (MARK.encode(), mark.encode())]}, receive, send)
        finally:
            _open.discard(mark)
