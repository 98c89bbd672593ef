"""The manifest: what is registered is found again, whole or not at all, and nothing in it points elsewhere."""

import json
import os
import threading
from pathlib import Path

import pytest
import torch

from core import zoo
from core.errors import InputError
from core.jobs import JOBS
from core.zoo import manifest
from core.zoo.checkpoint import save_checkpoint
from core.zoo.families import CLASSIFIER, CODE_PARTS, CODEC, CONTENT_ENCODER, DETECTOR, IMAGES, VOICES

NAMED_ELSEWHERE = (DETECTOR, CLASSIFIER, CODEC, CONTENT_ENCODER, VOICES)  # kinds that tasks load by their names


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "source.safetensors"
    save_checkpoint(path, "spectral", {"channels": 2, "sample_rate": 8000}, {"weight": torch.ones(3)})
    return path


def test_registered_checkpoint_is_found_with_its_figures(checkpoint, own_home):
    entry = zoo.register("mine", checkpoint, {"steps": 7, "metrics": {"psnr_db": 1.5}, "licence": "CC0"})
    assert zoo.catalogue()[-1] == entry == manifest.find("mine")
    assert (entry.architecture, entry.sample_rate, entry.steps, entry.bundled) == ("spectral", 8000, 7, False)
    assert entry.path == own_home / "checkpoints" / "mine.safetensors"
    assert entry.sha256 == manifest.sha256(entry.path) and entry.bytes == entry.path.stat().st_size


def test_catalogue_of_a_task(checkpoint):
    zoo.register("fills-gaps", checkpoint, {"task": ["inpaint"]})
    assert "fills-gaps" in {entry.name for entry in zoo.catalogue("inpaint")}
    assert "fills-gaps" not in {entry.name for entry in zoo.catalogue("declip")}


def test_a_summary_counts_the_parts(checkpoint):
    zoo.register("whole.free", checkpoint, {"task": [], "metrics": {"free": 2.0}})
    entry = zoo.register("whole", checkpoint, {"parts": ["whole.free"], "metrics": {"own": 1.0}})
    whole = zoo.summary(entry)
    assert whole.bytes == 2 * entry.bytes and whole.metrics == {"own": 1.0, "free": 2.0}


def test_registering_again_replaces(checkpoint, own_home):
    zoo.register("mine", checkpoint, {"steps": 1})
    zoo.register("mine", checkpoint, {"steps": 2})
    entries = manifest.read_manifest(own_home / "checkpoints")
    assert [entry.steps for entry in entries] == [2]


def test_registering_again_keeps_the_order_of_the_menus(checkpoint, own_home):
    for name in ("first", "second", "first"):
        manifest.register(name, checkpoint, {})
    assert [entry.name for entry in zoo.catalogue() if not entry.bundled] == ["first", "second"]


@pytest.mark.parametrize("task", ["super-resolve", "inpaint", "declip"])
def test_menus_begin_with_the_default_prior_of_their_task(task):
    assert zoo.catalogue(task)[0].name == JOBS[task].priors[0]


@pytest.mark.parametrize("task", ["super-resolve", "inpaint", "separate"])
def test_menus_of_images_begin_with_the_default_prior_of_their_task(task):
    assert zoo.catalogue(task, IMAGES)[0].name == JOBS[task].image_prior


def test_registering_at_once_loses_nothing(checkpoint, own_home):
    names = [f"prior-{number}" for number in range(8)]
    threads = [threading.Thread(target=zoo.register, args=(name, checkpoint, {})) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry.name for entry in manifest.read_manifest(own_home / "checkpoints")} == set(names)


@pytest.mark.parametrize("name", ["", "../up", "a/b", "A", "-x", "x" * 65, "a b", "a\\b", "dot.", "ü", ".hidden"])
def test_names_that_could_leave_the_folder_are_refused(name, checkpoint, own_home):
    with pytest.raises(InputError, match="cannot name a checkpoint"):
        zoo.register(name, checkpoint, {})
    assert not (own_home / "checkpoints").exists()


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, own_home):
    source = tmp_path / "poison.safetensors"
    source.write_bytes(b"\x80\x04cposix\nsystem\n.")
    with pytest.raises(InputError, match="no Resound checkpoint"):
        zoo.register("poison", source, {})
    assert not (own_home / "checkpoints").exists()


def test_a_checkpoint_without_a_rate_is_refused(tmp_path):
    source = tmp_path / "rateless.safetensors"
    save_checkpoint(source, "spectral", {}, {"weight": torch.ones(1)})
    with pytest.raises(InputError, match="sample rate"):
        zoo.register("rateless", source, {})
    assert zoo.register("rateless", source, {"sample_rate": 16000}).sample_rate == 16000


def test_bundled_names_are_taken(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "BUNDLED_FOLDER", tmp_path / "bundled")
    entry = manifest.add_entry(tmp_path / "bundled", {"name": "piano"}, checkpoint)
    assert entry.bundled and manifest.find("piano") == entry
    with pytest.raises(InputError, match="ships with Resound"):
        zoo.register("piano", checkpoint, {})


@pytest.mark.parametrize("variable", [("RESOUND_OWN_CHECKPOINTS", "0"), ("SPACE_ID", "someone/space")])
def test_servers_can_hide_own_checkpoints(variable, checkpoint, monkeypatch):
    zoo.register("mine", checkpoint, {})
    monkeypatch.setenv(*variable)
    assert "mine" not in {entry.name for entry in zoo.catalogue()}
    with pytest.raises(InputError, match="no prior named 'mine'"):
        zoo.load("mine")
    with pytest.raises(InputError, match="switched off"):
        zoo.register("other", checkpoint, {})


def test_a_space_can_offer_own_checkpoints(checkpoint, monkeypatch):
    monkeypatch.setenv("SPACE_ID", "someone/space")
    monkeypatch.setenv("RESOUND_OWN_CHECKPOINTS", "1")
    zoo.register("mine", checkpoint, {})
    assert "mine" in {entry.name for entry in zoo.catalogue()}


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../../secret"},
        {"name": "../x"},
        {"name": ["mine"]},
        {"sample_rate": "fast"},
        {"file": None},
        {"sample_rate": 10**12},
        {"sample_rate": 10**400},
        {"sample_rate": True},
        {"sample_rate": 16000.5},
        {"architecture": 7},
        {"architecture": ["spectral"]},
        {"licence": {"a": 1}},
        {"data": "x" * 1_000_000},
        {"data": "\ud800"},
        {"task": [7]},
        {"task": 7},
        {"parts": {"free": ["x"]}},
        {"parts": [7]},
        {"metrics": {"psnr_db": "high"}},
        {"metrics": ["psnr_db"]},
        {"bytes": "many"},
        {"title": 7},
        {"title": "x" * 41},
        {"suits": "x" * 121},
        {"steps": 10**400},
    ],
    ids=lambda change: f"{next(iter(change))}-{str(next(iter(change.values())))[:8]!a}",
)
def test_a_manifest_that_points_elsewhere_is_refused(change, checkpoint, own_home):
    zoo.register("mine", checkpoint, {})
    path = own_home / "checkpoints" / "manifest.json"
    content = json.loads(path.read_text())
    content["checkpoints"][0].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="manifest"):
        zoo.catalogue()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"checkpoints": [{"name": "x"}]}', '{"checkpoints": 3}'])
def test_a_broken_manifest_gets_a_sentence(content, own_home):
    folder = own_home / "checkpoints"
    folder.mkdir()
    (folder / "manifest.json").write_text(content)
    with pytest.raises(InputError, match="mend it or move it away"):
        zoo.catalogue()


@pytest.mark.timeout(60)
def test_a_manifest_that_is_no_plain_file_of_bounded_size_is_not_read(own_home, checkpoint):
    """A pipe without a writer would never end, a device neither."""
    folder = own_home / "checkpoints"
    zoo.register("mine", checkpoint, {})
    path = folder / "manifest.json"
    path.unlink()
    os.mkfifo(path)
    for make in (lambda: None, lambda: path.symlink_to("/dev/zero"), path.mkdir):
        make()
        with pytest.raises(InputError, match="no plain file"):
            zoo.catalogue()
        path.rmdir() if path.is_dir() else path.unlink()
    path.write_text('{"checkpoints": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(InputError, match="nested too deep"):
        zoo.catalogue()
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(InputError, match="bytes"):
        zoo.catalogue()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("make", ["pipe", "device", "folder", "huge", "dangling"])
def test_a_checkpoint_that_is_no_plain_file_of_its_size_is_not_read(make, own_home, checkpoint):
    zoo.register("mine", checkpoint, {})
    path = own_home / "checkpoints" / "mine.safetensors"
    path.unlink()
    {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "huge": lambda: path.open("wb").truncate(10**12),
        "dangling": lambda: path.symlink_to("nowhere"),
    }[make]()
    with pytest.raises(InputError, match="register the checkpoint again"):
        zoo.load("mine")


@pytest.mark.timeout(60)
def test_a_source_that_is_no_plain_file_is_not_registered(own_home, tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    for source in (tmp_path / "pipe.safetensors", Path("/dev/zero"), tmp_path):
        with pytest.raises(InputError, match="no Resound checkpoint"):
            zoo.register("mine", source, {})


def test_a_checkpoint_of_ones_own_may_have_a_title(checkpoint, own_home):
    assert zoo.register("mine", checkpoint, {}).label == "mine"
    assert zoo.register("mine", checkpoint, {"title": "Violin", "suits": "Solo violin."}).label == "Violin"
    assert manifest.find("mine").suits == "Solo violin."


def test_bundled_manifest_describes_its_files():
    """Names, hashes and sizes of what ships with the project; 6 MB a file, 50 MB together."""
    entries = manifest.read_manifest(manifest.BUNDLED_FOLDER, bundled=True)
    assert {entry.path for entry in entries} == set(manifest.BUNDLED_FOLDER.glob("*.safetensors"))
    for entry in entries:
        assert entry.sha256 == manifest.sha256(entry.path)
        assert entry.bytes == entry.path.stat().st_size < 6e6
        assert entry.data and entry.licence and entry.hardware and entry.date and entry.metrics
        assert entry.steps or entry.kind in (VOICES, CODE_PARTS), "what is solved for, not trained in steps"
        assert len(manifest.parts_of(entry)) == len(entry.parts)
        assert bool(entry.task) == bool(entry.title) == bool(entry.suits), "what is on offer has a plain name"
    parts = {part for entry in entries for part in entry.parts.values()}
    silent = {entry.name for entry in entries if not entry.task and entry.kind not in NAMED_ELSEWHERE}
    assert silent == parts, "what serves nothing that is asked for by name is a part, or known to a task by its name"
    assert sum(entry.bytes for entry in entries) < 50e6
