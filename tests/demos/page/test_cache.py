"""Cached sounds: whole whenever they are read, and written once."""

import os
import threading
from pathlib import Path

import pytest
from gradio.processing_utils import hash_file

from demos.page.cache import cached

CONTENT = os.urandom(2_000_000)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))


def test_a_file_lies_where_gradio_would_put_it(tmp_path):
    path = Path(cached(CONTENT, "clip.wav"))
    assert path.read_bytes() == CONTENT
    assert path == tmp_path.resolve() / hash_file(path) / "clip.wav"
    assert [entry.name for entry in path.parent.iterdir()] == ["clip.wav"]


def test_what_is_there_is_not_written_again_but_young_again():
    path = Path(cached(CONTENT, "clip.wav"))
    os.utime(path, (0, 0))
    before = path.stat()
    assert cached(CONTENT, "clip.wav") == str(path)
    assert path.stat().st_ino == before.st_ino and path.stat().st_mtime > 0


def test_readers_never_see_a_part(tmp_path):
    """Six write the same sound while two read it."""
    path, broken, over = tmp_path.resolve(), [], threading.Event()

    def read():
        while not over.is_set():
            for file in path.glob("*/clip.wav"):
                broken.extend([file] if file.read_bytes() != CONTENT else [])

    readers = [threading.Thread(target=read) for _ in range(2)]
    writers = [threading.Thread(target=lambda: [cached(CONTENT, "clip.wav") for _ in range(20)]) for _ in range(6)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in readers:
        thread.join()
    assert broken == [] and len(list(path.rglob("*"))) == 2
