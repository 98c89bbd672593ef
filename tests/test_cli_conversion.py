"""`convert-voice` and `speakers` from outside: results, reports, refusals in one sentence."""

import json

import numpy as np
import pytest
import soundfile

from tests.commands import refused, run

RATE = 16000


@pytest.fixture
def talk(tmp_path):
    """Six seconds of a voice that pauses."""
    t = np.arange(6 * RATE) / RATE
    sound = sum(np.cos(2 * np.pi * 150 * h * t) / h for h in range(1, 12)) * 0.05 * (np.sin(2 * np.pi * 2 * t) > -0.5)
    path = tmp_path / "talk.wav"
    soundfile.write(path, sound + 0.001 * np.random.default_rng(0).standard_normal(len(t)), RATE)
    return path


def test_a_file_is_said_by_another_voice(tmp_path, talk, tiny_converter):
    out, report = tmp_path / "out.wav", tmp_path / "report.json"
    arguments = (
        "--voice",
        talk,
        "--prior",
        tiny_converter,
        "--transpose",
        "-2",
        "--keep-intonation",
        "--report",
        report,
    )
    assert run("convert-voice", talk, out, *arguments, "--length", 1) == 0
    assert soundfile.info(out).frames == RATE
    written = json.loads(report.read_text())
    assert written["task"] == "convert-voice" and written["semitones"] == -2 and written["keep_intonation"]
    assert written["voice"] == "your own"


def test_a_file_is_said_by_a_bundled_speaker(tmp_path, talk):
    assert run("convert-voice", talk, tmp_path / "out.wav", "--speaker", "emodb_10", "--length", 1) == 0
    assert np.abs(soundfile.read(tmp_path / "out.wav")[0]).max() > 0.01


def test_a_table_of_voices_is_made_of_a_folder(tmp_path, talk, tiny_converter, capsys):
    folder, out = tmp_path / "data", tmp_path / "own.safetensors"
    folder.mkdir()
    talk.rename(folder / "one.wav")
    (folder / "metadata.csv").write_text("path,speaker\none.wav,ada\n")
    (tmp_path / "speakers.json").write_text('[{"name": "ada", "description": "a test", "licence": "CC0-1.0"}]')
    wanted = ("--data", folder, "--speakers", tmp_path / "speakers.json", "--prior", tiny_converter)
    assert run("make-voices", out, *wanted) == 0
    assert "1 voices" in capsys.readouterr().out and out.stat().st_size > 1000
    out.unlink()
    (tmp_path / "speakers.json").write_text('[{"name": "ada"}]')
    assert "no list of name" in refused(capsys, "make-voices", out, *wanted)
    assert not out.exists()


def test_speakers_are_one_a_line_their_names_first(capsys):
    assert run("speakers") == 0
    _, *lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines]
    assert len(names) >= 10 and "vctk_p226" in names and all("Hz" in line for line in lines)


@pytest.mark.slow
def test_a_vqvae_says_a_part_of_a_file_as_one_of_its_speakers(tmp_path, talk, tiny_vqvae, capsys):
    assert run("speakers", "--prior", tiny_vqvae) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["Ada", "Bob"]
    out, report = tmp_path / "out.wav", tmp_path / "report.json"
    wanted = ("--speaker", "Ada", "--prior", tiny_vqvae, "--temperature", 0, "--start", 0.5, "--length", 1)
    assert run("convert-voice", talk, out, *wanted, "--report", report) == 0
    assert soundfile.info(out).frames == RATE
    written = json.loads(report.read_text())
    assert (written["voice"], written["prior"], written["temperature"]) == ("Ada", tiny_vqvae, 0)


def test_what_a_vqvae_cannot_do_is_refused(tmp_path, talk, tiny_vqvae, capsys):
    for arguments, sentence in (
        (("--speaker", "ls1688"), "no speaker 'ls1688'"),
        (("--voice", talk), "its own speakers at their own pitch"),
        (("--speaker", "Ada", "--transpose", 2), "leave out"),
        (("--speaker", "Ada", "--keep-intonation"), "leave out"),
    ):
        given = ("convert-voice", talk, tmp_path / "out.wav", "--prior", tiny_vqvae, *arguments)
        assert sentence in refused(capsys, *given)
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "arguments --speaker --voice is required"),
        (("--speaker", "nobody"), "no speaker 'nobody'"),
        (("--speaker", "ls1688", "--voice", "x.wav"), "not allowed with"),
        (("--speaker", "ls1688", "--transpose", "nan"), "not a number"),
        (("--speaker", "ls1688", "--transpose", "30"), "24 semitones"),
        (("--speaker", "ls1688"), "give a recording of the voice instead"),
        (("--speaker", "ls1688", "--prior", "voice-vocoder"), "can't convert-voice"),
    ],
)
def test_refusals_leave_no_file(tmp_path, talk, capsys, tiny_converter, arguments, sentence):
    given = arguments if "--prior" in arguments else (*arguments, "--prior", tiny_converter)
    assert sentence in refused(capsys, "convert-voice", talk, tmp_path / "out.wav", *given)
    assert not (tmp_path / "out.wav").exists()


def test_a_voice_that_is_too_short_is_refused(tmp_path, talk, capsys, tiny_converter):
    short = tmp_path / "short.wav"
    soundfile.write(short, soundfile.read(talk)[0][:RATE], RATE)
    arguments = ("convert-voice", talk, tmp_path / "out.wav", "--voice", short, "--prior", tiny_converter)
    assert "record more" in refused(capsys, *arguments)
