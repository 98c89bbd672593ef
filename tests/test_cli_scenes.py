"""`render-scenes`: scenes depend on the seed and their number alone, and are made once."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.arrays.scenes.files import find_scenes, read_scene
from core.cli import engines, main
from tests.arrays.sounds import RATE, babble

SHORT = ("--seconds", "0.5", "--rooms", "original")


@pytest.fixture
def speech(tmp_path) -> Path:
    """Six files of three speakers, listed in two splits."""
    folder = tmp_path / "speech"
    folder.mkdir()
    rows = ["path,speaker,split"]
    for k in range(6):
        soundfile.write(folder / f"file{k}.wav", 3 * babble(k, 0.8), RATE)
        rows.append(f"file{k}.wav,person{k % 3},{'test' if k < 4 else 'train'}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return folder


def run(*arguments) -> int:
    return main(["render-scenes", *map(str, arguments)])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_scenes_are_the_same_however_many_work_on_them(speech, tmp_path, capsys):
    noise = tmp_path / "noise.wav"
    soundfile.write(noise, 0.1 * np.random.default_rng(0).standard_normal(3000), RATE)
    settings = ("--count", 3, "--background", noise, "--seed", 5, "--split", "test", *SHORT)
    assert run(speech, tmp_path / "one", *settings) == 0
    assert "3 of 3 scenes are in" in capsys.readouterr().out
    assert run(speech, tmp_path / "two", *settings, "--workers", 2) == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    for folder in find_scenes(tmp_path / "one"):
        scene = read_scene(folder)
        first, second, background = scene.images
        assert scene.mixture.shape == (4, RATE // 2) and background.name == "bg"
        assert first.speaker != second.speaker and {first.speaker, second.speaker} <= {f"person{k}" for k in range(3)}


def test_a_scene_depends_on_the_seed_and_its_number_alone(speech, tmp_path):
    run(speech, tmp_path / "few", "--count", 2, *SHORT)
    run(speech, tmp_path / "more", "--count", 3, *SHORT)
    run(speech, tmp_path / "other", "--count", 2, "--seed", 1, *SHORT)
    few, more, other = (contents(tmp_path / name) for name in ("few", "more", "other"))
    assert more.items() > few.items()
    assert all(few[name] != other[name] for name in few)


def test_scenes_of_other_numbers_of_voices_have_rooms_of_their_own(speech, tmp_path):
    """Else figures of many voices would hang on the luck of those of few."""
    places = []
    for voices in (1, 2):
        run(speech, tmp_path / str(voices), "--count", 1, "--voices", voices, *SHORT)
        places.append(read_scene(tmp_path / str(voices) / "00000").voices[0].positions)
    assert places[0] != places[1]


def test_what_is_there_is_kept_and_what_is_missing_made(speech, tmp_path, capsys):
    out = tmp_path / "out"
    run(speech, out, "--count", 3, *SHORT)
    before = contents(out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("0000[02]/*")}
    for path in (out / "00001").iterdir():
        path.unlink()
    (out / "00001").rmdir()
    capsys.readouterr()
    assert run(speech, out, "--count", 3, *SHORT) == 0
    assert "3 of 3 scenes are in" in (said := capsys.readouterr().out) and "2 of them before" in said
    assert contents(out) == before
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_other_settings_do_not_mix_with_scenes_that_are_there(speech, tmp_path, capsys):
    run(speech, tmp_path / "out", "--count", 1, *SHORT)
    assert run(speech, tmp_path / "out", "--count", 2, "--voices", 1, *SHORT) == 2
    assert "other settings" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "scenes.json").read_text())["voices"] == 2


def test_bad_recordings_are_named_and_replaced(speech, tmp_path, capsys):
    (speech / "file1.wav").write_bytes(b"RIFF, but no more")
    soundfile.write(speech / "file2.wav", np.zeros(8000), RATE)
    assert run(speech, tmp_path / "out", "--count", 4, *SHORT) == 0
    err = capsys.readouterr().err
    assert err.count("file1.wav is not audio") == 1 and err.count("file2.wav is silent") == 1


def test_a_scene_without_enough_voices_fails_alone(speech, tmp_path, capsys):
    for k in range(5):
        (speech / f"file{k}.wav").write_bytes(b"RIFF, but no more")
    assert run(speech, tmp_path / "out", "--count", 2, *SHORT) == 2
    out, err = capsys.readouterr()
    assert "0 of 2 scenes" in out and "Scene 1: Of 6 recordings that were tried only 1 can be used, not 2." in err
    assert not find_scenes(tmp_path / "out")


def test_a_scene_that_ends_its_process_fails_alone(speech, tmp_path, capsys, monkeypatch):
    def engine(work, jobs):
        yield engines.Lost(jobs[0])
        yield from map(work, jobs[1:])

    monkeypatch.setattr(engines, "engine", lambda *_: engine)
    assert run(speech, tmp_path / "out", "--count", 2, *SHORT) == 2
    out, err = capsys.readouterr()
    assert "1 of 2 scenes" in out and err == f"Scene 0: {engines.LOST}\n"
    assert [folder.name for folder in find_scenes(tmp_path / "out")] == ["00001"]


def test_recordings_of_single_voices_are_mixed(speech, tmp_path, capsys):
    single, out = tmp_path / "single", tmp_path / "out"
    run(speech, single, "--voices", 1, "--count", 4, *SHORT)
    assert run(speech, out, "--voices", 3, "--count", 2, "--composite", single, "--seconds", 0.4) == 0
    known = {scene.voices[0].positions for scene in map(read_scene, find_scenes(single))}
    for folder in find_scenes(out):
        scene = read_scene(folder)
        assert {voice.positions for voice in scene.voices} < known and len(scene.voices) == 3
        assert scene.mixture.shape == (4, int(0.4 * RATE))
    assert run(speech, tmp_path / "six", "--composite", single, "--count", 1, "--array", "circle-6") == 2
    assert "no recording of one voice with 6 microphones" in capsys.readouterr().err


def test_moving_voices_have_a_path(speech, tmp_path):
    assert run(speech, tmp_path / "out", "--voices", 1, "--count", 1, "--moving", *SHORT) == 0
    (scene,) = map(read_scene, find_scenes(tmp_path / "out"))
    assert len(scene.voices[0].positions) > 3


def test_ray_gives_the_same_scenes(speech, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed")
    run(speech, tmp_path / "here", "--count", 2, *SHORT)
    assert run(speech, tmp_path / "ray", "--count", 2, "--engine", "ray", *SHORT) == 0
    assert contents(tmp_path / "here") == contents(tmp_path / "ray")


def test_ray_is_optional(speech, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run(speech, tmp_path / "out", "--engine", "ray") == 2
    assert "Ray is not installed" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--voices", 0), "'0' is not a whole number from 1 to 8"),
        (("--voices", 9), "'9' is not a whole number from 1 to 8"),
        (("--voices", 7), "holds 6 recordings, too few for scenes of 7 voices"),
        (("--array", "pyramid"), "pyramid"),
        (("--background", "nowhere"), "nowhere is not a folder"),
        (("--split", "valid"), "lists no recording in the split valid"),
        (("--composite", "nowhere"), "nowhere holds 0 recordings"),
        (("--seconds", 0), "'0' is not a duration"),
        (("--seconds", 7200), "choose up to 600 s"),
        (("--seconds", 0.001), "at least"),
        (("--count", 0), "'0' is not a whole number"),
    ],
)
def test_options_that_make_no_sense(speech, tmp_path, capsys, options, sentence):
    assert run(speech, tmp_path / "out", *options) == 2
    out, err = capsys.readouterr()
    assert out == "" and sentence in err and err.count("\n") == 1 and not (tmp_path / "out").exists()


def test_folders_that_make_no_sense(speech, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty", tmp_path / "out") == 2
    assert "holds no audio" in capsys.readouterr().err
    assert run(tmp_path / "none", tmp_path / "out") == 2
    assert "is not a folder" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert run(speech, tmp_path / "file") == 2
    assert "is a file" in capsys.readouterr().err
    assert run(speech, speech) == 2
    assert "is not empty" in capsys.readouterr().err


def test_moving_recordings_are_mixed_whole_or_not_at_all(speech, tmp_path, capsys):
    run(speech, tmp_path / "single", "--voices", 1, "--count", 2, "--moving", *SHORT)
    mix = ("--composite", tmp_path / "single", "--count", 1)
    assert run(speech, tmp_path / "whole", *mix, "--seconds", 0.5) == 0
    assert run(speech, tmp_path / "part", *mix, "--seconds", 0.4) == 2
    assert "holds a moving voice" in capsys.readouterr().err
