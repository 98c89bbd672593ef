"""From a name to a folder: the command, its licence, its space; what is half done never counts as done."""

import hashlib
import json
import shutil
import sys
from collections import namedtuple
from dataclasses import replace

import pytest
from filelock import FileLock

from core.training.datasets import registry
from core.training.datasets.registry import DATA_SETS
from tests.commands import refused, run
from tests.training.datasets.examples import ARCHIVES


@pytest.fixture
def offer(served, tmp_path, monkeypatch):
    """Puts the example of a data set on the server, and its address into the registry; gives the folder to fetch to."""

    def put(name, checksum=True):
        data, downloads = DATA_SETS[name], []
        (tmp_path / "archives").mkdir(exist_ok=True)
        for archive in ARCHIVES[name](tmp_path / "archives"):
            content = archive.read_bytes()
            served.content[f"/{archive.name}"] = content
            sha256 = f"sha256:{hashlib.sha256(content).hexdigest()}" if checksum else ""
            downloads.append(registry.Download(f"{served.url}/{archive.name}", len(content), sha256))
        monkeypatch.setitem(DATA_SETS, name, replace(data, downloads=tuple(downloads), kept_bytes=10_000_000))
        return tmp_path / "data" / name

    (tmp_path / "data").mkdir()
    return put


def beside(folder):
    return sorted(path.name for path in folder.parent.iterdir())


@pytest.mark.parametrize("name", ["sc09", "mnist"])
def test_a_data_set_is_fetched_once_and_says_where_it_is_from(offer, served, capsys, name):
    folder = offer(name)
    assert run("fetch-data", name, folder, "--agree") == 0
    out, err = capsys.readouterr()
    assert DATA_SETS[name].licence in err and DATA_SETS[name].attribution in err
    assert f"--data {folder} " in out and out.count("\n") == 1
    source = json.loads((folder / "source.json").read_text())
    assert source["name"] == name and source["licence"] == DATA_SETS[name].licence
    assert beside(folder) == [name]
    asked = len(served.asked)
    assert run("fetch-data", name, folder) == 0 and len(served.asked) == asked  # it is there


def test_nothing_is_fetched_before_the_licence_is_agreed_to(offer, served, capsys, monkeypatch):
    folder = offer("mnist")
    assert run("fetch-data", "mnist", folder) == 2
    assert "add --agree" in capsys.readouterr().err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdin, "readline", lambda: "no\n", raising=False)
    assert run("fetch-data", "mnist", folder) == 2
    assert "was not agreed to" in capsys.readouterr().err
    assert served.asked == [] and beside(folder) == []
    monkeypatch.setattr(sys.stdin, "readline", lambda: "Y\n", raising=False)
    assert run("fetch-data", "mnist", folder) == 0


def test_what_was_half_done_goes_on_and_never_counts(offer, served, capsys):
    folder = offer("sc09")
    length = len(served.content["/speech_commands_v0.02.tar.gz"])
    served.breaks = [length // 2] + [0] * 10
    assert run("fetch-data", "sc09", folder, "--agree") == 2
    assert not folder.exists() and beside(folder) == ["sc09.partial"]
    served.breaks, served.asked[:] = [], []
    assert run("fetch-data", "sc09", folder, "--agree") == 0
    assert served.asked == [f"bytes={length // 2}-"] and (folder / "zero").is_dir()
    assert beside(folder) == ["sc09"]


def test_a_layout_that_was_stopped_begins_anew_without_another_download(offer, served, monkeypatch):
    folder = offer("mnist")

    def stop(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setitem(DATA_SETS, "mnist", replace(DATA_SETS["mnist"], lay_out=stop))
        assert run("fetch-data", "mnist", folder, "--agree") == 130
    assert not folder.exists()
    (folder.with_name("mnist.partial") / "data" / "left").write_text("over")
    asked = len(served.asked)
    assert run("fetch-data", "mnist", folder, "--agree") == 0
    assert len(served.asked) == asked and not (folder / "left").exists()


def test_an_archive_without_a_published_checksum_is_checked_by_its_own(offer, served, capsys):
    folder = offer("audiomnist", checksum=False)
    whole = served.content["/master.zip"]
    served.content["/master.zip"] = whole[:200] + bytes(50) + whole[250:]
    assert run("fetch-data", "audiomnist", folder, "--agree") == 2
    assert "damaged" in capsys.readouterr().err and not folder.exists()
    served.content["/master.zip"], served.etag = whole, '"second"'
    assert run("fetch-data", "audiomnist", folder, "--agree") == 0


def test_the_space_is_looked_at_first(offer, served, capsys, monkeypatch):
    folder, usage = offer("mnist"), namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 10**6))
    assert run("fetch-data", "mnist", folder, "--agree") == 2
    assert "1 MB are free" in capsys.readouterr().err and served.asked == [] and beside(folder) == []


def test_an_own_folder_is_left_alone(offer, served, capsys):
    folder = offer("mnist")
    folder.mkdir()
    assert run("fetch-data", "mnist", folder, "--agree") == 0  # an empty one may be there
    capsys.readouterr()
    assert "holds something else" in refused(capsys, "fetch-data", "sc09", folder, "--agree")
    assert "does not exist" in refused(capsys, "fetch-data", "mnist", folder / "a" / "b", "--agree")
    assert "There is no data set 'svhn'" in refused(capsys, "fetch-data", "svhn", folder.with_name("new"), "--agree")


def test_two_commands_do_not_fetch_into_one_folder(offer, capsys):
    folder = offer("mnist")
    partial = folder.with_name("mnist.partial")
    partial.mkdir()
    with FileLock(partial / "lock"):
        assert run("fetch-data", "mnist", folder, "--agree") == 2
    assert "Another command" in capsys.readouterr().err


def test_what_the_registry_says_is_whole():
    for name, data in DATA_SETS.items():
        assert name == data.name and data.terms.endswith(".") and "{folder}" in data.next_step
        for download in data.downloads:
            kind, _, digest = download.checksum.partition(":")
            assert download.url.startswith("https://") and len(digest) == {"sha256": 64, "md5": 32, "": 0}[kind]
