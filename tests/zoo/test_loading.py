"""Loading: verified files only, one prior per process and device, and nothing kept without bound."""

import threading
from types import SimpleNamespace

import pytest
import torch

from core import zoo
from core.errors import InputError
from core.zoo import loading, manifest
from core.zoo.checkpoint import load_checkpoint, save_checkpoint
from core.zoo.families import FAMILIES, PRIOR, SEPARATOR, Family
from core.zoo.kept_models import KeptModels


@pytest.fixture
def built(monkeypatch):
    """An architecture for tests and nothing loaded yet; the list holds what was built."""
    built = []

    def from_checkpoint(name, config, state, device):
        if "weight" not in state:
            raise KeyError("weight")
        built.append(SimpleNamespace(name=name, config=config, state=state, device=device))
        return built[-1]

    monkeypatch.setattr(loading, "_kept", KeptModels())
    family = Family(PRIOR, from_checkpoint, lambda config: ())
    monkeypatch.setitem(FAMILIES, "for-tests", family)
    return built


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.safetensors"
    state = {"weight": torch.tensor([0.5, -2.0]).half(), "steps": torch.tensor([3])}
    save_checkpoint(path, "for-tests", {"channels": 2, "sample_rate": 8000}, state)
    return path


def test_checkpoint_round_trip(source):
    checkpoint = load_checkpoint(source)
    assert (checkpoint.architecture, checkpoint.config) == ("for-tests", {"channels": 2, "sample_rate": 8000})
    assert checkpoint.state["weight"].dtype == torch.float32 and checkpoint.state["weight"].tolist() == [0.5, -2.0]
    assert checkpoint.state["steps"].dtype == torch.int64


def test_saving_leaves_nothing_temporary(source):
    assert [path.name for path in source.parent.iterdir()] == [source.name]


def test_networks_kept_apart_are_put_together_again(built, source, monkeypatch):
    states = {
        "whole.free": {"free.a": torch.zeros(1).half()},
        "whole.gaps": {"gaps.b": torch.ones(3)},
        "whole": {"weight": torch.ones(2)},
    }
    *names, _ = states
    for name, state in states.items():
        save_checkpoint(source, "for-tests", {"sample_rate": 8000}, state)
        zoo.register(name, source, {"parts": names} if name == "whole" else {"task": []})
    assert zoo.load("whole").state.keys() == {"weight", "free.a", "gaps.b"}
    assert "whole" in {entry.name for entry in zoo.catalogue()} and not {e.name for e in zoo.catalogue()} & set(names)
    with pytest.raises(InputError, match="no prior named 'whole.free'"):
        zoo.load("whole.free")
    path = manifest.own_folder() / "whole.free.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    monkeypatch.setattr(loading, "_kept", KeptModels())
    with pytest.raises(InputError, match="'whole.free' is not the one"):
        zoo.load("whole")
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        zoo.load("whole")
    zoo.register("half", source, {"parts": ["nowhere"]})
    with pytest.raises(InputError, match="no entry 'nowhere'"):
        zoo.load("half")


def test_a_network_of_another_architecture_brings_its_configuration(built, source):
    save_checkpoint(source, "other", {"blocks": 5}, {"weight": torch.ones(3)})
    zoo.register("whole.other", source, {"sample_rate": 8000, "task": []})
    save_checkpoint(source, "for-tests", {"channels": 2}, {"weight": torch.zeros(2)})
    zoo.register("whole", source, {"sample_rate": 8000, "parts": {"helper": "whole.other"}})
    model = zoo.load("whole")
    assert model.config == {"channels": 2, "sample_rate": 8000, "other": {"blocks": 5}}
    assert {name: len(weight) for name, weight in model.state.items()} == {"weight": 2, "other.weight": 3}


def test_a_part_that_is_replaced_is_loaded_anew(built, source, tmp_path):
    save_checkpoint(source, "for-tests", {"sample_rate": 8000}, {"weight": torch.ones(1)})
    zoo.register("whole", source, {"parts": ["whole.free"]})
    for value in (1.0, 2.0):
        part = tmp_path / "part.safetensors"
        save_checkpoint(part, "for-tests", {"sample_rate": 8000}, {"free.a": torch.full((1,), value)})
        zoo.register("whole.free", part, {"task": []})
        assert zoo.load("whole").state["free.a"].item() == value


def test_loaded_once_per_device(built, source):
    zoo.register("mine", source, {})
    assert zoo.load("mine") is zoo.load("mine", "cpu")
    assert zoo.load("mine", "meta") is not zoo.load("mine")
    assert [prior.device for prior in built] == ["cpu", "meta"]


def test_loaded_once_by_many_threads(built, source):
    zoo.register("shared", source, {})
    threads = [threading.Thread(target=zoo.load, args=("shared",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def test_a_new_file_of_the_same_name_is_loaded_anew(built, source):
    zoo.register("mine", source, {})
    first = zoo.load("mine")
    save_checkpoint(source, "for-tests", {"channels": 3, "sample_rate": 8000}, {"weight": torch.zeros(2)})
    zoo.register("mine", source, {})
    assert zoo.load("mine") is not first and zoo.load("mine").config["channels"] == 3


def test_as_many_priors_are_kept_as_their_weights_fit(built, source, monkeypatch):
    each = 2 * 4 + 8  # bytes of weights
    monkeypatch.setenv("RESOUND_MODEL_MB", str(3 * each / 2**20))
    names = [f"prior-{number}" for number in range(4)]
    for name in names:
        zoo.register(name, source, {})
        zoo.load(name)
        zoo.load(names[0])
    assert len(built) == 4
    zoo.load(names[1])
    assert [prior.name for prior in built] == [*names, names[1]]


def test_an_unknown_name_lists_the_known_ones(built, source):
    zoo.register("mine", source, {})
    with pytest.raises(InputError, match="no prior named 'nobody'.*mine"):
        zoo.load("nobody")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "mine.safetensors", "checkpoints/mine"])
def test_no_path_reaches_the_file_system(name, built, source):
    zoo.register("mine", source, {})
    with pytest.raises(InputError, match="no prior named"):
        zoo.load(name)


def test_a_changed_file_is_refused(built, source):
    entry = zoo.register("mine", source, {})
    content = bytearray(entry.path.read_bytes())
    content[-1] ^= 1
    entry.path.write_bytes(content)
    with pytest.raises(InputError, match="not the one that its manifest describes"):
        zoo.load("mine")
    assert not built


def test_a_missing_file_gets_a_sentence(built, source):
    zoo.register("mine", source, {}).path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        zoo.load("mine")


def test_weights_that_do_not_fit_get_a_sentence(built, tmp_path):
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, "for-tests", {"sample_rate": 8000}, {"bias": torch.zeros(1)})
    zoo.register("misfit", path, {})
    with pytest.raises(InputError, match="do not fit"):
        zoo.load("misfit")


def test_an_unknown_architecture_gets_a_sentence(tmp_path):
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, "alien", {"sample_rate": 8000}, {"weight": torch.zeros(1)})
    zoo.register("alien", path, {})
    with pytest.raises(InputError, match="'alien'; known are: spectral"):
        zoo.load("alien")


@pytest.mark.parametrize("content", [b"", b"\x80\x04cposix\nsystem\n.", b"RIFF" + bytes(100), bytes(8)])
def test_other_files_are_no_checkpoints(content, tmp_path):
    path = tmp_path / "file.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no Resound checkpoint"):
        load_checkpoint(path)


def test_every_bundled_checkpoint_loads():
    for entry in zoo.catalogue():
        if entry.kind == SEPARATOR:
            separator = zoo.load_separator(entry.name)
            assert (separator.name, separator.sample_rate) == (entry.name, entry.sample_rate)
        if entry.kind != PRIOR:
            zoo.load_model(entry.kind, entry.name)
            continue
        prior = zoo.load(entry.name)
        assert (prior.name, prior.sample_rate) == (entry.name, entry.sample_rate)
        assert all(coarse > fine > 0 for coarse, fine in zip(prior.levels, prior.levels[1:], strict=False))
