"""Checkpoints of VQ-VAEs with a WaveRNN: three kinds, both serialisations; the data set's index is never run."""

import pickle

import numpy as np
import pytest
import torch

from core import zoo
from core.cli import main
from core.errors import InputError
from core.models import vqvae
from core.models.wavernn import MelWaveRNN, Overtone, OvertoneConfig
from core.zoo.families import DECODER
from core.zoo.importers.originals import ImportOptions
from core.zoo.importers.pickled_names import read_names
from core.zoo.importing import read_original
from tests.originals import masked_state

SYSTEM = "vqvae_wavernn"
SIZES = {"width": 6, "classes": 5, "channels": 2, "conv_channels": 4, "rnn_channels": 3, "gru": 8, "hidden": 7}
INDEX = [["p225_001", "p225_002"], ["p226_001"], ["p227_9"]]


def make(**changes) -> vqvae.VQVAE:
    torch.manual_seed(0)
    return vqvae.build({**SIZES, "speakers": ["a", "b", "c"], **changes}).requires_grad_(False)


def save(path, model: torch.nn.Module, prefix: str = "", **settings):
    torch.save({prefix + key: weight for key, weight in masked_state(model).items()}, path, **settings)
    return path


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("changes", [{}, {"channels": 1}, {"normalised": False}], ids=str)
def test_all_is_found_in_the_weights(tmp_path, changes, zipped):
    model = make(**changes)
    model.after_update()
    path = save(tmp_path / "vqvae.43.upconv.pyt", model, _use_new_zipfile_serialization=zipped)
    architecture, config, state = read_original(path, SYSTEM)
    assert architecture == "vqvae" and config["sample_rate"] == 22050
    read = vqvae.from_checkpoint("read", config, state, "cpu")
    assert read.config.normalised == model.config.normalised
    heard = torch.randn(1, 600, generator=torch.Generator().manual_seed(1))
    assert torch.equal(read.encode(heard).codes, model.encode(heard).codes)
    assert read.config.speakers == ("speaker-0", "speaker-1", "speaker-2")


def test_a_decoder_alone_and_a_vocoder_are_read_too(tmp_path):
    sizes = OvertoneConfig(conv_channels=4, rnn_channels=3, gru=8, hidden=7, code_width=0)
    architecture, config, state = read_original(
        save(tmp_path / "nc.43.upconv.pyt", Overtone(sizes), "overtone."), SYSTEM
    )
    assert architecture == "overtone"
    Overtone(OvertoneConfig(**{key: config[key] for key in OvertoneConfig.__dataclass_fields__})).load_state_dict(state)
    architecture, config, state = read_original(save(tmp_path / "wavernn.43.upconv.pyt", MelWaveRNN(9, 8, 7)), SYSTEM)
    assert (architecture, config["bands"], config["gru"], config["hidden"]) == ("wavernn", 9, 8, 7)
    MelWaveRNN(9, 8, 7).load_state_dict(state)


def test_old_names_of_vocoders_are_renamed(tmp_path):
    torch.manual_seed(0)
    state = masked_state(MelWaveRNN(9, 8, 7))
    del state["wavernn.mask"]
    old = {key.replace("wavernn.gru.", "rnn.").replace("wavernn.", ""): weight for key, weight in state.items()}
    torch.save(old, tmp_path / "old.pyt")
    read = read_original(tmp_path / "old.pyt", SYSTEM)[2]
    assert read.keys() == state.keys() and all(torch.equal(read[key], state[key]) for key in state)


def test_the_step_stands_in_the_name_or_beside_the_file(tmp_path):
    path = save(tmp_path / "vqvae.43.upconv.pyt", make())
    assert read_original(path, SYSTEM)[1]["steps"] == 0
    np.save(tmp_path / "vqvae.43.upconv_step.npy", np.array(120345))
    assert read_original(path, SYSTEM)[1]["steps"] == 120345
    numbered = save(tmp_path / "vqvae.43.upconv_100017.pyt", make())
    assert read_original(numbered, SYSTEM)[1]["steps"] == 100017
    assert read_original(tmp_path, SYSTEM)[1]["steps"] == 120345
    assert read_original(tmp_path, SYSTEM, ImportOptions(iteration=100017))[1]["steps"] == 100017
    with pytest.raises(InputError, match="no iteration 7; it has 100017, 120345"):
        read_original(tmp_path, SYSTEM, ImportOptions(iteration=7))
    np.save(tmp_path / "vqvae.43.upconv_step.npy", np.array([1, 2]))
    with pytest.raises(InputError, match="no single number"):
        read_original(path, SYSTEM)


def test_speakers_are_named_by_the_index_of_the_data(tmp_path):
    path = save(tmp_path / "vqvae.43.upconv.pyt", make())
    (tmp_path / "index.pkl").write_bytes(pickle.dumps(INDEX))
    assert read_original(path, SYSTEM)[1]["speakers"] == ("p225", "p226", "p227")
    other = tmp_path / "other.pkl"
    other.write_bytes(pickle.dumps(INDEX[:2]))
    with pytest.raises(InputError, match="lists 2 speakers, the weights have 3"):
        read_original(path, SYSTEM, ImportOptions(hparams=other))
    (tmp_path / "index.pkl").write_bytes(pickle.dumps(INDEX[:2]))
    assert read_original(path, SYSTEM)[1]["speakers"][0] == "speaker-0"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "names", [INDEX, [], [[]], [["a"] * 1500, ["\u00e9\u4e2d"]]], ids=["index", "none", "empty", "many"]
)
def test_lists_of_names_are_read_from_any_protocol(tmp_path, names, protocol):
    path = tmp_path / "index.pkl"
    path.write_bytes(pickle.dumps(names, protocol))
    assert read_names(path) == names


class Harmful:
    def __reduce__(self):
        return (open, ("harm-was-done", "w"))


@pytest.mark.parametrize(
    "pickled",
    [
        pickle.dumps([[Harmful()]]),
        pickle.dumps({"a": 1}),
        pickle.dumps(["p225_001"]),
        pickle.dumps([[1]]),
        pickle.dumps(INDEX)[:-3],
        b"",
        b"no pickle",
        b"]e.",
        b"h\x05.",
    ],
    ids=["code", "dictionary", "flat", "numbers", "cut", "nothing", "text", "no mark", "no memo"],
)
def test_nothing_else_is_read_and_nothing_is_run(tmp_path, monkeypatch, pickled):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "index.pkl").write_bytes(pickled)
    with pytest.raises(ValueError):
        read_names(tmp_path / "index.pkl")
    assert not (tmp_path / "harm-was-done").exists()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda state: state.pop("encoder.final_conv_0.bias"), "encoder.final_conv_0.bias"),
        (lambda state: state.pop("overtone.conv0.block0.conv_wide.weight"), "so it is no VQ-VAE"),
        (lambda state: state.update({"overtone.wavernn.mask": torch.ones(2, 2)}), "wrong shape"),
        (lambda state: state.update({"vq.embedding0": torch.ones(3)}), "wrong shape"),
        (lambda state: state.update(step=3), "no bare state dict"),
    ],
    ids=["encoder", "decoder", "mask", "table", "number"],
)
def test_other_weights_are_refused(tmp_path, change, match):
    state = masked_state(make())
    change(state)
    torch.save(state, tmp_path / "spoilt.pyt")
    with pytest.raises(InputError, match=match):
        read_original(tmp_path / "spoilt.pyt", SYSTEM)


def test_a_folder_of_several_models_is_refused(tmp_path):
    save(tmp_path / "vqvae.43.upconv.pyt", make())
    save(tmp_path / "other.pyt", make())
    with pytest.raises(InputError, match="several models \\(other, vqvae.43.upconv\\)"):
        read_original(tmp_path, SYSTEM)


@pytest.mark.parametrize(("given", "tasks"), [("vqvae", ("convert-voice",)), ("nc", ())])
def test_an_imported_checkpoint_converts_voices_where_it_has_codes(given, tasks, tmp_path, own_home, capsys):
    alone = Overtone(OvertoneConfig(4, 3, 8, 7, 0))
    path = save(tmp_path / f"{given}.43.upconv.pyt", *((make(),) if given == "vqvae" else (alone, "overtone.")))
    assert main(["import-checkpoint", str(path), "--system", SYSTEM, "--register", "original"]) == 0
    useless = "No command can use it: decoders that are told no codes" in capsys.readouterr().out
    assert useless == (not tasks)
    entry = zoo.catalogue(kind=DECODER)[-1]
    assert (entry.name, entry.sample_rate, entry.task) == ("original", 22050, tasks)
    model = zoo.load_model(DECODER, "original")
    assert given == "nc" or (model.name, model.sample_rate) == ("original", 22050)
