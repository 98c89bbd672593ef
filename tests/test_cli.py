"""The command line from outside: exit statuses, one sentence for what a user can mend, nothing half written."""

import json
import os
import pickle
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from core import zoo
from core.cli import main
from core.zoo import manifest
from core.zoo.checkpoint import save_checkpoint
from tests.commands import refused

RATE = 16000


@pytest.fixture
def tone(tmp_path) -> Path:
    """Half a second of two partials at the tiny prior's rate."""
    return _write(tmp_path / "tone.wav", _tone())


def _tone(frames: int = RATE // 2, rate: int = RATE) -> np.ndarray:
    time_axis = np.arange(frames) / rate
    return (0.3 * np.sin(2 * np.pi * 220 * time_axis) + 0.1 * np.sin(2 * np.pi * 1760 * time_axis)).astype(np.float32)


def _write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


def test_help_names_every_command(run_process):
    done = run_process("-m", "core", "--help")
    assert done.returncode == 0
    commands = "super-resolve inpaint declip separate spectrogram models import-checkpoint train pack-data parity"
    assert all(command in done.stdout for command in commands.split())


def test_help_does_not_wait_for_torch(run_process):
    """The parser must not import what takes seconds to import."""
    script = (
        "import sys; from core.cli import _parser; _parser(); print('torch' in sys.modules, 'librosa' in sys.modules)"
    )
    assert run_process("-c", script).stdout == "False False\n"


def test_super_resolve_degraded_truth(tiny_prior, tone, tmp_path, capsys):
    out, report = tmp_path / "out.flac", tmp_path / "report.json"
    options = ["--factor", "4", "--degrade", "plain", "--prior", tiny_prior, "--quality", "draft", "--seed", "3"]
    assert main(["super-resolve", str(tone), str(out), *options, "--report", str(report)]) == 0
    info = soundfile.info(out)
    assert (info.samplerate, info.frames, info.subtype) == (RATE, RATE // 2, "PCM_24")
    written = json.loads(report.read_text())
    assert (written["task"], written["input"], written["output"]) == ("super-resolve", str(tone), str(out))
    assert (written["prior"], written["quality"], written["seed"], written["device"]) == ("tiny", "draft", 3, "cpu")
    assert 0 < written["score_evaluations"] <= 20 and written["seconds"] > 0
    assert (written["duration_seconds"], written["sample_rate"]) == (0.5, RATE)
    assert set(written["metrics"]) >= {"psnr_db", "lsd_db", "si_sdr_db"}
    assert set(written["baselines"]["spline"]) >= {"psnr_db", "lsd_db"}
    table = capsys.readouterr().out
    assert "PSNR dB" in table and "spline" in table and "SI-SDR dB" in table


def test_super_resolve_real_input_has_no_metrics(tiny_prior, tmp_path):
    low = _write(tmp_path / "low.wav", _tone(2000, 4000), 4000)
    out, report = tmp_path / "out.wav", tmp_path / "report.json"
    options = ["--factor", "4", "--prior", tiny_prior, "--steps", "3", "--report", str(report)]
    assert main(["super-resolve", str(low), str(out), *options]) == 0
    info = soundfile.info(out)
    assert (info.samplerate, info.frames, info.subtype) == (RATE, 8000, "FLOAT")
    assert set(json.loads(report.read_text())["metrics"].values()) == {None}


def test_inpaint_keeps_what_lies_outside_the_gaps(tiny_prior, tmp_path):
    """Stereo, 22,050 Hz: the rate, the channels and every sample outside the gaps come back."""
    samples = np.stack([_tone(11025, 22050), 0.5 * _tone(11025, 22050)], axis=1)
    source = _write(tmp_path / "in.wav", samples, 22050)
    out = tmp_path / "out.wav"
    gaps = ["--gap", "0.1-0.15", "--gap", "0.3-.35"]
    assert main(["inpaint", str(source), str(out), *gaps, "--prior", tiny_prior, "--steps", "3"]) == 0
    restored, rate = soundfile.read(out, dtype="float32")
    assert rate == 22050 and restored.shape == samples.shape
    inside = np.zeros(len(samples), dtype=bool)
    for start, stop in ((0.1, 0.15), (0.3, 0.35)):
        inside[round(start * rate) : round(stop * rate)] = True
    assert np.array_equal(restored[~inside], samples[~inside])
    assert not np.array_equal(restored[inside], samples[inside])


def test_declip_keeps_what_was_not_clipped(tiny_prior, tmp_path):
    samples = np.clip(_tone(), -0.25, 0.25)
    source, truth = _write(tmp_path / "in.wav", samples), _write(tmp_path / "truth.wav", _tone())
    out, report = tmp_path / "out.wav", tmp_path / "report.json"
    options = ["--prior", tiny_prior, "--steps", "3", "--reference", str(truth), "--report", str(report)]
    assert main(["declip", str(source), str(out), *options]) == 0
    restored, _ = soundfile.read(out, dtype="float32")
    inside = np.abs(samples) < 0.249
    assert np.array_equal(restored[inside], samples[inside])
    assert json.loads(report.read_text())["metrics"]["psnr_db"] is not None


def test_start_length_and_mono(tiny_prior, tmp_path):
    samples = np.stack([_tone(), -0.5 * _tone()], axis=1)
    source, out = _write(tmp_path / "in.wav", samples), tmp_path / "out.wav"
    part = ["--start", "0.1", "--length", "0.25", "--mono", "--prior", tiny_prior, "--steps", "2"]
    assert main(["inpaint", str(source), str(out), "--gap", "0.2-0.22", *part]) == 0
    restored, _ = soundfile.read(out, dtype="float32", always_2d=True)
    assert restored.shape == (4000, 1)  # the gap is named in seconds of the whole input
    np.testing.assert_array_equal(restored[:1600, 0], samples[1600:3200].mean(axis=1))


def test_limits_are_on_what_is_used(tiny_prior, tmp_path, capsys):
    """A part of 250 MB, and 5.1 mixed to one channel; without the options that choose them both are refused."""
    source, out = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, np.stack([0.1 * _tone(RATE)] * 6, axis=1), RATE, subtype="PCM_16")
    content = bytearray(source.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = (249_999_996).to_bytes(4, "little")
    source.write_bytes(content)
    os.truncate(source, at + 4 + 249_999_996)
    options = ["--prior", tiny_prior, "--steps", "2"]
    for command, own in (("inpaint", ["--gap", "0.5-0.51"]), ("vocode", [])):
        assert "the limit is 200 MB" in refused(capsys, command, source, out, *own, *options, "--mono")
        part = ["--start", "0.25", "--length", "0.5"]
        if command == "inpaint":
            assert "6 channels; the limit is 2" in refused(capsys, command, source, out, *own, *options, *part)
            part.append("--mono")
        assert main([command, str(source), str(out), *own, *options, *part]) == 0
        assert soundfile.info(out).channels == 1 and soundfile.info(out).duration == pytest.approx(0.5, abs=0.02)
        capsys.readouterr()


def test_same_seed_same_file(tiny_prior, tone, tmp_path):
    outputs = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        out = tmp_path / f"{name}.wav"
        options = ["--gap", "0.2-0.3", "--prior", tiny_prior, "--steps", "3", "--seed", seed]
        assert main(["inpaint", str(tone), str(out), *options]) == 0
        outputs.append(soundfile.read(out)[0])
    assert np.array_equal(outputs[0], outputs[1]) and not np.array_equal(outputs[0], outputs[2])


@pytest.mark.parametrize("factor", ["0", "1", "-2", "3.5", "1000000", "x", "", "9" * 40])
def test_factors_that_make_no_sense(factor, tiny_prior, tone, tmp_path, capsys):
    out = tmp_path / "out.wav"
    said = refused(capsys, "super-resolve", tone, out, f"--factor={factor}", "--prior", tiny_prior)
    assert "whole number" in said and not out.exists()


GAPS = [
    "0.3-0.2",
    "0.2-0.2",
    "0.2",
    "a-b",
    "-0.1-0.2",
    "0.1-nan",
    "0.1-inf",
    "0.4-5",
    "0-0.5",
    "",
    "0.1-0.2-0.3",
    "1e999-2e999",
]


@pytest.mark.parametrize("gap", GAPS)
def test_gaps_that_make_no_sense(gap, tiny_prior, tone, tmp_path, capsys):
    out = tmp_path / "out.wav"
    assert "gap" in refused(capsys, "inpaint", tone, out, f"--gap={gap}", "--prior", tiny_prior).lower()
    assert not out.exists()


@pytest.mark.parametrize(
    ("option", "word"),
    [
        (["--prior", "nobody"], "no prior named 'nobody'"),
        (["--prior", "../../tiny"], "no prior named"),
        (["--device", "cuda:99"], "cuda:99"),
        (["--device", "tpu"], "cuda:K"),
        (["--sampler", "magic"], "magic"),
        (["--quality", "best"], "best"),
        (["--steps", "0"], "whole number"),
        (["--seed", "-1"], "whole number"),
        (["--seed", "1.5"], "whole number"),
        (["--start", "7"], "7"),
        (["--start", "-1"], "seconds"),
        (["--length", "0"], "duration"),
        (["--length", "nan"], "not a number"),
        (["--seed", "9" * 400], "whole number"),
        (["--start", "9" * 400], "not a number"),
        (["--length", "0." + "0" * 4000 + "1"], "not a number"),
        (["--sampler", "x" * 4000], "no sampler"),
        (["--quality", "x" * 4000], "invalid choice"),
        (["--reference", "missing.wav"], "missing.wav"),
        (["--report", "report.txt"], ".json"),
        (["--report", "no/such/folder/report.json"], "does not exist"),
        (["--unknown"], "--unknown"),
    ],
)
def test_options_that_make_no_sense(option, word, tiny_prior, tone, tmp_path, capsys):
    out = tmp_path / "out.wav"
    prior = [] if "--prior" in option else ["--prior", tiny_prior]
    assert word in refused(capsys, "inpaint", tone, out, "--gap", "0.2-0.25", *prior, *option)
    assert not out.exists()


@pytest.mark.parametrize("threshold", ["0", "1.5", "-0.1", "nan", "loud"])
def test_thresholds_that_make_no_sense(threshold, tiny_prior, tone, tmp_path, capsys):
    refused(capsys, "declip", tone, tmp_path / "out.wav", f"--threshold={threshold}", "--prior", tiny_prior)


def test_outputs_are_checked_before_the_work(tiny_prior, tone, tmp_path, capsys):
    """Nothing is read, let alone sampled, for an output that can't be written."""
    (tmp_path / "folder.wav").mkdir()
    missing = tmp_path / "missing.wav"  # reading it would be refused with other words
    for out, word in [
        (tmp_path / "out.mp3", ".wav"),
        (tmp_path / "no" / "out.wav", "does not exist"),
        (tmp_path / "folder.wav", "not a plain file"),
        (tmp_path / "out", ".wav"),
    ]:
        assert word in refused(capsys, "inpaint", missing, out, "--gap", "0.1-0.2")


def test_input_is_not_overwritten(tiny_prior, tone, capsys):
    before = tone.read_bytes()
    assert "input itself" in refused(capsys, "inpaint", tone, tone, "--gap", "0.1-0.2", "--prior", tiny_prior)
    assert tone.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"RIFF", b"hello, I am not audio" * 9, bytes(1000)])
def test_inputs_that_are_not_audio(content, tiny_prior, tmp_path, capsys):
    source, out = tmp_path / "in.wav", tmp_path / "out.wav"
    source.write_bytes(content)
    refused(capsys, "inpaint", source, out, "--gap", "0.1-0.2", "--prior", tiny_prior)
    refused(capsys, "inpaint", tmp_path, out, "--gap", "0.1-0.2", "--prior", tiny_prior)
    assert not out.exists()


def test_a_refusal_from_outside(tiny_prior, tone, tmp_path, run_process):
    """Exit 2, one sentence, no traceback, no file: as a process of its own."""
    done = run_process("-m", "core", "inpaint", tone, tmp_path / "out.wav", "--gap", "5-6", "--prior", tiny_prior)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and "outside" in done.stderr
    assert list(tmp_path.iterdir()) == [tone]


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_interrupt_leaves_nothing_behind(tiny_prior, tmp_path, start_process):
    source = _write(tmp_path / "in.wav", _tone(20 * RATE))
    options = ("--gap", "1-19", "--prior", tiny_prior, "--steps", "99999")
    process = start_process("-m", "core", "inpaint", source, tmp_path / "out.wav", *options)
    time.sleep(6)  # long enough to be sampling, or still importing: both must stop cleanly
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130 and "Traceback" not in err
    assert list(tmp_path.iterdir()) == [source]


def test_models_lists_bundled_and_own(tiny_prior, capsys):
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert "tiny" in out and "own" in out
    assert all(entry.name in out for entry in zoo.catalogue())


def test_spectrogram_of_a_file_and_of_a_folder(tone, tmp_path, capsys):
    out = tmp_path / "tone.npz"
    assert main(["spectrogram", str(tone), str(out)]) == 0
    with np.load(out, allow_pickle=False) as arrays:
        assert arrays["mel"].shape == (80, 1 + 11025 // 256) and arrays["mel"].dtype == np.float32
        assert (int(arrays["sample_rate"]), int(arrays["hop_length"]), str(arrays["log"])) == (22050, 256, "natural")
    folder = tmp_path / "folder"
    folder.mkdir()
    _write(folder / "good.wav", _tone())
    (folder / "bad.wav").write_bytes(b"not audio")
    (folder / "notes.txt").write_text("left out")
    capsys.readouterr()
    assert main(["spectrogram", str(folder), str(tmp_path / "mels"), "--front-end", "pnf"]) == 0
    assert [path.name for path in (tmp_path / "mels").iterdir()] == ["good.npz"]
    assert "bad.wav" in capsys.readouterr().err


def test_parity_tells_right_from_wrong(tmp_path, capsys, parity_folder):
    assert main(["parity", str(parity_folder), "--system", "metrics"]) == 0
    assert "FAIL" not in capsys.readouterr().out
    unknown = tmp_path / "goldens" / "unknown_system"
    unknown.mkdir(parents=True)
    (unknown / "README.md").write_text("goldens that no check covers")
    np.savez(unknown / "expected.npz", value=np.ones(3))
    assert main(["parity", str(tmp_path / "goldens")]) == 1
    assert "unknown_system/value" in capsys.readouterr().out
    refused(capsys, "parity", tmp_path / "nowhere")


class Poison:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (os.mkdir, ("poisoned",))


@pytest.mark.parametrize("target", ["-o", "--register"])
def test_a_poisoned_pickle_is_not_run(target, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    poison = tmp_path / "poison.pth"
    poison.write_bytes(pickle.dumps(Poison()))
    torch_poison = tmp_path / "poison.pt"
    torch.save({"state_dict": Poison()}, torch_poison)
    name = {"-o": "out.safetensors", "--register": "mine"}[target]
    for source in (poison, torch_poison, tmp_path / "missing.pth"):
        refused(capsys, "import-checkpoint", source, "--system", "pnf_wavenet", target, name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["poison.pt", "poison.pth"]
    assert "mine" not in {entry.name for entry in zoo.catalogue()}


def test_torch_has_nothing_to_add_to_a_refusal(tiny_prior, tmp_path, run_process):
    """It warns of pickles of another protocol than its own, before it refuses them."""
    for name in ("poison.pt", "poison.pth"):
        (tmp_path / name).write_bytes(pickle.dumps(Poison(), protocol=4))
    vocode = ("vocode", tmp_path / "poison.pt", tmp_path / "out.wav", "--prior", tiny_prior)
    out = ("-o", tmp_path / "out.safetensors")
    imported = ("import-checkpoint", tmp_path / "poison.pth", "--system", "cone_of_silence", *out)
    for command in (vocode, imported):
        done = run_process("-m", "core", *command)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and "was not opened" in done.stderr


@pytest.mark.parametrize("name", ["../up", "UP", "a/b", ""])
def test_names_are_checked_before_a_training(name, tmp_path, capsys):
    said = refused(capsys, "train", "spectral", "--data", tmp_path, "--minutes", "1", f"--register={name}")
    assert "cannot name a checkpoint" in said


def test_training_refusals(tmp_path, capsys):
    out = tmp_path / "out.safetensors"
    data = ["--data", tmp_path, "--minutes", "1"]
    assert "no recipe" in refused(capsys, "train", "nonsense", *data, "--out", out)
    assert "training.batch=4" in refused(capsys, "train", "spectral", *data, "--out", out, "--set", "batch")
    assert "not allowed with" in refused(capsys, "train", "spectral", *data, "--out", out, "--resume", "--init", out)
    assert "not allowed with" in refused(capsys, "train", "vqvae", *data, "--out", out, "--resume", "--scratch")
    assert "duration" in refused(capsys, "train", "spectral", "--data", tmp_path, "--minutes", "0", "--out", out)
    assert "no checkpoint" in refused(
        capsys, "train", "spectral", *data, "--out", out, "--init", tmp_path / "no.safetensors"
    )
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "goes_on"),
    [
        (("vqvae",), True),
        (("vqvae", "--scratch"), False),
        (("vqvae", "--init", "x.state"), False),
        (("vqvae", "--set", "training.resume=false"), False),
        (("spectral",), False),
        (("spectral", "--resume"), True),
        (("spectral", "--set", "training.resume=true"), True),
    ],
)
def test_a_training_goes_on_where_told_or_where_the_recipe_says_so(tmp_path, monkeypatch, capsys, arguments, goes_on):
    """And says so where nobody has told it."""
    asked = []
    monkeypatch.setattr("core.training.run.train", lambda *_, resume, **__: asked.append(resume))
    monkeypatch.setattr("core.cli.training._packed", lambda *_, **__: tmp_path)
    monkeypatch.chdir(tmp_path)
    wanted = ("train", *arguments, "--data", tmp_path, "--minutes", "1", "--out", tmp_path / "x.safetensors")
    (tmp_path / "x.state").touch()
    assert main([*map(str, wanted)]) == 0 and asked == [goes_on]
    said = capsys.readouterr().err
    assert ("Goes on from x.state; --scratch begins anew." in said) == (goes_on and "--resume" not in arguments)
    (tmp_path / "x.state").unlink()
    if not {"--resume", "--init"} & set(arguments):
        assert main([*map(str, wanted)]) == 0 and asked[1] is False


def test_other_sounds_are_looked_at_before_anything_is_packed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("core.training.data.pack_data", lambda *_: pytest.fail("packed"))
    (tmp_path / "data").mkdir()
    _write(tmp_path / "data" / "a.wav", _tone())
    data = ["--data", tmp_path / "data", "--minutes", "1", "--out", tmp_path / "out.safetensors"]
    said = refused(capsys, "train", "spectral", *data, "--others", tmp_path / "data")
    assert "is no packed data" in said and sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_a_changed_checkpoint_is_refused(tone, tiny_prior, tmp_path, run_process):
    """A file whose hash is not the manifest's is never read as weights."""
    save_checkpoint(manifest.find(tiny_prior).path, "spectral", {}, {"weight": torch.zeros(1)})
    done = run_process("-m", "core", "inpaint", tone, tmp_path / "out.wav", "--gap", "0.1-0.2", "--prior", tiny_prior)
    assert done.returncode == 2 and "manifest" in done.stderr and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [tone]


def test_a_prior_of_ones_own_from_a_folder_to_a_filled_gap(tone, tmp_path, capsys):
    """A folder of recordings is packed, trained on, registered, listed and used."""
    folder, out = tmp_path / "recordings", tmp_path / "out.wav"
    folder.mkdir()
    for number in range(30):  # some of them fall to validation
        _write(folder / f"{number}.wav", _tone(RATE) * (0.5 + number / 60))
    small = ["--set", "model.channels=4", "--set", "model.blocks=1", "--set", "training.segment=8192"]
    limits = ["--minutes", "0.03", "--set", "training.validation_segments=1"]
    assert main(["train", "spectral", "--data", str(folder), "--register", "mine", *small, *limits]) == 0
    entry = manifest.find("mine")
    assert entry.steps > 0 and entry.metrics and entry.hardware and entry.sample_rate == RATE
    assert main(["models"]) == 0 and "mine" in capsys.readouterr().out
    assert main(["inpaint", str(tone), str(out), "--gap", "0.2-0.25", "--prior", "mine", "--steps", "2"]) == 0
    assert out.exists()


def test_super_resolve_keeps_what_is_there_and_says_what_is_not(tiny_prior, tmp_path, capsys):
    """A sound of the full band comes back as it is where the factor is found; one that is chosen warns."""
    wide = _write(tmp_path / "wide.wav", 0.1 * np.random.default_rng(0).standard_normal(24000), 48000)
    out, report = tmp_path / "out.wav", tmp_path / "report.json"
    options = ["--prior", tiny_prior, "--steps", "2", "--report", str(report)]
    assert main(["super-resolve", str(wide), str(out), "--factor", "auto", *options]) == 0
    assert soundfile.info(out).samplerate == 48000 and json.loads(report.read_text())["factor"] == 1
    np.testing.assert_array_equal(soundfile.read(out)[0], soundfile.read(wide)[0])
    assert "as it is" in capsys.readouterr().out
    assert main(["super-resolve", str(wide), str(out), "--factor", "4", *options]) == 0
    warning = json.loads(report.read_text())["warning"]
    assert capsys.readouterr().err.splitlines()[-1] == f"Warning: {warning}"
