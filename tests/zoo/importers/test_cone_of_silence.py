"""Cone of Silence's checkpoints: read exactly in both file formats, served, and refused where they do not fit."""

import json
import pickle

import pytest
import torch

from core import zoo
from core.arrays.geometry import circular
from core.arrays.steering import Steering
from core.errors import InputError
from core.models.cone import ConeConfig, ConeNetwork
from core.zoo.importers.originals import ImportOptions
from core.zoo.importing import import_checkpoint, read_original
from tests.originals import cone_state

SIZES = ConeConfig(microphones=3, depth=2, channels=4, growth=1.5, lstm_layers=1)
CONFIG = {
    "n_audio_channels": 3,
    "window_conditioning_size": 5,
    "kernel_size": 8,
    "stride": 4,
    "context": 3,
    "depth": 2,
    "channels": 4,
    "growth": 1.5,
    "lstm_layers": 1,
    "rescale": 0.1,
}


def make_network(sizes: ConeConfig = SIZES) -> ConeNetwork:
    torch.manual_seed(0)
    return ConeNetwork(sizes).requires_grad_(False)


@pytest.fixture
def source(tmp_path):
    """The file of a small network with its configuration beside it."""
    (tmp_path / "original").mkdir()
    path = tmp_path / "original" / "model.pt"
    torch.save(cone_state(make_network()), path)
    configure(path)
    return path


def configure(source, **changes) -> None:
    source.with_name("config.json").write_text(json.dumps(CONFIG | changes))


def refusal(source, hparams=None) -> str:
    with pytest.raises(InputError) as refused:
        read_original(source, "cone_of_silence", ImportOptions(hparams=hparams))
    return str(refused.value)


@pytest.mark.parametrize("legacy", [False, True])
def test_both_file_formats(source, legacy):
    network = make_network()
    torch.save(cone_state(network), source, _use_new_zipfile_serialization=not legacy)
    architecture, config, state = read_original(source, "cone_of_silence")
    assert architecture == "cone" and ConeConfig(**{k: config[k] for k in vars(SIZES)}) == SIZES
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(state[name], weight) for name, weight in network.state_dict().items())


def test_an_imported_network_is_served(source, tmp_path):
    configure(source, sample_rate=16000, array="my-triangle")
    imported = tmp_path / "imported.safetensors"
    import_checkpoint(source, "cone_of_silence", imported)
    entry = zoo.register("mine", imported, {})
    assert (entry.task, entry.sample_rate) == (("localize",), 16000)
    separator = zoo.load_separator("mine")
    assert (separator.name, separator.array, separator.sample_rate) == ("mine", "my-triangle", 16000)
    assert separator.microphones == 3 and zoo.load_separator("mine") is separator
    mixture, steering = torch.randn(3, 500), Steering(circular("my-triangle", 3, 0.05), 16000)
    expected = make_network()(steering.towards(mixture, [0.3, 2.0]), torch.tensor([4, 4]))
    torch.testing.assert_close(separator.encode(mixture, steering)([0.3, 2.0], 4), expected)


def test_a_separator_is_no_prior_and_a_prior_no_separator(source, tmp_path, tiny_prior):
    imported = tmp_path / "imported.safetensors"
    import_checkpoint(source, "cone_of_silence", imported)
    zoo.register("mine", imported, {})
    with pytest.raises(InputError, match="'mine' is a separator, .*; choose a prior of sounds"):
        zoo.load("mine")
    with pytest.raises(InputError, match=f"'{tiny_prior}' is a prior of sounds; choose a separator"):
        zoo.load_separator(tiny_prior)


@pytest.mark.parametrize(("microphones", "array"), [(3, ""), (4, "respeaker-4"), (6, "circle-6")])
def test_what_is_not_said_is_as_published(source, microphones, array):
    sizes = ConeConfig(microphones=microphones, depth=2, channels=4, growth=1.5, lstm_layers=1)
    torch.save(cone_state(make_network(sizes)), source)
    source.with_name("config.json").write_text(json.dumps({"depth": 2, "channels": 4, "growth": 1.5, "lstm_layers": 1}))
    _, config, _ = read_original(source, "cone_of_silence")
    assert (config["microphones"], config["array"], config["sample_rate"]) == (microphones, array, 44100)


def test_without_a_configuration_a_network_must_have_the_published_sizes(source):
    source.with_name("config.json").unlink()
    assert "does not fit its hyper-parameters" in refusal(source)


class Poison:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("write", [torch.save, lambda poison, path: path.write_bytes(pickle.dumps(poison))])
def test_poisoned_pickle(source, write, capsys):
    write({"encoder.0.conv1.weight": Poison()}, source)
    assert "more than weights" in refusal(source)
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 broken"])
def test_damaged_files(source, content):
    source.write_bytes(content)
    assert source.name in refusal(source)


def test_weights_that_do_not_fit(source):
    state = cone_state(make_network())
    bad = {
        "no bare state dict": {"state_dict": state},
        "lacks the weight 'encoder.0.conv1.weight'": {"other": torch.zeros(1)},
        "lstm_linear.bias is None": {k: w for k, w in state.items() if k != "lstm_linear.bias"},
        "further is (1,), not None": state | {"further": torch.zeros(1)},
        "encoder.1.conv.bias is (2,), not (6,)": state | {"encoder.1.conv1.bias": torch.zeros(2)},
        "lacks the weight": state | {"encoder.0.conv1.weight": torch.zeros(3)},
    }
    for reason, content in bad.items():
        torch.save(content, source)
        assert reason in refusal(source)
    torch.save(torch.zeros(3), source)
    assert "no dictionary" in refusal(source)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"channels": 8}, "does not fit its hyper-parameters"),
        ({"n_audio_channels": 4}, "does not fit its hyper-parameters"),
        ({"channels": 10**9}, "channels = 1000000000, not a number of 1 to 4096"),
        ({"depth": 10**9}, "depth = 1000000000"),
        ({"depth": 0}, "depth = 0"),
        ({"stride": "four"}, "stride = 'four'"),
        ({"lstm_layers": True}, "lstm_layers = True"),
        ({"growth": "fast"}, "growth = 'fast'"),
        ({"growth": float("nan")}, "growth = nan"),
        ({"growth": 100}, "growth = 100"),
        ({"growth": 0.1}, "levels without channels"),
        ({"growth": 4, "depth": 16}, "far too many"),
        ({"window_conditioning_size": 4}, "knows 4 widths"),
        ({"sample_rate": "CD"}, "sample_rate = 'CD'"),
        ({"array": 4}, "array = 4"),
    ],
)
def test_hyper_parameters_that_do_not_fit(source, changes, reason):
    configure(source, **changes)
    assert reason in refusal(source)
    source.with_name("config.json").unlink()
    other = source.parent.parent / "other.json"
    other.write_text(json.dumps(CONFIG | changes))
    assert reason in refusal(source, other)


def test_hyper_parameters_that_cannot_be_read(source):
    source.with_name("config.json").write_text("{")
    assert "no readable JSON" in refusal(source)
    assert "no readable JSON" in refusal(source, source.parent / "none.json")


def test_goldens(parity_folder):
    """Both formats of one recorded checkpoint hold the same weights."""
    folder = parity_folder / "cone_of_silence" / "net_6ch"
    files = [read_original(folder / name, "cone_of_silence") for name in ("model.pt", "model_legacy_serialization.pt")]
    (_, config, state), (_, _, legacy) = files
    assert config["microphones"] == 6 and all(torch.equal(state[name], legacy[name]) for name in state)
