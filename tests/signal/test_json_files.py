"""JSON files of unknown origin: read where they are plain, small and shallow, refused without a wait where not."""

import os
from pathlib import Path

import pytest

from core.signal.json_files import read_json


def test_what_is_written_is_read(tmp_path):
    (tmp_path / "a.json").write_text('{"name": ["é", 1.5]}', encoding="utf-8")
    assert read_json(tmp_path / "a.json") == {"name": ["é", 1.5]}


@pytest.mark.timeout(60)
def test_what_is_no_bounded_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for path in (tmp_path / "pipe", tmp_path / "zero", tmp_path):
        with pytest.raises(ValueError, match="no plain file"):
            read_json(path)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "missing")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ValueError, match="over 4000000 bytes"):
        read_json(tmp_path / "huge")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000 + "]" * 100_000, "9" * 5000, "\ud800"])
def test_what_cannot_be_read_is_a_value_error(text, tmp_path: Path):
    (tmp_path / "a.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError):
        read_json(tmp_path / "a.json")
