"""`localize` from outside: files, reports, scenes with their truth, refusals in one sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.arrays.geometry import read_array
from tests.arrays.example_scenes import voices, write_scenes
from tests.arrays.sounds import RATE
from tests.commands import refused, run

pytestmark = pytest.mark.usefixtures("no_bundled_separator")

ANGLES = (40, 200)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return voices(*ANGLES, seconds=2.0)


@pytest.fixture
def recording(images, tmp_path) -> Path:
    """Four microphones."""
    path = tmp_path / "in.wav"
    soundfile.write(path, images.sum(axis=0).T, RATE, subtype="FLOAT")
    return path


@pytest.fixture
def scenes(images, tmp_path) -> Path:
    """Two scenes of two voices, and one of a single voice, as folders."""
    return write_scenes(tmp_path / "scenes", [(images, ANGLES), (images, ANGLES), (images[:1], ANGLES[:1])])


def test_a_file_for_each_voice_and_a_report(recording, images, tmp_path, capsys):
    truths = []
    for k, image in enumerate(images):
        path = tmp_path / f"truth{k}.wav"
        soundfile.write(path, image.T if k else image[0], RATE, subtype="FLOAT")
        truths += ["--reference", path]
    folder, report = tmp_path / "out", tmp_path / "report.json"
    arguments = ("localize", recording, folder, "--array", "respeaker-4", "--voices", 2, "--report", report)
    assert run(*arguments, *truths) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["voice-1.wav", "voice-2.wav"]
    written = json.loads(report.read_text())
    assert written["task"] == "localize" and written["array"] == "respeaker-4" and written["method"] == "srp-phat"
    assert written["duration_seconds"] == 2.0 and written["sample_rate"] == RATE and written["seconds"] > 0
    for voice, name in zip(written["voices"], ("voice-1.wav", "voice-2.wav"), strict=True):
        assert set(voice) == {"angle_degrees", "energy", "confidence", "file"} and voice["file"] == str(folder / name)
        assert soundfile.info(voice["file"]).frames == 2 * RATE
    assert sorted(voice["angle_degrees"] for voice in written["voices"]) == pytest.approx(ANGLES, abs=5)
    assert written["voices"][0]["energy"] > written["voices"][1]["energy"]
    assert written["metrics"]["si_sdr_improvement_db"] > 3 and written["metrics"]["recall"] is None
    assert "Note: No separator fits" in capsys.readouterr().out


def test_tracks_of_voices_that_walk(recording, tmp_path):
    report = tmp_path / "report.json"
    options = ("--array", "respeaker-4", "--voices", 2, "--moving", "--chunk-seconds", 1, "--report", report)
    assert run("localize", recording, tmp_path / "out", *options) == 0
    written = json.loads(report.read_text())
    assert written["moving"] and written["chunk_seconds"] == 1
    assert [seconds for seconds, _ in written["voices"][0]["track"]] == [0.5, 1.0, 1.5]


def test_voices_are_refined_unless_that_is_refused(recording, tmp_path):
    for option, refined in (((), True), (("--refine", "no"), False)):
        report = tmp_path / "report.json"
        options = ("--array", "respeaker-4", "--voices", 2, "--length", 1, "--report", report, *option)
        assert run("localize", recording, tmp_path / "out", *options) == 0
        assert json.loads(report.read_text())["refined"] is refined


def test_a_scene_brings_its_truth(scenes, tmp_path):
    report = tmp_path / "report.json"
    assert run("localize", scenes / "00000", tmp_path / "out", "--array", "respeaker-4", "--report", report) == 0
    written = json.loads(report.read_text())
    assert written["metrics"]["precision"] == written["metrics"]["recall"] == 1
    assert written["metrics"]["angular_error_degrees"] < 5 and len(written["true_voices"]) == 2
    assert "ratio mask (oracle)" in written["baselines"]


def test_a_part_and_a_map_of_channels(recording, tmp_path):
    report = tmp_path / "report.json"
    options = ("--array", "respeaker-4", "--voices", 2, "--start", 0.5, "--length", 1.2, "--channels", "1,2,3,0")
    assert run("localize", recording, tmp_path / "out", *options, "--report", report) == 0
    written = json.loads(report.read_text())
    assert written["duration_seconds"] == 1.2
    assert sorted(voice["angle_degrees"] for voice in written["voices"]) == pytest.approx((110, 310), abs=15)


def test_silence_leaves_a_report_and_an_empty_folder(tmp_path, capsys):
    silence, report = tmp_path / "silence.wav", tmp_path / "report.json"
    soundfile.write(silence, np.zeros((RATE, 4)), RATE)
    arguments = ("localize", silence, tmp_path / "out", "--array", "respeaker-4", "--report", report)
    assert run(*arguments) == 0
    assert list((tmp_path / "out").iterdir()) == [] and json.loads(report.read_text())["voices"] == []
    assert "silent, so no voice was found" in capsys.readouterr().out


def test_files_of_an_earlier_run_are_pointed_out(recording, tmp_path, capsys):
    folder = tmp_path / "out"
    for count in (2, 1):
        assert run("localize", recording, folder, "--array", "respeaker-4", "--voices", count) == 0
    assert "also holds voice-2.wav, which is not of this run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["IN", "OUT"], "--array"),
        (["IN", "OUT", "--array", "ghost"], "no array or file"),
        (["IN", "OUT", "--array", "circle-6"], "6 microphones"),
        (["STEREO", "OUT", "--array", "respeaker-4"], "4 microphones"),
        (["NAN", "OUT", "--array", "respeaker-4"], "not numbers"),
        (["IN", "OUT", "--array", "SAME"], "icrophones"),
        (["IN", "OUT", "--array", "respeaker-4", "--voices", "9"], "from 1 to 8"),
        (["IN", "OUT", "--array", "respeaker-4", "--channels", "1,2,3,4"], "no channel 4"),
        (["IN", "OUT", "--array", "respeaker-4", "--channels", "1,2"], "4 different channels"),
        (["IN", "OUT", "--array", "respeaker-4", "--channels", "one"], "no list of channels"),
        (["IN", "OUT", "--array", "respeaker-4", "--method", "cone"], "no separator"),
        (["IN", "OUT", "--array", "respeaker-4", "--prior", "ghost"], "no prior named"),
        (["IN", "OUT", "--array", "respeaker-4", "--length", "0.1"], "at least 0.25 s"),
        (["IN", "OUT", "--array", "respeaker-4", "--chunk-seconds", "0.1"], "0.5 to 60 s"),
        (["IN", "FILE", "--array", "respeaker-4"], "is a file"),
        (["IN", "OUT", "--array", "respeaker-4", "--report", "FILE"], ".json"),
        (["EMPTY", "OUT", "--array", "respeaker-4"], "metadata.json"),
        (["SCENE", "OUT", "--array", "respeaker-4", "--reference", "IN"], "knows its voices"),
    ],
)
def test_refusals_leave_nothing_behind(recording, scenes, tmp_path, capsys, arguments, word):
    places = {"IN": recording, "OUT": tmp_path / "out", "SCENE": scenes / "00000"}
    places |= {name: tmp_path / name.lower() for name in ("FILE", "STEREO", "NAN", "SAME", "EMPTY")}
    places["FILE"].write_text("text")
    places["EMPTY"].mkdir()
    places["SAME"].write_text(json.dumps({"name": "same", "positions": [[0.1, 0]] * 4}))
    soundfile.write(places["STEREO"], np.ones((RATE, 2)), RATE, format="WAV")
    soundfile.write(places["NAN"], np.full((RATE, 4), np.nan), RATE, subtype="FLOAT", format="WAV")
    assert word in refused(capsys, "localize", *(places.get(a, a) for a in arguments))
    assert not places["OUT"].exists()


def test_a_line_of_microphones_names_both_sides(tmp_path, capsys):
    """A truth on the other side is found, by `localize` and by `evaluate`."""
    line, report = tmp_path / "line.json", tmp_path / "report.json"
    line.write_text(json.dumps({"name": "line", "positions": [[0.05 * k - 0.075, 0] for k in range(4)]}))
    images = voices(240, seconds=2.0, array=read_array(line))
    write_scenes(tmp_path / "scenes", [(images, (240,))])
    options = ("--array", line, "--method", "srp-phat")
    assert run("localize", tmp_path / "scenes" / "00000", tmp_path / "out", *options, "--report", report) == 0
    written, out = json.loads(report.read_text()), capsys.readouterr().out
    (voice,) = written["voices"]
    assert (voice["angle_degrees"], voice["mirror_degrees"]) == pytest.approx((120, 240), abs=5)
    assert f"degrees (or {voice['mirror_degrees']:.1f})" in out and "mirror image" in out
    assert written["metrics"]["precision"] == written["metrics"]["recall"] == 1
    command = ("evaluate", "cone", *options, "--data", tmp_path / "scenes", "--voices", 1, "-o", tmp_path / "figures")
    assert run(*command) == 0
    (own,) = json.loads((tmp_path / "figures" / "cone.json").read_text())["figures"]["SRP-PHAT and beamformer"].values()
    assert own["precision"] == own["recall"] == 1


def test_channels_that_are_no_microphones(recording, tmp_path, capsys):
    """Copies are refused; swapped channels, and raw ones elsewhere in a stream, are told."""
    heard, same, stream = soundfile.read(recording)[0], tmp_path / "same.wav", tmp_path / "stream.wav"
    soundfile.write(same, np.repeat(heard[:, :1], 4, axis=1), RATE)
    assert "0 = 1 = 2 = 3 carry one signal" in refused(
        capsys, "localize", same, tmp_path / "none", "--array", "respeaker-4"
    )
    assert not (tmp_path / "none").exists()
    assert run("localize", recording, tmp_path / "out", "--array", "respeaker-4", "--channels", "1,0,2,3") == 0
    assert "Note: The phases contradict the array respeaker-4" in capsys.readouterr().out
    processed = np.repeat(heard.mean(axis=1, keepdims=True), 2, axis=1)
    soundfile.write(stream, np.concatenate([processed, heard], axis=1), RATE, subtype="FLOAT")
    assert run("localize", stream, tmp_path / "more", "--array", "respeaker-4") == 0
    assert "1, 2, 3, 4 contradict the array respeaker-4, and those of 2, 3, 4, 5 fit it" in capsys.readouterr().out
