"""The training loop on a folder of tones: it learns, resumes, survives a kill, and refuses what it can't use."""

import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors import safe_open

from core.errors import InputError
from core.signal.folders import AUDIO_SUFFIXES
from core.signal.mel import FRONT_ENDS
from core.signal.spectrogram_files import MelSpectrogram, write_spectrogram
from core.training.data import PackedData, find_audio, pack_data
from core.training.objective import Objective
from core.training.objectives import OBJECTIVES, find_objective
from core.training.recipe import RECIPES, load_recipe
from core.training.run import _average, train
from core.zoo.checkpoint import load_checkpoint

SMALL = {
    "model.channels": "8",
    "model.blocks": "2",
    "training.segment": "4096",
    "training.validation_segments": "2",
    "training.warmup_steps": "5",
    "training.ema_decay": "0.5",
}


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    t = np.arange(32000) / 22050
    for n, split in enumerate(["train", "train", "valid"]):
        soundfile.write(folder / f"{n}.wav", 0.3 * np.sin(2 * np.pi * 220 * (n + 1) * t), 22050)
        with (folder / "metadata.csv").open("a") as table:
            table.write(("path,split\n" if n == 0 else "") + f"{n}.wav,{split}\n")
    return folder


@pytest.fixture
def pack(recordings, tmp_path):
    pack_data(recordings, tmp_path / "pack", 16000)
    return tmp_path / "pack"


def test_a_pack_gives_back_the_recordings(recordings, pack):
    data = PackedData(pack, "train")
    assert data.sample_rate == 16000 and len(data.recordings) == 2
    samples = data.read(0, 4000, 1000)
    tone = 0.3 * torch.sin(2 * torch.pi * 220 * (4000 + torch.arange(1000)) / 16000)
    assert (samples - tone).abs().max() < 2e-4
    assert data.read(0, data.recordings[0].length - 10, 20)[10:].abs().max() == 0  # padded


def test_long_recordings_are_cut_at_the_shard_size(tmp_path, monkeypatch):
    import core.training.data as module

    monkeypatch.setattr(module, "SHARD_SAMPLES", 5000)
    folder = tmp_path / "one"
    folder.mkdir()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 12000)
    soundfile.write(folder / "a.wav", noise, 16000, subtype="PCM_16")
    (folder / "metadata.csv").write_text("path,split\na.wav,train\n")
    pack_data(folder, tmp_path / "pack", 16000)
    sizes = [len(np.load(p)) for p in sorted((tmp_path / "pack").glob("*.npy"))]
    assert sizes == [5000, 5000, 2000]


def test_layouts_without_a_table_are_split_by_a_hash_that_stays(tmp_path):
    for n in range(200):
        path = tmp_path / "wav48" / f"p{n % 5}" / f"{n}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    splits = [source.split for source in find_audio(tmp_path)]
    assert 0 < splits.count("valid") < 30 and set(splits) == {"train", "valid"}
    assert splits == [source.split for source in find_audio(tmp_path)]


def test_maestro_splits_are_read(tmp_path):
    (tmp_path / "2018").mkdir()
    (tmp_path / "2018" / "a.wav").touch()
    (tmp_path / "maestro-v3.0.0.csv").write_text("split,audio_filename\nvalidation,2018/a.wav\n")
    (source,) = find_audio(tmp_path)
    assert (source.path, source.split) == (Path("2018/a.wav"), "valid")


def test_labels_are_folders_and_tables_know_better(tmp_path):
    """As in SC09, where folders are called zero to nine; speakers only a table knows."""
    folder, samples = tmp_path / "recordings", np.full(800, 0.1, np.float32)
    for name in ("seven", "nine"):
        (folder / name).mkdir(parents=True)
        soundfile.write(folder / name / "a.wav", samples, 16000)
    (folder / "metadata.csv").write_text("path,split,label,speaker\nnine/a.wav,train,9,Ada\nseven/a.wav,train,,\n")
    pack_data(folder, tmp_path / "pack", 16000)
    recordings = PackedData(tmp_path / "pack", "train").recordings
    assert [(r.label, r.speaker) for r in recordings] == [("9", "Ada"), ("seven", "")]


@pytest.mark.parametrize("bad", ["missing", "empty"])
def test_no_audio_is_refused(tmp_path, bad):
    folder = tmp_path / bad
    if bad == "empty":
        folder.mkdir()
    with pytest.raises(InputError, match="folder of recordings"):
        pack_data(folder, tmp_path / "out")


@pytest.mark.parametrize("suffix", sorted(AUDIO_SUFFIXES))
def test_recordings_of_every_kind_that_commands_read_are_packed(tmp_path, suffix):
    """What is in a file says how it is read, not its name."""
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 800).astype(np.float32)
    folder = tmp_path / "recordings"
    folder.mkdir()
    soundfile.write(folder / f"a{suffix}", samples, 16000, format="WAV", subtype="PCM_16")
    (folder / "metadata.csv").write_text(f"path,split\na{suffix},train\n")
    pack_data(folder, tmp_path / "pack", 16000)
    packed = PackedData(tmp_path / "pack", "train")
    np.testing.assert_allclose(packed.read(0, 0, 800), samples, atol=1e-4)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_what_phones_record_is_packed(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    sound = ["-f", "lavfi", "-i", "sine=frequency=440:duration=0.5:sample_rate=48000"]
    subprocess.run(["ffmpeg", "-v", "error", *sound, folder / "a.m4a"], check=True)
    (folder / "metadata.csv").write_text("path,split\na.m4a,train\n")
    pack_data(folder, tmp_path / "pack", 16000)
    (recording,) = PackedData(tmp_path / "pack", "train").recordings
    assert recording.length == pytest.approx(8000, abs=800)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_recording_without_numbers_is_named_and_leaves_no_half_of_a_pack(recordings, tmp_path, value):
    pack_data(recordings, tmp_path / "old", 16000)
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}
    soundfile.write(recordings / "odd.wav", np.array([0.1] * 100 + [value]), 16000, subtype="FLOAT")
    for out in ("old", "new"):
        with pytest.raises(InputError, match=r"odd\.wav holds values that are no numbers"):
            pack_data(recordings, tmp_path / out, 16000)
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before
    assert not (tmp_path / "new").exists()


def test_a_smaller_pack_replaces_a_larger_one_whole(recordings, tmp_path, monkeypatch):
    import core.training.data as module

    with monkeypatch.context() as patch:
        patch.setattr(module, "SHARD_SAMPLES", 5000)
        pack_data(recordings, tmp_path / "pack", 16000)
    pack_data(recordings, tmp_path / "pack", 16000)
    assert sorted(path.name for path in (tmp_path / "pack").iterdir()) == ["index.json", "shard-000.npy"]


@pytest.mark.slow
def test_training_goes_on_where_it_stopped(pack, tmp_path):
    out = tmp_path / "model.safetensors"
    train("spectral", pack, 0.03, out, overrides=SMALL)
    state = torch.load(out.with_suffix(".state"), weights_only=True)
    assert state["step"] >= 1 and load_checkpoint(out).architecture == "spectral"
    train("spectral", pack, state["seconds"] / 60 + 0.03, out, resume=True, overrides=SMALL)
    resumed = torch.load(out.with_suffix(".state"), weights_only=True)
    assert resumed["step"] > state["step"] and resumed["seconds"] > state["seconds"]
    assert len(resumed["history"]) == len(state["history"]) + 1


def test_a_kill_leaves_a_state_to_resume_from(pack, tmp_path, start_process):
    out = tmp_path / "model.safetensors"
    overrides = SMALL | {"training.save_every_seconds": "0.5"}
    program = (
        "import json, sys; from pathlib import Path; from core.training.run import train\n"
        "train('spectral', Path(sys.argv[1]), 5, Path(sys.argv[2]), overrides=json.loads(sys.argv[3]))"
    )
    child = start_process("-c", program, pack, out, json.dumps(overrides), stderr=subprocess.DEVNULL)
    while not out.exists():
        assert child.poll() is None
        time.sleep(0.2)
    child.kill()
    child.wait()
    before = torch.load(out.with_suffix(".state"), weights_only=True)
    train("spectral", pack, before["seconds"] / 60 + 0.03, out, resume=True, overrides=SMALL)
    assert torch.load(out.with_suffix(".state"), weights_only=True)["step"] > before["step"]


def test_two_processes_pack_once_and_register_once(recordings, tmp_path, run_process):
    together = {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "RESOUND_HOME": str(tmp_path / "home")}
    settings = [f"--set={name}={value}" for name, value in SMALL.items()]
    command = ["-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "core", "train", "spectral"]
    command += [f"--data={recordings}", "--minutes=0.05", "--register=duo", *settings]
    done = run_process(*command, env=os.environ | together)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Registered as duo") == 1
    state = torch.load(tmp_path / "home" / "training" / "duo.state", weights_only=True)
    assert state["step"] > 0 and len(state["history"]) == 1
    assert len(list((tmp_path / "home" / "training" / "duo.log").iterdir())) == 1, "only one of them writes the log"


def test_another_size_of_network_can_not_resume(pack, tmp_path):
    out = tmp_path / "model.safetensors"
    train("spectral", pack, 0.03, out, overrides=SMALL)
    with pytest.raises(InputError, match="another size"):
        train("spectral", pack, 0.1, out, resume=True, overrides=SMALL | {"model.channels": "16"})


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"training.batches": "2"}, "no setting"),
        ({"training.batch": "two"}, "must be int"),
        ({"model": "{}"}, "no setting"),
        ({"training.learning_rate": "9" * 400}, "must be float"),
        ({"training.learning_rate": "9" * 5000}, "must be float"),
        ({"training.batch": "[" * 900}, "must be int"),
    ],
)
def test_wrong_settings_are_named(overrides, message):
    with pytest.raises(InputError, match=message):
        load_recipe("spectral", overrides)


def test_unknown_optimizers_are_refused(pack, tmp_path):
    with pytest.raises(InputError, match="adamw or muon, not sgd"):
        train("spectral", pack, 0.03, tmp_path / "model.safetensors", overrides=SMALL | {"training.optimizer": "sgd"})


def test_unknown_recipe_lists_those_there_are():
    with pytest.raises(InputError, match="spectral, vocoder, voice-converter, vqvae, wavenet"):
        load_recipe("nothing")


def test_a_pack_of_another_rate_is_refused(recordings, tmp_path):
    pack_data(recordings, tmp_path / "slow", 8000)
    with pytest.raises(InputError, match="8000 Hz"):
        train("spectral", tmp_path / "slow", 0.01, tmp_path / "m.safetensors")


def test_data_with_nothing_to_hear_get_a_sentence(tmp_path):
    folder = tmp_path / "quiet"
    folder.mkdir()
    for n in range(40):  # some of them are held out
        soundfile.write(folder / f"{n}.wav", 1e-4 * np.sin(np.arange(8000)), 16000)
    pack_data(folder, tmp_path / "pack", 16000)
    with pytest.raises(InputError, match="Hardly anything in the data is louder than 0.005"):
        train("spectral", tmp_path / "pack", 0.1, tmp_path / "out.safetensors", overrides=SMALL)


class Network(torch.nn.Module):
    """A gain whose float32 kernel is no number of half precision, with a count and a table of integers."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(1 / 3))
        self.kernel = torch.nn.Parameter(torch.full((2,), 1e-9), requires_grad=False)
        self.register_buffer("updates", torch.tensor(0))
        self.register_buffer("table", torch.arange(4))


class Toy(Objective):
    """Brings the gain to zero, and counts its updates."""

    architecture = "toy"
    float32 = ("ker*",)

    def __init__(self, **_):
        self.steps = []

    def build(self, config):
        return Network()

    def loss(self, model, examples, generator):
        return (model.gain * examples).square().mean(), {}

    def after_update(self, model, step):
        self.steps.append(step)
        model.updates += 1

    def validate(self, model, examples, generator):
        return {"updates": model.updates.item()}


@pytest.mark.slow
def test_what_an_objective_says_of_itself_is_done(pack, tmp_path, monkeypatch):
    """Its hook runs after every update; integers are kept, and chosen weights stay in float32."""
    objectives, out = [], tmp_path / "toy.safetensors"
    monkeypatch.setattr(
        "core.training.run.find_objective", lambda _: lambda **_: objectives.append(Toy()) or objectives[-1]
    )
    for resume in (False, True):
        train("spectral", pack, 0.005 * (1 + resume), out, resume=resume, overrides=SMALL)
    state = torch.load(out.with_suffix(".state"), weights_only=True)
    steps = objectives[0].steps + objectives[1].steps
    assert steps == list(range(1, state["step"] + 1)) and len(steps) > 1
    assert state["average"]["updates"] == state["model"]["updates"] == state["step"]
    assert state["history"][-1]["updates"] == state["step"]
    with safe_open(out, "pt") as file:
        saved = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    dtypes = {"gain": torch.float16, "kernel": torch.float32, "updates": torch.int64, "table": torch.int64}
    assert {name: tensor.dtype for name, tensor in saved.items()} == dtypes
    checkpoint = load_checkpoint(out)
    assert checkpoint.architecture == "toy" and checkpoint.state["kernel"].tolist() == pytest.approx([1e-9] * 2)
    assert checkpoint.state["table"].tolist() == [0, 1, 2, 3]


def test_averages_move_towards_the_weights_and_copy_integers():
    average = {"weight": torch.zeros(2), "count": torch.tensor(3), "mask": torch.tensor([False])}
    _average(average, {"weight": torch.ones(2), "count": torch.tensor(8), "mask": torch.tensor([True])}, 0.75)
    assert average["weight"].tolist() == [0.25, 0.25] and average["count"] == 8 and average["mask"].item()


def test_every_recipe_has_an_objective_and_every_objective_a_recipe():
    architectures = {load_recipe(path.stem)["architecture"] for path in RECIPES.glob("*.toml")}
    assert architectures == set(OBJECTIVES)
    for architecture in architectures:
        objective = find_objective(architecture)
        assert issubclass(objective, Objective) and objective.architecture == architecture
    with pytest.raises(InputError, match="no objective for 'flow'; known are .*cone"):
        find_objective("flow")


def test_a_named_update_is_kept_and_gone_on_from(pack, tmp_path, monkeypatch):
    """Also with another rate of learning; what came after it is forgotten."""
    monkeypatch.setattr("core.training.run.find_objective", lambda _: Toy)
    out, keeping = tmp_path / "toy.safetensors", SMALL | {"training.keep_every": "2"}
    train("spectral", pack, 0.02, out, overrides=keeping)
    kept, last = (torch.load(out.with_suffix(s), weights_only=True) for s in (".2.state", ".state"))
    assert kept["step"] == 2 < last["step"] and load_checkpoint(tmp_path / "toy.2.safetensors").architecture == "toy"
    still = {"training.learning_rate": "0.0"}
    train("spectral", pack, kept["seconds"] / 60 + 1e-4, out, iteration=2, overrides=SMALL | still)
    again = torch.load(out.with_suffix(".state"), weights_only=True)
    assert 2 <= again["step"] < last["step"] and again["model"]["gain"] == kept["model"]["gain"]
    with pytest.raises(InputError, match="no toy.7.state beside"):
        train("spectral", pack, 1, out, iteration=7, overrides=SMALL)


def test_weights_and_biases_without_its_package_is_refused(pack, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(InputError, match="needs the package wandb"):
        train("spectral", pack, 0.01, tmp_path / "out.safetensors", overrides=SMALL | {"training.wandb": "lab"})


TELLING = {  # a tiny vocoder that is told spectrograms of the pack's rate
    "sample_rate": "16000",
    "model.layers": "2",
    "model.residual": "4",
    "model.skip": "4",
    "model.upsampling": "[8, 16]",
    "model.front_end": "resound-16k",
    "training.segment": "4096",
    "training.validation_segments": "1",
}


@pytest.mark.slow
def test_the_log_gets_what_the_network_makes_of_a_spectrogram(pack, tmp_path):
    """One of another front-end is converted, and a long one is cut."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    front_end, out = FRONT_ENDS["pnf-16k"], tmp_path / "model.safetensors"
    write_spectrogram(tmp_path / "said.npz", MelSpectrogram(np.full((80, 63), -2, np.float32), front_end))
    train("diffwave-mel", pack, 0.002, out, overrides=TELLING | {"training.listen_to": str(tmp_path / "said.npz")})
    log = EventAccumulator(str(out.with_suffix(".log"))).Reload()
    assert set(log.Tags()["audio"]) == {"drawn", "listened to"}
    samples, rate = soundfile.read(io.BytesIO(log.Audio("listened to")[0].encoded_audio_string))
    assert rate == 16000 and len(samples) == 62 * 256


@pytest.mark.parametrize(
    ("recipe", "changes", "name", "sentence"),
    [
        ("spectral", SMALL, "said.npz", "networks that play spectrograms"),
        ("diffwave-mel", TELLING, "said.wav", "must be a spectrogram"),
        ("diffwave-mel", TELLING, "said.npz", "There is no spectrogram"),
    ],
)
def test_what_cannot_be_listened_to_is_refused_before_any_training(pack, tmp_path, recipe, changes, name, sentence):
    changes = changes | {"training.listen_to": str(tmp_path / name)}
    with pytest.raises(InputError, match=sentence):
        train(recipe, pack, 1, tmp_path / "model.safetensors", overrides=changes)
