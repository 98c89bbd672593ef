"""Where jobs run: what is lost, slow or full is never the end of the other jobs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.cli import engines
from core.errors import InputError
from tests.commands import run
from tests.processes import ROOT

SLOW_MACHINE = 1200  # seconds for tests whose processes all import torch, on busy cores
DOOMED = "DOOMED"  # in the environment of the machine that is to be lost

# A machine of a cluster at the address $2 whose folder $1 lies on a disk of its own, which is full.
MACHINE_WITH_FULL_DISK = """
set -e
mount -t tmpfs -o size=64k tmpfs "$1"
cat /dev/zero > "$1/filler" 2> /dev/null || true
exec "$3" -m ray.scripts.scripts start --address="$2" --num-cpus=1 --block
"""


def can_mount() -> bool:
    """Whether a file system can be mounted in a namespace of its own."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@pytest.fixture(params=engines.ENGINES)
def name(request) -> str:
    """Of an engine."""
    if request.param == "ray":
        pytest.importorskip("ray", reason="Ray is not installed")
    return request.param


def dangerous(job: tuple[str, Path]) -> str:
    """Ends its process the first time, every time, or never."""
    kind, mark = job
    if kind == "always" or (kind == "once" and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return kind


@pytest.mark.timeout(SLOW_MACHINE)
def test_a_job_that_ends_its_process_twice_is_lost_and_no_other(name, tmp_path):
    jobs = [(kind, tmp_path / kind) for kind in ("once", "never", "always")]
    came = list(engines.engine(name, 2, None)(dangerous, jobs))
    assert len(came) == 3 and {"once", "never", engines.Lost(jobs[2])} == set(came)


def wait_for(condition) -> None:
    while not condition():
        time.sleep(0.02)


def patient(job: tuple[str, Path]) -> str:
    """The slow one ends only when all others have."""
    name, folder = job
    if name == "slow":
        wait_for(lambda: len(list(folder.iterdir())) == 6)
    else:
        (folder / name).touch()
    return name


@pytest.mark.timeout(SLOW_MACHINE)
def test_nothing_waits_behind_a_slow_worker(name, tmp_path):
    jobs = [("slow", tmp_path), *((str(number), tmp_path) for number in range(6))]
    came = list(engines.engine(name, 2, None)(patient, jobs))
    assert came[-1] == "slow" and sorted(came[:-1]) == [str(number) for number in range(6)]


@contextmanager
def cluster(**settings):
    """A Ray cluster on this machine; its first machine works on one job at a time.

    Args:
        settings: of that machine.
    """
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **settings})
    try:
        yield made
    finally:
        made.shutdown()


def falls_silent(job: tuple[int, Path]) -> int:
    """Never ends on the machine that is to be lost, where it leaves a mark."""
    number, mark = job
    if DOOMED in os.environ:
        mark.touch()
        wait_for(lambda: False)
    wait_for(mark.exists)  # the others have begun
    return number


@pytest.mark.timeout(SLOW_MACHINE)
def test_what_a_lost_machine_worked_on_is_begun_again_elsewhere(tmp_path):
    with cluster() as made:
        doomed = made.add_node(num_cpus=1, env_vars={DOOMED: "1"})
        mark = tmp_path / "mark"

        def lose():
            wait_for(mark.exists)
            made.remove_node(doomed, allow_graceful=False)

        losing = threading.Thread(target=lose)
        losing.start()
        came = list(engines.engine("ray", 1, made.address)(falls_silent, [(number, mark) for number in range(4)]))
        losing.join()
    assert sorted(came) == [0, 1, 2, 3]


@contextmanager
def machine_with_full_disk(folder: Path, address: str):
    """Joins a cluster with another machine, on whose own, full disk the folder lies; it works on one job at a time."""
    command = ["unshare", "--mount", "sh", "-c", MACHINE_WITH_FULL_DISK, "sh", folder, address, sys.executable]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True) as node:
        try:
            assert any("Ray runtime started" in line for line in node.stdout), "it ended before it joined"
            yield
        finally:
            node.terminate()  # it ends what it started


@pytest.mark.timeout(SLOW_MACHINE)
def test_where_a_disk_is_full_its_own_jobs_fail_and_can_be_done_again(tmp_path, capsys):
    if not can_mount():
        pytest.skip("nothing can be mounted here")
    rows, folder = ["task,input,output"], tmp_path / "out"
    for number in range(4):
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * np.random.default_rng(number).standard_normal(16000), 16000)
        rows.append(f"spectrogram,{number}.wav,{number}.npz")
    (tmp_path / "jobs.csv").write_text("\n".join(rows))
    folder.mkdir()
    command = ("batch", tmp_path / "jobs.csv", folder, "--engine", "ray", "--address")
    with cluster() as made:
        with machine_with_full_disk(folder, made.address):
            assert run(*command, made.address) == 2
        out, err = capsys.readouterr()
        failed = err.count("No space left on device")
        assert 0 < failed < 4 and len(list(folder.glob("*.npz"))) == 4 - failed and f"{4 - failed} of 4 jobs" in out
        assert run(*command, made.address) == 0
    assert f"4 of 4 jobs are done, {4 - failed} of them before" in capsys.readouterr().out


@pytest.mark.timeout(SLOW_MACHINE)
def test_machines_of_a_cluster_see_the_files_that_the_command_sees(extending_prior, tmp_path, monkeypatch):
    """Relative names, and the user's own checkpoints, on machines that were started elsewhere."""
    monkeypatch.chdir(tmp_path)
    Path("recordings").mkdir()
    for number in range(2):
        noise = 0.1 * np.random.default_rng(number).standard_normal(16000 * 4)
        soundfile.write(f"recordings/{number}.wav", noise, 16000)
    options = ("--data", "recordings", "--prior", extending_prior, "--factor", 2, "--sampler", "extender")
    command = ("evaluate", "super-resolution", *options)
    elsewhere = {"RESOUND_HOME": str(tmp_path / "elsewhere"), "PYTHONPATH": str(ROOT)}
    with cluster(env_vars=elsewhere) as made:
        assert run(*command, "-o", "cluster", "--engine", "ray", "--address", made.address) == 0
    assert run(*command, "-o", "processes", "--workers", 2) == 0
    assert run(*command, "-o", "here") == 0
    one, *others = (figures_in(Path(name)) for name in ("here", "processes", "cluster"))
    assert all(other == pytest.approx(one, abs=2e-3) for other in others)


@pytest.mark.timeout(SLOW_MACHINE)
def test_a_machine_without_resound_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with cluster(env_vars={"PYTHONPATH": ""}) as made, pytest.raises(InputError, match="No module named"):
        list(engines.engine("ray", 1, made.address)(figures_in, [tmp_path]))


def figures_in(folder: Path) -> dict[tuple, float]:
    """All of an evaluation's but how long it took."""
    figures = json.loads((folder / "super-resolution.json").read_text())["figures"]
    return {
        (way, method, name): value
        for way, methods in figures.items()
        for method, own in methods.items()
        for name, value in own.items()
        if name != "seconds"
    }
