"""A route by which whoever keeps the server up sees that it answers, and how busy it is."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from demos.turns.worker import counts


async def health(request: Request) -> JSONResponse:
    """Answered by the loop that answers everybody, so that its silence means that of the page."""
    running, waiting = counts()
    return JSONResponse({"status": "ok", "running": running, "waiting": waiting}, headers={"Cache-Control": "no-store"})


HEALTH = Route("/health", health)
