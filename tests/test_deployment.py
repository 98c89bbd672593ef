"""What a server of one's own is made with: the Dockerfile and the unit of systemd say what is there, and the page needs
no more than they give it.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from fnmatch import fnmatch
from pathlib import Path

import pytest

from demos.page.examples import SOUNDS
from demos.server.health import HEALTH
from tests.processes import ROOT, free_port

UNIT = ROOT / "deploy" / "resound.service"

# Stands for a container with --read-only: its root cannot be written to, it runs as nobody in particular (who may read
# everything, as the interpreter may lie in root's home), and /tmp and /data are fresh. The folder of the page is $1.
CONTAINER = """
set -e
mount --bind / / && mount -o remount,ro,bind /
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/resound /mnt/data && chown 10001 /mnt/data && mount --bind "$1" /mnt/resound
mount -t tmpfs tmpfs /tmp
cd /mnt/resound
exec setpriv --reuid=10001 --regid=10001 --clear-groups --inh-caps=-all,+dac_read_search \
    --ambient-caps=+dac_read_search --no-new-privs "$2" "$3"
"""


def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile: names and what follows them."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [tuple(line.split(maxsplit=1)) for line in joined if line.strip()]


def of(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def copied() -> list[str]:
    return [source for rest in of("COPY") for source in rest.split()[:-1]]


def settings() -> dict[str, str]:
    """The variables that the Dockerfile sets."""
    return dict(item.split("=", 1) for rest in of("ENV") for item in shlex.split(rest))


def test_what_the_dockerfile_copies_is_there_and_sent_to_the_builder():
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in copied():
        assert (ROOT / source).exists() and any(fnmatch(source, pattern) for pattern in let_in), source
    assert sorted(let_in) == sorted(copied())


def test_the_container_runs_as_nobody_and_is_asked_for_its_health():
    assert [name for name, _ in instructions() if name in ("USER", "CMD")] == ["USER", "CMD"]
    assert of("USER") == ["10001"] and "--uid 10001" in of("RUN")[-1]
    assert f"http://127.0.0.1:{settings()['PORT']}{HEALTH.path}'" in of("HEALTHCHECK")[0]
    assert of("EXPOSE") == [settings()["PORT"]]
    assert all(path.startswith(("/tmp", "/data")) for path in settings().values() if path.startswith("/"))


def test_systemd_understands_the_unit():
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed here")
    checked = subprocess.run(["systemd-analyze", "verify", UNIT], capture_output=True, text=True)
    complaints = [line for line in checked.stderr.splitlines() if UNIT.name in line and "is not executable" not in line]
    assert not complaints
    said = UNIT.read_text()
    assert "DynamicUser=yes" in said and "ProtectSystem=strict" in said
    written = re.findall(r"(?:RESOUND_HOME|GRADIO_TEMP_DIR|NUMBA_CACHE_DIR|MPLCONFIGDIR|HOME)=(\S+)", said)
    assert len(written) == 5 and all(path.startswith(("%S/resound", "%C/resound")) for path in written)


def contained(folder: Path, program: str) -> list[str]:
    """The command that runs a program of the folder as the container does."""
    return ["unshare", "--mount", "sh", "-c", CONTAINER, "container", str(folder), sys.executable, program]


def can_make_containers(folder: Path) -> bool:
    """Whether Python runs in one: mounts are allowed, and nothing that is mounted hides it."""
    if not all(shutil.which(name) for name in ("unshare", "setpriv", "mount")):
        return False
    (folder / "nothing.py").touch()
    return subprocess.run(contained(folder, "nothing.py"), capture_output=True).returncode == 0


@pytest.fixture
def container(tmp_path):
    """The page as the Dockerfile sets it up, with nothing but what that copies; its address, which is up."""
    if not can_make_containers(tmp_path):
        pytest.skip("no container can be made here")
    for source in copied():
        there = tmp_path / "resound" / source
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, there, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            there.parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / source, there)
    own = {name: value.replace("/data", "/mnt/data") for name, value in settings().items()}
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"} | own | {"PORT": str(free_port())}
    command = contained(tmp_path / "resound", "app.py")
    log = tmp_path / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        yield up(process, f"http://127.0.0.1:{environment['PORT']}", log)
    finally:
        process.kill()
        process.wait()


def up(process: subprocess.Popen, address: str, log: Path) -> str:
    while process.poll() is None:
        try:
            urllib.request.urlopen(address + HEALTH.path, timeout=5).read()
            return address
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"the page did not come up:\n{log.read_text()[-2000:]}")


@pytest.mark.slow
def test_the_page_runs_where_it_can_write_nothing_but_its_data(container):
    client = pytest.importorskip("gradio_client")
    health = json.loads(urllib.request.urlopen(container + HEALTH.path).read())
    assert health == {"status": "ok", "running": 0, "waiting": 0}
    piano = client.handle_file(str(SOUNDS / "piano.flac"))
    asked = {"quality": "draft", "length": 0.5, "api_name": "/inpaint"}
    visitor = client.Client(container, verbose=False, httpx_kwargs={"timeout": 120})
    _, report = visitor.predict(piano, "0.2-0.25", **asked)
    assert report["task"] == "inpaint"
    sounds, _ = visitor.predict(1, "seven", steps=2, api_name="/generate")
    assert len(sounds) == 1
