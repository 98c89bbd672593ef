"""Processes that end with the block that starts them, whatever becomes of it, and ports for them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def running_python(*arguments, **settings) -> Iterator[subprocess.Popen]:
    """Python with these arguments at the root of the project; what it starts ends with it.

    Args:
        settings: of the process; its output is kept as text unless they say otherwise.
    """
    command = [sys.executable, *map(str, arguments)]
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | settings
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **settings) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
