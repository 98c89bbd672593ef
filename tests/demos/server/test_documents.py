"""The page's own documents: made once, the same for all who would get the same."""

import gzip

import brotli
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from demos.server.documents import MOST, DocumentsMiddleware


@pytest.fixture
def made() -> list[str]:
    """The documents that were made so far."""
    return []


@pytest.fixture
def visitor(made):
    async def document(request):
        made.append(str(request.url))
        status = 500 if "broken" in request.headers else 200
        shown = request.headers.get("x-forwarded-host", request.url.hostname)
        return HTMLResponse(f"{shown} {len(made)} " + "text " * 1000, status)

    routes = [Route(path, document, methods=["GET", "POST"]) for path in ("/", "/config", "/other")]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(DocumentsMiddleware)]), "http://localhost")


def test_a_document_is_made_once(visitor, made):
    first = visitor.get("/")
    for asked in ("/", "/?tab=inpaint&seed=3"):
        assert (
            visitor.get(asked).text == first.text
            and visitor.get(asked).headers["content-type"] == "text/html; charset=utf-8"
        )
    assert len(made) == 1


def test_who_takes_it_gets_it_compressed(visitor):
    plain = visitor.get("/", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.headers["vary"] == "Accept-Encoding"
    for takes, packing, unpacked in (("gzip, deflate", "gzip", gzip.decompress), ("gzip, br", "br", brotli.decompress)):
        with visitor.stream("GET", "/", headers={"accept-encoding": takes}) as packed:
            content = b"".join(packed.iter_raw())
        assert packed.headers["content-encoding"] == packing and packed.headers["vary"] == "Accept-Encoding"
        assert int(packed.headers["content-length"]) == len(content) < len(plain.content) / 10
        assert unpacked(content) == plain.content


@pytest.mark.parametrize(
    "headers", [{"host": "127.0.0.1"}, {"x-forwarded-host": "a.example"}, {"x-forwarded-proto": "https"}], ids=str
)
def test_each_address_has_its_own(visitor, made, headers):
    """No visitor gets a page whose addresses another one chose."""
    plain = visitor.get("/").text
    other = visitor.get("/", headers=headers).text
    assert len(made) == 2 and other != plain
    assert visitor.get("/").text == plain and visitor.get("/", headers=headers).text == other and len(made) == 2


@pytest.mark.parametrize("asked", ["/?deep_link=abc", "/?page=x", "/config?page=x", "/other"])
def test_anything_else_is_made_anew(visitor, made, asked):
    assert visitor.get(asked).text != visitor.get(asked).text and len(made) == 2


def test_what_is_sent_to_it_goes_through(visitor, made):
    assert visitor.post("/").text != visitor.post("/").text and len(made) == 2


def test_whether_the_page_is_there_is_answered_without_it(visitor, made):
    answer = visitor.head("/")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html") and not made


def test_failures_are_not_kept(visitor, made):
    assert visitor.get("/", headers={"broken": "1"}).status_code == 500
    assert visitor.get("/").status_code == 200 and len(made) == 2


def test_those_asked_for_longest_ago_are_let_go(visitor, made):
    for number in range(MOST + 1):
        visitor.get("/", headers={"x-forwarded-host": f"{number}.example"})
    visitor.get("/", headers={"x-forwarded-host": f"{MOST}.example"})
    assert len(made) == MOST + 1
    visitor.get("/", headers={"x-forwarded-host": "0.example"})
    assert len(made) == MOST + 2
