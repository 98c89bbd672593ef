"""A ReSpeaker made of air: PulseAudio's six-channel null sink plays a scene, PortAudio hears it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
# ALSA's plugin maps channels by position: auxiliary ones would be silent
POSITIONS = "front-left,front-right,rear-left,rear-right,front-center,lfe"
PROGRAMS = ("pulseaudio", "pactl", "pacat")
STARTUP_SECONDS = 20


class VirtualReSpeaker:
    """A running sound server whose only device is the array.

    Args:
        home: a folder for its socket and settings.
    """

    def __init__(self, home: Path):
        self.environment = os.environ | {
            "XDG_RUNTIME_DIR": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "PULSE_SOURCE": "respeaker.monitor",
            "PYTHONPATH": str(ROOT),
        }
        self.environment.pop("PULSE_SERVER", None)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The server, until the block ends.

        Raises:
            TimeoutError: it does not start.
        """
        sink = f"module-null-sink sink_name=respeaker rate=16000 channels=6 channel_map={POSITIONS}"
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        command += ["--load=module-native-protocol-unix", f"--load={sink}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = subprocess.Popen(command, env=self.environment, **quiet)
        try:
            self._wait()
            yield
        finally:
            server.terminate()
            server.wait()

    @contextmanager
    def playing(self, stream: np.ndarray) -> Iterator[None]:
        """Plays [6, frames] at 16 kHz again and again, until the block ends."""
        command = ["pacat", "--raw", "--device=respeaker", "--format=float32le", "--rate=16000"]
        command += ["--channels=6", f"--channel-map={POSITIONS}"]
        feed = f"import sys\nwhile True: sys.stdout.buffer.write(open({str(self._keep(stream))!r}, 'rb').read())"
        reader, writer = os.pipe()
        quiet = {"stderr": subprocess.DEVNULL, "env": self.environment}
        feeder = subprocess.Popen([sys.executable, "-c", feed], stdout=writer, **quiet)
        player = subprocess.Popen(command, stdin=reader, **quiet)
        os.close(reader)
        os.close(writer)
        try:
            yield
        finally:
            for process in (player, feeder):
                process.terminate()
                process.wait()

    def python(self, *arguments) -> subprocess.CompletedProcess:
        """Runs Python where the array is plugged in."""
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=120)

    def start(self, *arguments) -> subprocess.Popen:
        """The same, but does not wait for its end."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, *arguments], env=self.environment, cwd=ROOT, **pipes)

    def _keep(self, stream: np.ndarray) -> Path:
        path = Path(self.environment["XDG_RUNTIME_DIR"]) / "stream.raw"
        path.write_bytes(stream.T.astype("<f4").tobytes())
        return path

    def _wait(self) -> None:
        until = time.monotonic() + STARTUP_SECONDS
        while time.monotonic() < until:
            command = ["pactl", "list", "short", "sinks"]
            listed = subprocess.run(command, env=self.environment, capture_output=True, text=True)
            if "respeaker" in listed.stdout:
                return
            time.sleep(0.1)
        raise TimeoutError("PulseAudio did not start")


def what_is_missing() -> str:
    """Why there can be no virtual array here; empty where there can."""
    for program in PROGRAMS:
        if not shutil.which(program):
            return f"{program} is not installed"
    try:
        import sounddevice  # noqa: F401
    except OSError:
        return "PortAudio is not installed"
    return ""
