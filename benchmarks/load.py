"""Many clients at once: does each get the result of its own input, how long does it wait, what does it cost the server?

    python -m benchmarks.load --clients 20
    python -m benchmarks.load --clients 4 --sessions 1000

Every client sends noise of its own to /inpaint and compares what comes back outside the gap, bit for bit. Meanwhile the
page is opened again and again. With --sessions, so many further sessions come and go after each other: each opens the
page, has 0.1 s of sound restored, and leaves. The server's memory is taken along; it and the files that it keeps are
measured where it runs on this machine. Prints a table and, last, one JSON line.
"""

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil
import soundfile
from gradio_client import Client, handle_file

RATE = 16000
PAGE_SECONDS = 0.5  # between two visits
LOOK_SECONDS = 0.05  # between two looks at what a client was told
MEGABYTE = 2**20
MEMORY_POINTS = 10
SESSION_SECONDS = 0.1  # of sound that each of the sessions after each other sends
PATIENCE = {"timeout": 600.0}  # no client gives up by itself


@dataclass
class Visit:
    """What became of one client's run; times in seconds since it asked.

    Args:
        ahead, expected: how many runs were before it and how long it was to wait, as it was told first.
        told: when that was.
        begun, ended: when its run began and ended.
        error: what it read instead of a result.
        own: whether the result is of its own input.
    """

    ahead: int = 0
    expected: float = 0.0
    told: float = 0.0
    begun: float = 0.0
    ended: float = 0.0
    error: str = ""
    own: bool = False


def opened_client(url: str) -> Client:
    """A client of the page, who waits as long as it takes."""
    return Client(url, verbose=False, httpx_kwargs=PATIENCE)


def visit(client: Client, sound: Path, seconds: float) -> Visit:
    """Has a gap in the middle of a sound filled."""
    made, asked = Visit(), time.perf_counter()
    gap = (0.4 * seconds, 0.5 * seconds)
    try:
        job = client.submit(handle_file(str(sound)), f"{gap[0]}-{gap[1]}", quality="draft", api_name="/inpaint")
        while not job.done():  # iterating instead looks a thousand times a second
            _note(made, job.outputs(), time.perf_counter() - asked)
            time.sleep(LOOK_SECONDS)
        path, _ = job.result()
        made.begun = made.begun or time.perf_counter() - asked
        made.own = _same_outside(sound, path, gap)
    except Exception as error:  # whatever it is, it is counted
        made.error = str(error) or type(error).__name__
    made.ended = time.perf_counter() - asked
    return made


def _note(made: Visit, outputs: list, seconds: float) -> None:
    """What a client was told so far."""
    waiting = [progress for path, progress in outputs if path is None and "runs_ahead" in progress]
    if waiting and not made.told:
        made.told = seconds
        made.ahead, made.expected = waiting[0]["runs_ahead"], waiting[0]["seconds_to_wait"]
    if len(outputs) > len(waiting) and not made.begun:
        made.begun = seconds


def _same_outside(sound: Path, restored: str, gap: tuple[float, float]) -> bool:
    given, made = (soundfile.read(path, dtype="float32")[0] for path in (sound, restored))
    first, last = (round(end * RATE) for end in gap)
    outside = np.r_[0:first, last : len(given)]
    return len(given) == len(made) and bool(np.array_equal(given[outside], made[outside]))


def noise(folder: Path, number: int, seconds: float) -> Path:
    """A sound that no other client has."""
    path = folder / f"{number}.wav"
    samples = 0.1 * np.random.default_rng(number).standard_normal(round(seconds * RATE))
    soundfile.write(path, samples, RATE, "FLOAT")
    return path


@contextmanager
def page_times(url: str) -> Iterator[list[float]]:
    """Seconds that the page took to come, again and again while the block runs."""
    times, over = [], threading.Event()

    def look() -> None:
        while not over.wait(PAGE_SECONDS):
            began = time.perf_counter()
            urllib.request.urlopen(url, timeout=60).read()
            times.append(time.perf_counter() - began)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield times
    finally:
        over.set()
        looking.join()


def server_of(url: str) -> psutil.Process | None:
    """The process that serves the page, where it runs on this machine and may be looked at."""
    address = urlsplit(url)
    if address.hostname not in ("127.0.0.1", "localhost"):
        return None
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == address.port and connection.pid:
            return psutil.Process(connection.pid)
    return None


def megabytes(server: psutil.Process | None) -> float | None:
    return None if server is None else round(server.memory_info().rss / MEGABYTE, 1)


def kept_megabytes(server: psutil.Process | None) -> float | None:
    """Of the files that the server keeps, where it was told a folder for them."""
    base = None if server is None else server.environ().get("GRADIO_TEMP_DIR")
    if not base:
        return None
    return round(sum(path.stat().st_size for path in Path(base).rglob("*") if path.is_file()) / MEGABYTE, 2)


def crowd(url: str, clients: int, seconds: float, folder: Path) -> tuple[list[Visit], list[float]]:
    """So many at once; what became of them, and how long the page took to come meanwhile."""
    with ThreadPoolExecutor(clients) as threads:
        opened = list(threads.map(lambda _: opened_client(url), range(clients)))
        sounds = [noise(folder, number, seconds) for number in range(clients)]
        with page_times(url) as pages:
            visits = list(threads.map(lambda one: visit(*one, seconds), zip(opened, sounds, strict=True)))
    return visits, pages


def pass_by(url: str, endpoint: int, sound: Path) -> str:
    """A session as a page has it, without what a client of Python computes; what it read instead of a result, or ""."""
    gap, session = f"{0.4 * SESSION_SECONDS:g}-{0.5 * SESSION_SECONDS:g}", uuid.uuid4().hex
    with httpx.Client(base_url=url, **PATIENCE) as visitor:
        visitor.get("/").raise_for_status()
        with sound.open("rb") as file:
            (sent,) = visitor.post("/gradio_api/upload", files={"files": (sound.name, file)}).json()
        given = [{"path": sent, "meta": {"_type": "gradio.FileData"}}, gap, "", "draft", 0, 0.0, 0.0, None]
        asked = {"fn_index": endpoint, "data": given, "session_hash": session}
        visitor.post("/gradio_api/queue/join", json=asked).raise_for_status()
        with visitor.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as told:
            lines = (json.loads(line.removeprefix("data:")) for line in told.iter_lines() if line)
            last = next(said for said in lines if said["msg"] in ("process_completed", "close_stream"))
    return "" if last.get("success") else str(last.get("output"))


def come_and_go(url: str, sessions: int, folder: Path, server: psutil.Process | None) -> dict:
    """Sessions after each other; the memory on the way, and its slope per session over the second half."""
    points, errors = [(0, megabytes(server))], Counter()
    endpoints = httpx.get(f"{url}/config", **PATIENCE).json()["dependencies"]
    endpoint = next(own["id"] for own in endpoints if own["api_name"] == "inpaint")
    for number in range(1, sessions + 1):
        if error := pass_by(url, endpoint, noise(folder, number, SESSION_SECONDS)):
            errors[error] += 1
        if number % max(sessions // MEMORY_POINTS, 1) == 0:
            points.append((number, megabytes(server)))
    found = {"sessions": sessions, "errors": dict(errors), "memory_mb": points}
    if server is not None:
        late = np.array(points[len(points) // 2 :], float)
        found["mb_per_session"] = round(float(np.polyfit(late[:, 0], late[:, 1], 1)[0]), 3)
    return found


def summary(visits: list[Visit], pages: list[float]) -> dict:
    done = [made for made in visits if made.own]
    waited = [made for made in done if made.ahead]
    last = max(waited, key=lambda made: made.ahead, default=Visit())
    return {
        "clients": len(visits),
        "right": len(done),
        "mixed": sum(not made.own and not made.error for made in visits),
        "refused": dict(Counter(made.error for made in visits if made.error)),
        "seconds": round(max(made.ended for made in visits), 1),
        "wait_seconds_median": round(statistics.median([made.begun for made in done] or [0]), 1),
        "wait_seconds_longest": round(max((made.begun for made in done), default=0), 1),
        "wait_seconds_for_10_ahead": round(10 * (last.begun - last.told) / max(last.ahead, 1), 1),
        "told_minus_waited_median": round(statistics.median([_error_of(made) for made in waited] or [0]), 1),
        "page_seconds_median": round(statistics.median(pages or [0]), 2),
        "page_seconds_longest": round(max(pages, default=0), 2),
    }


def _error_of(made: Visit) -> float:
    """By how much a client waited less than it was told, in seconds."""
    return made.expected - (made.begun - made.told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:7860", help="of the page")
    parser.add_argument("--clients", type=int, default=20, help="at once")
    parser.add_argument("--seconds", type=float, default=1.0, help="of sound that each sends")
    parser.add_argument("--sessions", type=int, default=0, help="after each other, afterwards")
    parser.add_argument("--details", action="store_true", help="a line for every client, too")
    asked = parser.parse_args()
    server = server_of(asked.url)
    with tempfile.TemporaryDirectory() as folder:
        found = {"load": os.getloadavg()[0], "memory_mb_before": megabytes(server)}
        visits, pages = crowd(asked.url, asked.clients, asked.seconds, Path(folder))
        found |= summary(visits, pages) | {"memory_mb_after": megabytes(server)}
        if asked.sessions:
            found["coming_and_going"] = come_and_go(asked.url, asked.sessions, Path(folder), server)
        found["kept_files_mb"] = kept_megabytes(server)
    for made in visits if asked.details else []:
        print(asdict(made))
    for name, value in found.items():
        print(f"{name:28} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
