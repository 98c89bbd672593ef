"""Files of the web, whole or not at all; a download that broke off goes on where it was (ranges, RFC 9110, sec. 14)."""

import hashlib
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from core.errors import InputError

CHUNK_BYTES = 2**20
TIMEOUT_SECONDS, PAUSE_SECONDS = 60.0, 2.0  # of silence; before another try, longer each time
TRIES = 5  # in a row in which nothing comes
BUSY = (408, 425, 429, 500, 502, 503, 504)  # answers that may be others later
MOST = 2  # times the size that is known: more is not what was asked for

Watch = Callable[[str, int, int], None]  # what is being done, bytes so far, bytes in all or 0


@dataclass(frozen=True)
class Download:
    """A file as its publisher offers it.

    Args:
        url: where it is.
        bytes: its size, about, for people and for the look at free space.
        checksum: `sha256:` or `md5:` and the digest in hexadecimal; empty where none is published.
    """

    url: str
    bytes: int
    checksum: str = ""

    @property
    def name(self) -> str:
        return urlsplit(self.url).path.rpartition("/")[2]


def fetch(download: Download, folder: Path, watch: Watch) -> Path:
    """Brings a file into a folder; it takes its name there once its checksum is right, and is not fetched again.

    Until then it is NAME.part, which a later call goes on with.

    Raises:
        InputError: the server does not have it, breaks off again and again, or sends something else.
    """
    whole, part = folder / download.name, folder / f"{download.name}.part"
    if not whole.exists():
        _receive(download, part, watch)
        _check(download, part, watch)
        os.replace(part, whole)
        _tag(part).unlink(missing_ok=True)
    return whole


def missing_bytes(download: Download, folder: Path) -> int:
    """How much of it is still to come, about."""
    whole, part = folder / download.name, folder / f"{download.name}.part"
    return 0 if whole.exists() else max(download.bytes - _size(part), 0)


def size_text(size: float) -> str:
    """As people read it, such as 2.7 GB."""
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"


def _receive(download: Download, part: Path, watch: Watch) -> None:
    """Downloads what is missing; goes on after breaks for as long as something comes."""
    tries = 0
    with httpx.Client(follow_redirects=True, timeout=TIMEOUT_SECONDS) as client:
        while True:
            before = _size(part)
            try:
                return _go_on(client, download, part, watch)
            except httpx.HTTPError as error:
                tries = 1 if _size(part) > before else tries + 1
                if tries >= TRIES:
                    raise InputError(
                        f"{download.url} cannot be fetched ({error or type(error).__name__}); what came of it is kept. "
                        "Try again later."
                    ) from None
                time.sleep(PAUSE_SECONDS * tries)


def _go_on(client: httpx.Client, download: Download, part: Path, watch: Watch) -> None:
    """One request: the rest of the file where the server's is still the same one, else all of it."""
    start, tag = _size(part), _read_tag(part)
    wanted = {"Range": f"bytes={start}-", "If-Range": tag} if start and tag else {}
    with client.stream("GET", download.url, headers={"Accept-Encoding": "identity"} | wanted) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and wanted:
            if response.headers.get("content-range") == f"bytes */{start}":
                return  # it was all there
            part.unlink()
            raise httpx.HTTPError("the file is another one now")
        _accept(response, download)
        if response.status_code == httpx.codes.PARTIAL_CONTENT:
            _check_range(response, start)
        else:
            start = 0
            _write_tag(part, response)
        total = start + int(response.headers.get("content-length", 0)) if "content-length" in response.headers else 0
        _write(response, part, start, total, download, watch)


def _write(response: httpx.Response, part: Path, start: int, total: int, download: Download, watch: Watch) -> None:
    done = start
    with part.open("ab" if start else "wb") as file:
        for chunk in response.iter_raw():
            done += len(chunk)
            if done > MOST * download.bytes:
                raise InputError(
                    f"{download.url} sends more than {MOST} times the {size_text(download.bytes)} that it should have; "
                    "it is not what was asked for."
                )
            file.write(chunk)
            watch(f"fetching {download.name}", done, total)


def _accept(response: httpx.Response, download: Download) -> None:
    if response.status_code in BUSY:
        raise httpx.HTTPError(f"the server answers {response.status_code}")
    if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        raise InputError(
            f"{download.url} cannot be fetched: the server answers {response.status_code} {response.reason_phrase}. "
            "It may have moved."
        )


def _check_range(response: httpx.Response, start: int) -> None:
    sent = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
    if not sent or int(sent[1]) != start:
        raise httpx.HTTPError("the server sends another part than was asked for")


def _check(download: Download, part: Path, watch: Watch) -> None:
    """Refuses, and removes, what has another checksum."""
    if not download.checksum:
        return
    kind, _, expected = download.checksum.partition(":")
    digest, done, total = hashlib.new(kind, usedforsecurity=False), 0, _size(part)
    with part.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            watch(f"checking {download.name}", done, total)
    if digest.hexdigest() != expected:
        part.unlink()
        raise InputError(
            f"What came from {download.url} is not what was published ({kind} {digest.hexdigest()}, not {expected}); "
            "it was removed. Try again, or look whether the publisher has changed it."
        )


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _tag(part: Path) -> Path:
    """The file that says which version of the server's file the part is of."""
    return part.with_name(f"{part.name}.tag")


def _read_tag(part: Path) -> str:
    with suppress(OSError):
        return _tag(part).read_text()
    return ""


def _write_tag(part: Path, response: httpx.Response) -> None:
    """Keeps what If-Range takes: a strong entity tag, or else a date; without one a download begins anew."""
    tag = response.headers.get("etag", "")
    part.unlink(missing_ok=True)  # first, so that no part has the tag of another
    _tag(part).write_text(tag if tag and not tag.startswith("W/") else response.headers.get("last-modified", ""))
