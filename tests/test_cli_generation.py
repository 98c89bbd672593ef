"""`generate` from outside: numbered files that say how to make them again, refusals in one sentence."""

import json

import numpy as np
import pytest
import soundfile

from tests.commands import refused, run
from tests.tasks.images import register_pixels


@pytest.fixture
def prior(tiny_mel_prior) -> tuple[str, ...]:
    return ("--prior", tiny_mel_prior, "--seconds", "0.05", "--steps", "2")


def test_files_are_numbered_and_carry_what_made_them(prior, tmp_path, capsys):
    folder, report = tmp_path / "sounds", tmp_path / "report.json"
    assert run("generate", folder, *prior, "--count", "2", "--label", "seven", "--seed", "5", "--report", report) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["0000.wav", "0001.wav"]
    with soundfile.SoundFile(folder / "0001.wav") as file:
        origin = json.loads(file.comment)
        assert (file.frames, file.samplerate, file.subtype) == (800, 16000, "FLOAT")
    assert origin["seed"] == 6 and origin["label"] == "7" and origin["sampler"] == "heun" and origin["steps"] == 2
    written = json.loads(report.read_text())
    assert written["task"] == "generate" and written["input"] is None and written["sounds"]["0001"] == {"seed": 6}
    assert "2 sounds of 0.05 s" in capsys.readouterr().out
    again = tmp_path / "again"
    assert run("generate", again, *prior, "--count", "1", "--label", origin["label"], "--seed", origin["seed"]) == 0
    one, other = (soundfile.read(path)[0] for path in (again / "0000.wav", folder / "0001.wav"))
    assert np.abs(one - other).max() < 1e-4 * np.abs(one).max()


def test_a_morph_says_where_each_sound_lies(prior, tmp_path):
    assert run("generate", tmp_path / "way", *prior, "--morph", "3,9", "--count", "3") == 0
    with soundfile.SoundFile(tmp_path / "way" / "0002.wav") as file:
        assert json.loads(file.comment).items() >= {"morph": [3, 9], "place": 2, "of": 3}.items()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--count", "0"), "not a whole number"),
        (("--count", "1000000"), "between 1 and 4096"),
        (("--label", "eleven"), "knows no label"),
        (("--morph", "3"), "not two seeds"),
        (("--sampler", "langevin"), "invalid choice"),
        (("--seconds", "nan"), "not a number"),
    ],
)
def test_refusals_leave_no_folder(prior, tmp_path, capsys, options, sentence):
    assert sentence in refused(capsys, "generate", tmp_path / "sounds", *prior, *options)
    assert not (tmp_path / "sounds").exists()


def test_a_wavenet_goes_on_from_a_recording(tiny_wavenet, tmp_path, capsys):
    soundfile.write(tmp_path / "in.wav", 0.1 * np.sin(np.arange(4410)), 44100)
    primed = ("--prior", tiny_wavenet, "--seconds", "0.05", "--temperature", "0.9", "--prime", tmp_path / "in.wav")
    assert run("generate", tmp_path / "out", *primed, "--count", "1", "--report", tmp_path / "report.json") == 0
    with soundfile.SoundFile(tmp_path / "out" / "0000.wav") as file:
        origin = json.loads(file.comment)
        assert file.frames == 800
    assert origin["temperature"] == 0.9 and origin["prime"].endswith("in.wav") and "steps" not in origin
    assert json.loads((tmp_path / "report.json").read_text())["bits_per_sample"] > 0
    assert "ancestral at" in capsys.readouterr().out
    assert "does not exist" in refused(capsys, "generate", tmp_path / "more", *primed[:-1], tmp_path / "none.wav")
    assert not (tmp_path / "more").exists()


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [(np.zeros(8000), "The prime is silent"), (np.resize([0.1, -0.1], 4000 * 601), "over the limit of 10")],
    ids=["silent", "long"],
)
def test_a_prime_that_cannot_be_gone_on_from_gets_a_sentence(tiny_wavenet, tmp_path, capsys, samples, sentence):
    soundfile.write(tmp_path / "in.wav", samples, 4000)
    primed = ("--prior", tiny_wavenet, "--seconds", "0.05", "--prime", tmp_path / "in.wav")
    assert sentence in refused(capsys, "generate", tmp_path / "out", *primed)
    assert not (tmp_path / "out").exists()


def test_images_of_labels_that_do_not_exist_are_refused(own_home, tmp_path, capsys):
    register_pixels(own_home)
    said = refused(capsys, "generate", tmp_path / "out", "--prior", "pixels", "--label", "12")
    assert "knows no label '12'; choose one of ring, bar" in said and not (tmp_path / "out").exists()
