"""Routes of Gradio that this page has no use for: what is not served cannot be misused.

They edit the program, convert videos, fetch from other servers, keep runs in somebody's storage, or tell how much is
called; and MCP's older transport cannot tell its callers apart.
"""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

CLOSED = (
    "/gradio_api/vibe-",
    "/gradio_api/undo-vibe-",
    "/gradio_api/dev/",
    "/gradio_api/process_recording",
    "/gradio_api/proxy=",
    "/gradio_api/runs",
    "/gradio_api/run-history",
    "/gradio_api/profiling",
    "/gradio_api/mcp/sse",
    "/gradio_api/mcp/messages",
    "/gradio_api/deep_link",
    "/monitoring",
)
REASON = "This server does not offer that."


class ClosedMiddleware:
    """Answers that there is no such route."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if path.startswith(CLOSED):
            await JSONResponse({"detail": REASON}, 404)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
