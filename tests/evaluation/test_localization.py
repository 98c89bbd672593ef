"""evaluate cone: every scene is evaluated once, wherever and by however many; its tables, refusals in one sentence."""

import csv
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from core.arrays.scenes import speech
from core.arrays.scenes.files import read_scene
from core.cli import engines
from core.evaluation import localization
from core.evaluation.localization_summary import PAPER, TITLES, format_csv, format_tables, summarise
from tests.arrays.example_scenes import voices, write_scenes
from tests.arrays.sounds import RATE, babble
from tests.commands import refused, run

pytestmark = pytest.mark.usefixtures("no_bundled_separator")

ANGLES = (40, 200)
SLOW_MACHINE = 1200  # seconds for tests whose processes all import torch, on busy cores
CLASSICAL, REFINED = "SRP-PHAT and beamformer", "SRP-PHAT, refined"


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return voices(*ANGLES, seconds=2.0)


@pytest.fixture
def scenes(images, tmp_path) -> Path:
    """Two scenes of two voices, and one of a single voice, as folders."""
    return write_scenes(tmp_path / "scenes", [(images, ANGLES), (images, ANGLES), (images[:1], ANGLES[:1])])


@pytest.fixture
def people(tmp_path) -> Path:
    """Recordings of two people."""
    folder = tmp_path / "speech"
    folder.mkdir()
    for k in range(2):
        soundfile.write(folder / f"person{k}_.wav", 3 * babble(k), RATE)
    return folder


def figures_in(folder: Path) -> dict:
    return json.loads((folder / "cone.json").read_text())["figures"]


def record(voices: int, gains, errors, right: int, misses: int, false_alarms: int) -> dict:
    """What `evaluate_scene` says of a scene and one method."""
    counts = {"right": right, "misses": misses, "false_alarms": false_alarms}
    per_voice = {"si_sdr_improvement_db": gains, "angular_error_degrees": errors}
    return {"voices": voices, "methods": {"Ours": per_voice | counts}}


def test_what_figures_of_scenes_come_to():
    """A voice that was not found counts as no gain, and has no angular error."""
    records = [record(2, [10.0, None], [1.0, None], 1, 1, 0), record(2, [4.0, 20.0], [2.0, 9.0], 2, 0, 1)]
    own = summarise([*records, record(3, [1.0, 2.0, 3.0], [None] * 3, 0, 3, 0)])["Ours"]
    assert own[2]["scenes"] == 2 and own[3]["scenes"] == 1
    assert own[2]["si_sdr_improvement_db"] == 7 and own[2]["angular_error_degrees"] == 2
    assert own[2]["mean_si_sdr_improvement_db"] == 8.5
    assert own[2]["mean_angular_error_degrees"] == 4 and own[2]["precision"] == own[2]["recall"] == 0.75
    assert own[2]["intervals"]["si_sdr_improvement_db"] == [5, 12], "the first scene twice, the second twice"
    assert own[2]["intervals"]["recall"] == [0.5, 1]
    assert own[3]["angular_error_degrees"] is None and own[3]["precision"] is None and own[3]["recall"] == 0
    assert set(own[3]["intervals"].values()) == {None}, "of a single scene nobody knows"


def test_tables_have_an_interval_at_each_figure_and_the_papers_rows():
    summary = summarise([record(2, [5.0, 7.0], [1.0, 3.0], 2, 0, 0), record(2, [9.0, 11.0], [1.0, 3.0], 2, 0, 1)])
    table = format_tables(summary, (2, 3), "A title", ["A note."])
    assert table.startswith("# A title\n\nScenes by their number of voices: 2 of 2.\n\nA note.\n\n| Median SI-SDR")
    assert "| Ours | 8 (6 to 10) | - |" in table and f"| {PAPER} | 13.9 | 13.2 |" in table
    rows = list(csv.DictReader(format_csv(summary).splitlines()))
    of_ours = {row["figure"]: row for row in rows if row["method"] == "Ours"}
    assert set(of_ours) == set(TITLES) and {row["scenes"] for row in of_ours.values()} == {"2"}
    assert [of_ours["precision"][key] for key in ("voices", "value", "low", "high")] == ["2", "0.8", "0.667", "1.0"]
    (theirs,) = (row for row in rows if (row["method"], row["voices"], row["figure"]) == (PAPER, "8", "recall"))
    assert (theirs["value"], theirs["low"], theirs["scenes"]) == ("0.785", "", "")


def test_evaluate_goes_on_where_it_was(scenes, tmp_path, capsys, monkeypatch):
    asked, evaluate = [], localization.evaluate_scene
    monkeypatch.setattr(localization, "evaluate_scene", lambda *a, **k: asked.append(a) or evaluate(*a, **k))
    command = ("evaluate", "cone", "--method", "srp-phat", "--data", scenes, "-o", tmp_path / "out")
    assert run(*command, "--voices", "1..2", "--count", 1) == 0 and len(asked) == 2
    assert run(*command, "--voices", "1..2", "--count", 2) == 0 and len(asked) == 3
    written = figures_in(tmp_path / "out")[CLASSICAL]
    assert written["2"]["scenes"] == 2 and written["2"]["recall"] == written["2"]["precision"] == 1
    assert written["2"]["si_sdr_improvement_db"] > 3 and written["2"]["angular_error_degrees"] < 5
    refined = figures_in(tmp_path / "out")[REFINED]
    assert refined["2"]["si_sdr_improvement_db"] > written["2"]["si_sdr_improvement_db"] + 1
    assert all(refined["2"][figure] == written["2"][figure] for figure in ("precision", "recall"))
    table = (tmp_path / "out" / "cone.md").read_text()
    assert "Cone of Silence as published" in table and "| 13.9 |" in table and "ratio mask (oracle)" in table
    assert CLASSICAL in capsys.readouterr().out
    assert "other settings" in refused(capsys, *command, "--voices", "2", "--oracle-position")
    assert len(asked) == 3


def test_a_killed_evaluation_goes_on_where_it_was(images, tmp_path, start_process):
    scenes = write_scenes(tmp_path / "many", [(images, ANGLES)] * 12)
    command = ("evaluate", "cone", "--method", "srp-phat", "--data", scenes, "--voices", 2, "-o", tmp_path / "out")
    process = start_process("-m", "core", *command)
    while len(done := sorted((tmp_path / "out").glob("scenes/*.json"))) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    times = {path: path.stat().st_mtime_ns for path in done}
    assert not (tmp_path / "out" / "cone.json").exists()
    assert run(*command, "--count", 4) == 0
    assert all(path.stat().st_mtime_ns == before for path, before in times.items())
    assert figures_in(tmp_path / "out")[CLASSICAL]["2"]["scenes"] == 4


@pytest.mark.timeout(SLOW_MACHINE)
@pytest.mark.parametrize("engine", engines.ENGINES)
def test_figures_are_the_same_however_many_work_on_them(people, tmp_path, engine):
    """The same workers render the scenes."""
    if engine == "ray":
        pytest.importorskip("ray", reason="Ray is not installed")
    command = ("evaluate", "cone", "--method", "srp-phat", "--speech", people, "--voices", 2, "--count", 2)
    assert run(*command, "-o", tmp_path / "one") == 0
    assert run(*command, "-o", tmp_path / "two", "--engine", engine, "--workers", 2) == 0
    one, two = ((tmp_path / name / "cone.csv").read_text() for name in ("one", "two"))
    assert one == two and CLASSICAL in one


def test_a_scene_that_ends_its_process_fails_alone(scenes, tmp_path, capsys, monkeypatch):
    def engine(work, jobs):
        yield engines.Lost(jobs[0])
        yield from map(work, jobs[1:])

    monkeypatch.setattr(engines, "engine", lambda *_: engine)
    command = ("evaluate", "cone", "--method", "srp-phat", "--data", scenes, "--voices", 2, "-o", tmp_path / "out")
    assert run(*command) == 2
    out, err = capsys.readouterr()
    assert "Scenes evaluated: 1; see" in out and err == f"{scenes / '00000'}: {engines.LOST}\n"


def test_the_chart_is_an_image(scenes, tmp_path):
    """With one scene of each number of voices, of which there are no intervals, and for one number alone."""
    command = ("evaluate", "cone", "--method", "srp-phat", "--data", scenes, "-o", tmp_path / "out", "--count", 1)
    for numbers in ("1..2", "1"):
        assert run(*command, "--voices", numbers) == 0
        with Image.open(tmp_path / "out" / "cone.png") as image:
            assert image.format == "PNG" and image.width > image.height > 400
            assert len(image.convert("RGB").getcolors(2**24)) > 20, "there is something on it"


def test_evaluate_at_known_angles(scenes, tmp_path):
    command = ("evaluate", "cone", "--method", "srp-phat", "--data", scenes, "--voices", 2, "--oracle-position")
    assert run(*command, "-o", tmp_path / "out") == 0
    (own,) = figures_in(tmp_path / "out")[REFINED].values()
    assert own["angular_error_degrees"] == 0 and own["precision"] is None and own["si_sdr_improvement_db"] > 3


def test_evaluate_renders_scenes_of_its_own(people, tmp_path):
    command = ("evaluate", "cone", "--method", "srp-phat", "--speech", people, "--voices", 2, "-o", tmp_path / "out")
    assert run(*command, "--count", 1) == 0
    scene = tmp_path / "out" / "rendered" / "2" / "00000" / "mic00_mixed.wav"
    made = scene.stat().st_mtime_ns
    assert run(*command, "--count", 2) == 0 and scene.stat().st_mtime_ns == made
    assert sorted(path.name for path in (tmp_path / "out" / "scenes" / "2").iterdir()) == ["00000.json", "00001.json"]


def test_scenes_are_rendered_in_the_rooms_that_are_asked_for(people, tmp_path, capsys):
    """Those of the paper are flat: voices have no height."""
    command = ("evaluate", "cone", "--method", "srp-phat", "--speech", people, "--voices", 2, "--count", 1)
    for rooms, dimensions in (("realistic", 3), ("original", 2)):
        assert run(*command, "--rooms", rooms, "-o", tmp_path / rooms) == 0
        scene = read_scene(tmp_path / rooms / "rendered" / "2" / "00000")
        assert {len(voice.positions[0]) for voice in scene.voices} == {dimensions}
    capsys.readouterr()
    assert "other settings" in refused(capsys, *command, "--rooms", "original", "-o", tmp_path / "realistic")
    content = json.loads((tmp_path / "original" / "cone.json").read_text())
    assert content["rooms"] == "original" and content["scenes"] == people.name, "no place of this machine"


def test_evaluate_with_a_separator(scenes, tmp_path, register_separator):
    register_separator("mine", "respeaker-4")
    assert run("evaluate", "cone", "--data", scenes, "--voices", 1, "-o", tmp_path / "out") == 0
    content = json.loads((tmp_path / "out" / "cone.json").read_text())
    assert content["settings"]["prior"] == "mine"
    assert list(content["figures"])[:3] == ["Cone search", REFINED, CLASSICAL]


def test_figures_of_another_separator_or_folder_are_not_mixed(scenes, tmp_path, capsys, register_separator):
    register_separator("mine", "respeaker-4")
    command = ("evaluate", "cone", "--voices", 1, "-o", tmp_path / "out")
    assert run(*command, "--data", scenes) == 0 and run(*command, "--data", scenes) == 0
    capsys.readouterr()
    moved = tmp_path / "elsewhere" / scenes.name
    shutil.copytree(scenes, moved)
    assert "other settings" in refused(capsys, *command, "--data", moved)
    register_separator("mine", "respeaker-4", seed=1)
    assert "other settings" in refused(capsys, *command, "--data", scenes)


def test_evaluate_renders_scenes_of_the_example_voices(tmp_path, capsys, monkeypatch):
    record = {"voices": 5, "methods": {}}
    monkeypatch.setattr(localization, "evaluate_scene", lambda folder, evaluation: record)
    command = ("evaluate", "cone", "--method", "srp-phat", "--voices", 5, "--count", 1, "-o", tmp_path / "out")
    assert run(*command) == 0
    note = json.loads((tmp_path / "out" / "cone.json").read_text())["notes"][0]
    assert "four example voices" in note and note in (tmp_path / "out" / "cone.md").read_text()
    assert f"Note: {note}" in capsys.readouterr().out
    scene = read_scene(tmp_path / "out" / "rendered" / "5" / "00000")
    assert len(scene.voices) == 5 and len({voice.speaker for voice in scene.voices}) == 4
    assert "have no splits" in refused(capsys, *command, "--split", "test")


def test_example_voices_are_heard_again_at_other_places():
    """Every sample of what is spoken belongs to one utterance."""
    rng = np.random.default_rng(0)
    whole, parts = speech.bundled_speech(4), speech.bundled_speech(5)
    assert len(whole) == 4 and len(parts) == 8 and len({own.speaker for own in parts}) == 4
    for own in whole:
        halves = [speech.read_speech(own.path, 10**6, RATE, rng, u.part) for u in parts if u.path == own.path]
        assert np.array_equal(np.concatenate(halves), speech.read_speech(own.path, 10**6, RATE, rng))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--voices", "3"], "no scenes of 3 voices"),
        (["--voices", "2..9"], "from 1 to 8"),
        (["--voices", "2,9"], "from 1 to 8"),
        (["--voices", "2,,4"], "is not A..B or A,B,C"),
        (["--rooms", "original"], "leave out --rooms"),
        (["--method", "cone"], "no separator"),
        (["--data", "NOWHERE"], "no scenes"),
        (["--array", "ghost"], "no array"),
        (["--prior", "mine"], "leave out --prior"),
        (["--speech", "NOWHERE"], "not allowed with"),
    ],
)
def test_evaluate_refuses(scenes, tmp_path, capsys, arguments, word):
    command = ("evaluate", "cone", "--method", "srp-phat", "--data", scenes, "-o", tmp_path / "out")
    assert word in refused(capsys, *command, *(tmp_path / "none" if a == "NOWHERE" else a for a in arguments))
    assert not (tmp_path / "out").exists()


def test_a_scene_that_fails_does_not_stop_the_others(scenes, tmp_path, capsys):
    (scenes / "00001" / "mic00_voice00.wav").write_text("broken")
    command = ("evaluate", "cone", "--method", "srp-phat", "--data", scenes, "--voices", 2, "-o", tmp_path / "out")
    assert run(*command) == 2
    out, err = capsys.readouterr()
    assert "Scenes evaluated: 1; see" in out and "00001" in err
