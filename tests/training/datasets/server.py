"""A server of files that does what servers of data sets do, and what they should not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Files:
    """What is served, and how.

    Args:
        content: path -> bytes.
        etag: of all of them; empty for none.
        ranges: whether a part can be asked for.
        breaks: bytes after which the answers to come break off, one each.
        statuses: that the answers to come have instead of the file.
        asked: the Range of every request.
    """

    content: dict[str, bytes] = field(default_factory=dict)
    etag: str = '"first"'
    ranges: bool = True
    breaks: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(files: Files) -> Iterator[Files]:
    """Serves files on a free port of this machine; `files.url` says where."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            _answer(self, files)

        def log_message(self, *message):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda request, address: None  # a client that leaves is none
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    files.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield files
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, files: Files) -> None:
    asked = request.headers.get("Range", "")
    files.asked.append(asked)
    content = files.content.get(request.path.partition("?")[0])
    if content is None or files.statuses:
        request.send_response(files.statuses.pop(0) if files.statuses else 404)
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    same = request.headers.get("If-Range") in (None, files.etag)
    start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and files.ranges and same else 0
    if start >= len(content):
        request.send_response(416)
        request.send_header("Content-Range", f"bytes */{len(content)}")
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    request.send_response(206 if start else 200)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    if files.etag:
        request.send_header("ETag", files.etag)
    request.send_header("Content-Length", str(len(content) - start))
    request.end_headers()
    sent = content[start:]
    if files.breaks:
        sent = sent[: files.breaks.pop(0)]
        request.close_connection = True
    request.wfile.write(sent)
