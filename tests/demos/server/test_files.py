"""Visitors' files: gone with their server, however that ended, and bounded in bytes."""

import os
import signal
from pathlib import Path

import pytest

from demos.server.files import MOST_BYTES, YOUNG_SECONDS, bound, remove_ended
from tests.processes import running_python

CLAIM = "from demos.server.files import claim_folder; print(claim_folder(), flush=True); input()"


@pytest.fixture
def claiming(tmp_path):
    """Starts a process that claims a folder, with a visitor's file in it."""

    def start():
        return running_python("-c", CLAIM, env=os.environ | {"GRADIO_TEMP_DIR": str(tmp_path)}, stdin=-1)

    return start


def begun(process) -> Path:
    folder = Path(process.stdout.readline().strip())
    (folder / "sound").mkdir()
    (folder / "sound" / "in.wav").write_bytes(b"private")
    return folder


def test_files_of_a_server_that_was_killed_are_removed_and_others_stay(claiming, tmp_path):
    (tmp_path / "of somebody else").mkdir()
    with claiming() as killed, claiming() as living:
        gone, kept = begun(killed), begun(living)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (gone / "sound" / "in.wav").exists()
        with claiming() as third:
            assert begun(third).parent == tmp_path and third.poll() is None
            assert not gone.exists() and (kept / "sound" / "in.wav").exists()
            assert kept.stat().st_mode & 0o077 == 0, "nobody else reads them"
    assert (tmp_path / "of somebody else").exists()


def test_a_server_that_ends_removes_its_own(claiming, tmp_path):
    with claiming() as process:
        folder = begun(process)
        process.communicate("\n")
    assert process.returncode == 0 and not folder.exists() and list(tmp_path.iterdir()) == []


def test_links_are_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "server-1").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    remove_ended(tmp_path / "base")
    assert (tmp_path / "elsewhere").exists()


def written(folder: Path, name: str, size: int, at: float) -> Path:
    path = folder / name / "clip.wav"
    path.parent.mkdir()
    path.write_bytes(b"x" * size)
    os.utime(path, (at, at))
    return path


def test_the_oldest_files_go_where_there_are_too_many(tmp_path):
    now = 1e9
    files = [written(tmp_path, str(n), 100, now - 10_000 + n) for n in range(10)]
    bound(tmp_path, 1000, now)
    assert all(path.exists() for path in files), "as many as may be"
    bound(tmp_path, 900, now)
    assert [path.exists() for path in files] == [False] * 4 + [True] * 6


def test_files_just_written_stay(tmp_path):
    now = 1e9
    files = [written(tmp_path, str(n), 100, now - YOUNG_SECONDS / 2) for n in range(4)]
    bound(tmp_path, 100, now)
    assert all(path.exists() for path in files) and MOST_BYTES > 1e9
