"""What docs/hosting.md promises of hostile callers, as the served page keeps it; see its table for the rest."""

import hashlib
import http.client
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from demos.page.examples import SOUNDS
from demos.server.closed import CLOSED
from tests.processes import ROOT

client = pytest.importorskip("gradio_client")
MEGABYTE = 10**6
JOINING = "/gradio_api/queue/join"


@pytest.fixture(scope="module")
def web(server):
    with httpx.Client(base_url=server.url, timeout=60) as opened:
        yield opened


def sent(web, name: str, content: bytes = b"RIFF") -> Path:
    """Where the server put a file that was sent to it."""
    (path,) = web.post("/gradio_api/upload", files={"files": (name, content)}).raise_for_status().json()
    return Path(path)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/hostname",
        ROOT / "app.py",
        ROOT / "checkpoints" / "manifest.json",
        ROOT / "assets" / "sounds" / ".." / ".." / "pyproject.toml",
        "app.py",
        "../../etc/hostname",
    ],
    ids=str,
)
def test_files_that_were_not_sent_are_not_served(web, path):
    for address in (f"/gradio_api/file={path}", f"/gradio_api/file/{quote(str(path), safe='')}"):
        assert web.get(address).status_code in (403, 404)


def test_a_sent_file_stays_where_such_files_lie_and_its_folder_is_not_listed(web):
    path = sent(web, "../../../evil.wav")
    assert path.name == "evil.wav" and "server-" in path.parts[-3]
    assert web.get(f"/gradio_api/file={path}").content == b"RIFF"
    for folder in (path.parent, path.parents[1], path.parents[2]):
        assert web.get(f"/gradio_api/file={folder}").status_code in (403, 404)
    assert web.get(f"/gradio_api/file={path.parent}/../../../../../etc/hostname").status_code in (403, 404)


def test_where_a_file_lies_cannot_be_guessed(web):
    """The folder's name is not the digest of what is in it, which somebody else may know."""
    assert sent(web, "a.wav", b"known to all").parent.name != hashlib.sha256(b"known to all").hexdigest()


@pytest.mark.parametrize("path", CLOSED)
def test_routes_that_the_page_has_no_use_for_are_closed(web, path):
    for method in ("GET", "POST"):
        answer = web.request(method, path)
        assert answer.status_code == 404 and answer.json() == {"detail": "This server does not offer that."}


def first_line(server, path: str, stated: int) -> bytes:
    """Of the answer to a request that says how large it is and waits to be told to go on."""
    address = urlsplit(server.url)
    with closing(http.client.HTTPConnection(address.hostname, address.port, timeout=60)) as connection:
        connection.putrequest("POST", path)
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        connection.putheader("Content-Length", str(stated))
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        return connection.sock.recv(100).splitlines()[0]


@pytest.mark.parametrize(
    ("path", "megabytes", "status"),
    [
        ("/gradio_api/upload", 900, 100),
        ("/gradio_api/upload", 1100, 413),
        (JOINING, 1, 100),
        (JOINING, 3, 413),
        ("/gradio_api/mcp/", 3, 413),
    ],
)
def test_how_large_requests_may_be(server, path, megabytes, status):
    assert first_line(server, path, megabytes * MEGABYTE).split()[1] == str(status).encode()


@pytest.mark.parametrize("path", ["/", "/config", "/health", "/gradio_api/info"])
def test_the_page_answers_under_its_own_names_to_its_own_site_and_is_not_framed(web, path):
    assert web.get(path, headers={"host": "evil.example"}).status_code == 403
    assert web.get(path, headers={"origin": "https://evil.example"}).status_code == 403
    answer = web.get(path)
    assert answer.status_code == 200 and answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["content-security-policy"] == "frame-ancestors 'self'"


@pytest.mark.parametrize("name", ["../tiny", "checkpoints/piano-16k.safetensors", str(ROOT / "checkpoints")])
def test_no_endpoint_takes_a_checkpoint_by_its_path(server, name):
    api = client.Client(server.url, verbose=False, httpx_kwargs={"timeout": 120})
    piano = client.handle_file(str(SOUNDS / "piano.flac"))
    with pytest.raises(client.exceptions.AppError, match="no prior named"):
        api.predict(piano, "0.1-0.2", prior=name, api_name="/inpaint")
    with pytest.raises(client.exceptions.AppError, match="no prior named"):
        api.predict(1, prior=name, api_name="/generate")


@pytest.mark.parametrize("path", ["https://resound.invalid/a.wav", "http://169.254.169.254/latest/meta-data"])
def test_nothing_is_fetched_for_a_visitor_of_any_tab(server, web, path):
    """Also where the page's own events are sent what no page would send: by their numbers, which have no names."""
    config = web.get("/config").json()
    sounds = {component["id"] for component in config["components"] if component["type"] in ("audio", "file", "image")}
    events = [event for event in config["dependencies"] if set(event["inputs"]) & sounds and event["queue"]]
    assert events
    given = {"path": path, "meta": {"_type": "gradio.FileData"}}
    for number, event in enumerate(events[:4]):
        data = [given if taken in sounds else None for taken in event["inputs"]]
        asked = {"data": data, "fn_index": event["id"], "session_hash": f"stranger{number}"}
        assert web.post(JOINING, json=asked).status_code == 200
        with web.stream("GET", f"/gradio_api/queue/data?session_hash=stranger{number}") as answer:
            said = next(line for line in answer.iter_lines() if "process_completed" in line)
        assert "fetches nothing from elsewhere" in said
