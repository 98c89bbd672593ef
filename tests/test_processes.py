"""Workers end with their parent, however that ends, and signals that ask for an end are heard where they should be."""

import csv
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core import processes
from core.cli import engines
from core.processes import handling, interrupt

RATE, SLOW_MACHINE = 16000, 400
LONG = {"prior": "tiny", "steps": "99999"}

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children are found in /proc")


def children(pid: int) -> list[int]:
    """Of a process, and theirs; none that has ended."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children(child)]
    return found


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def sound(tmp_path) -> Path:
    path = tmp_path / "in.wav"
    soundfile.write(path, 0.1 * np.sin(np.arange(4 * RATE) / 9), RATE)
    return path


def restoring(sound: Path, out: Path, start_process):
    """One clip over two processes; what its workers are doing then is not known: importing, or sampling."""
    options = [f"--{name}={value}" for name, value in LONG.items()]
    command = ("super-resolve", sound, out / "out.wav", "--factor", 4, "--window", 1, "--workers", 2, *options)
    process = start_process("-m", "core", *command)
    while len(children(process.pid)) < 3:  # multiprocessing has one of its own
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(4)
    return process


def listed(sound: Path, out: Path, start_process):
    """A list of jobs over two processes: two that end, and two that would not."""
    rows = [{"task": "inpaint", "input": sound.name, "gap": "0.1-0.2", "output": f"{n}.wav"} | LONG for n in range(4)]
    rows = [row | {"steps": "1"} if n < 2 else row for n, row in enumerate(rows)]
    jobs = sound.with_name("jobs.csv")
    with jobs.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    process = start_process("-m", "core", "batch", jobs, out, "--workers", 2)
    status = out / "status.csv"
    while not status.exists() or status.read_text().count("\n") < 3:
        assert process.poll() is None
        time.sleep(0.05)
    return process


@pytest.mark.timeout(SLOW_MACHINE)
@pytest.mark.parametrize("asked", ["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("begin", [restoring, listed])
def test_no_worker_outlives_its_command(begin, asked, sound, tmp_path, tiny_prior, start_process):
    out = tmp_path / "out"
    out.mkdir()
    process = begin(sound, out, start_process)
    workers = children(process.pid)
    process.send_signal(getattr(signal, asked))
    _, err = process.communicate()  # at the end of all that hold its stderr
    while any(map(lives, workers)):
        time.sleep(0.05)
    assert not list(out.glob("*.part"))
    if asked == "SIGTERM":
        assert process.returncode == 130 and err == "Stopped.\n"


def test_signals_that_are_ignored_stay_so():
    """As nohup has it; the others are heard, and as before afterwards."""
    heard, before, other = [], signal.signal(signal.SIGHUP, signal.SIG_IGN), signal.getsignal(signal.SIGTERM)
    try:
        with handling(lambda number, frame: heard.append(number)):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [signal.SIGTERM] and signal.getsignal(signal.SIGTERM) == other
    finally:
        signal.signal(signal.SIGHUP, before)


def _deaf(started: str) -> None:
    """Work that loses what asks it to end, as a finaliser would."""
    Path(started).touch()
    while True:
        with suppress(BaseException):
            time.sleep(60)


def test_a_worker_that_does_not_hear_is_ended_by_force(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "LEAVE_SECONDS", 0.5)
    running = engines.engine("local", workers=2, address=None)(_deaf, [str(tmp_path / "1"), str(tmp_path / "2")])

    def stop() -> None:
        while not all((tmp_path / name).exists() for name in "12"):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(KeyboardInterrupt), handling(interrupt):
        next(running)
    assert not multiprocessing.active_children()
