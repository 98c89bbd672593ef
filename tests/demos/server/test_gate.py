"""Whom the server answers: its own names and pages, and what its owner lists."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from demos.server.gate import Gate, GateMiddleware

HOME = Gate.from_environment("127.0.0.1", {})
PROXIED = Gate.from_environment("0.0.0.0", {"RESOUND_HOSTS": "resound.example.org, *.example.net"})
SPACE = Gate.from_environment("0.0.0.0", {"SPACE_ID": "somebody/resound", "SPACE_HOST": "somebody-resound.hf.space"})


@pytest.mark.parametrize(
    ("gate", "host"),
    [
        (HOME, "127.0.0.1:7860"),
        (HOME, "localhost:7860"),
        (HOME, "LOCALHOST"),
        (HOME, "192.168.1.7:7860"),
        (HOME, "[::1]:7860"),
        (HOME, ""),
        (Gate.from_environment("studio.lan", {}), "studio.lan:7860"),
        (PROXIED, "resound.example.org"),
        (PROXIED, "a.b.example.net:8443"),
        (SPACE, "somebody-resound.hf.space"),
        (SPACE, "10.1.2.3:7860"),
        (Gate.from_environment("127.0.0.1", {"RESOUND_HOSTS": "*"}), "anything.example"),
    ],
)
def test_names_that_are_answered(gate, host):
    assert gate.refusal({"host": host}) == ""


@pytest.mark.parametrize(
    ("gate", "host"),
    [
        (HOME, "evil.example:7860"),
        (HOME, "127.0.0.1.evil.example"),
        (HOME, "localhost.evil.example"),
        (HOME, "somebody-resound.hf.space"),
        (HOME, "]["),
        (PROXIED, "example.org"),
        (PROXIED, "resound.example.org.evil.example"),
        (SPACE, "hf.space.evil.example"),
    ],
)
def test_names_that_are_not(gate, host):
    """As a page sees this server whose name was made to resolve to it."""
    reason = gate.refusal({"host": host})
    assert reason.endswith("RESOUND_HOSTS.") and reason.count(". ") == 0


@pytest.mark.parametrize(
    ("gate", "host", "origin", "let_in"),
    [
        (HOME, "127.0.0.1:7860", "http://127.0.0.1:7860", True),
        (HOME, "127.0.0.1:7860", "http://127.0.0.1:3000", False),
        (HOME, "127.0.0.1:7860", "https://evil.example", False),
        (HOME, "127.0.0.1:7860", "null", False),
        (HOME, "127.0.0.1:7860", "http://[", False),
        (HOME, "127.0.0.1:7860", "", False),
        (PROXIED, "resound.example.org", "https://resound.example.org", True),
        (PROXIED, "127.0.0.1:7860", "https://resound.example.org", True),
        (PROXIED, "resound.example.org", "https://evil.example", False),
        (SPACE, "somebody-resound.hf.space", "https://somebody-resound.hf.space", True),
        (SPACE, "10.1.2.3:7860", "https://somebody-resound.hf.space", True),
        (SPACE, "somebody-resound.hf.space", "https://evil.example", False),
        (SPACE, "somebody-resound.hf.space", "https://evil.hf.space", False),
    ],
)
def test_sites_that_may_ask(gate, host, origin, let_in):
    assert (gate.refusal({"host": host, "origin": origin}) == "") == let_in


@pytest.mark.parametrize(
    ("gate", "policy"),
    [
        (HOME, "frame-ancestors 'self'"),
        (SPACE, "frame-ancestors 'self' https://huggingface.co https://*.hf.space"),
        (
            Gate.from_environment("", {"RESOUND_FRAMES": "https://example.org, evil;script-src"}),
            "frame-ancestors 'self' https://example.org",
        ),
    ],
)
def test_who_may_frame_a_page(gate, policy):
    """Whatever stands in the setting, it is a list of sites and no other directive."""
    headers = gate.framing
    assert headers["content-security-policy"].startswith(policy)
    assert ";" not in headers["content-security-policy"]
    assert ("x-frame-options" in headers) == (policy == "frame-ancestors 'self'")


def test_anybody_may_frame_a_page_whose_owner_says_so():
    assert Gate.from_environment("", {"RESOUND_FRAMES": "*"}).framing == {}


def test_the_routes_are_behind_it():
    app = Starlette(
        routes=[Route("/", lambda request: PlainTextResponse("the page"), methods=["GET", "POST"])],
        middleware=[Middleware(GateMiddleware, gate=HOME)],
    )
    client = TestClient(app, "http://localhost:7860")
    page = client.get("/")
    assert page.text == "the page" and page.headers["x-frame-options"] == "SAMEORIGIN"
    upload = client.post("/", headers={"origin": "https://evil.example"})
    assert upload.status_code == 403 and "https://evil.example" in upload.json()["detail"]
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403
