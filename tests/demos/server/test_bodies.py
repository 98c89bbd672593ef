"""Requests of bounded size and time, however they are sent; what fits is handed on as it came."""

import asyncio

import pytest
from starlette.responses import JSONResponse

from demos.server.bodies import ENVELOPE, UPLOAD, BodyLimits
from tests.loops import in_loop

MOST = 1000


async def counting(scope, receive, send):
    """Says how many bytes came, and that it hears of the end of the connection afterwards."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message["body"]), message.get("more_body", False)
    after = await receive()
    await JSONResponse([size, after["type"]])(scope, receive, send)


def ask(parts, path="/gradio_api/queue/join", method="POST", headers=(), **limits) -> tuple[int, bytes]:
    """Status and content of the answer to a request that comes in these parts; None stands for silence."""
    settings = {"upload_bytes": 0, "request_bytes": MOST, "request_seconds": 0.05, "pause_seconds": 0.05} | limits
    left, sent = list(parts), []

    async def receive():
        if not left:
            return {"type": "http.disconnect"}
        part = left.pop(0)
        if part is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": list(headers)}
    in_loop(BodyLimits(counting, **settings)(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("parts", [[b""], [b"x" * MOST], [b"x" * 400, b"", b"y" * 600]])
def test_what_fits_is_handed_on(parts):
    assert ask(parts) == (200, f'[{sum(map(len, parts))},"http.disconnect"]'.encode())


@pytest.mark.parametrize(
    ("parts", "headers", "status"),
    [
        ([b"x" * (MOST + 1)], [], 413),
        ([b"x" * 600] * 2, [], 413),
        ([b""], [(b"content-length", b"1001")], 413),
        ([b""], [(b"content-length", b"9" * 400)], 400),
        ([b""], [(b"content-length", "²".encode("latin-1"))], 400),
        ([b"x", None], [], 408),
        ([None], [], 408),
    ],
)
@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/run/upload", "/relay/blocks"])
def test_what_does_not_is_refused_in_a_sentence(parts, headers, status, path):
    code, content = ask(parts, path, headers=headers)
    assert code == status and content.endswith(b'."}')


def test_uploads_have_a_limit_of_their_own():
    assert ask([b"x" * 2000] * 3, UPLOAD, upload_bytes=0)[0] == 200
    assert ask([b"x" * ENVELOPE, b"xx"], UPLOAD, upload_bytes=1)[0] == 413
    assert ask([b"x" * 10, None], UPLOAD, upload_bytes=1)[0] == 408


def test_what_has_no_content_is_not_waited_for():
    assert ask([b""], method="GET")[0] == 200
