"""Processes that end with the block that starts them, whatever becomes of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


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
