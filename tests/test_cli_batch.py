"""`batch`: everything that can be done is done, once, wherever it was stopped."""

import csv
import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.cli import engines, main
from core.cli.batch import read_jobs
from core.zoo import manifest
from core.zoo.checkpoint import load_checkpoint, save_checkpoint
from tests.commands import refused

RATE = 16000
QUICK = {"prior": "tiny", "steps": "1"}
SLOW_MACHINE = 1200  # seconds for tests whose processes all import torch, on busy cores


@pytest.fixture
def house(tiny_prior, tmp_path) -> Path:
    """A folder with a few sounds and one that is none."""
    t = np.arange(4000) / RATE
    for name, frequency in {"a": 220, "b": 330, "c": 440}.items():
        soundfile.write(tmp_path / f"{name}.wav", 0.2 * np.sin(2 * np.pi * frequency * t), RATE)
    (tmp_path / "broken.wav").write_bytes(b"RIFF, but no more")
    return tmp_path


def write_jobs(path: Path, rows: list[dict]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def mixed_jobs(house: Path) -> Path:
    rows = [
        {"task": "super-resolve", "input": "a.wav", "output": "a.wav", "factor": "4", "degrade": "plain"} | QUICK,
        {"task": "inpaint", "input": "b.wav", "output": "gaps/b.flac", "gap": "0.05-0.06; 0.1-0.12"} | QUICK,
        {"task": "inpaint", "input": "broken.wav", "output": "broken.wav", "gap": "0.1-0.2"} | QUICK,
        {"task": "separate", "input": "c.wav", "output": "c", "prior": "tiny;tiny", "steps": "1"},
        {"task": "spectrogram", "input": "c.wav", "output": "c.npz"},
    ]
    return write_jobs(house / "jobs.csv", rows)


def statuses(folder: Path) -> list[dict]:
    with (folder / "status.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def run(*arguments) -> int:
    return main(["batch", *map(str, arguments)])


def test_one_bad_file_does_not_stop_the_rest(house, capsys):
    folder = house / "out"
    assert run(mixed_jobs(house), folder) == 2
    out, err = capsys.readouterr()
    assert "4 of 5 jobs are done" in out and err.startswith("Row 4, broken.wav: ") and err.count("\n") == 1
    assert [row["status"] for row in statuses(folder)] == ["done", "done", "failed", "done", "done"]
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert files == ["a.wav", "c.npz", "c/tiny-2.wav", "c/tiny.wav", "gaps/b.flac", "status.csv"]


def test_what_is_done_is_not_done_again_but_what_changed_is(house, capsys):
    folder, jobs = house / "out", mixed_jobs(house)
    run(jobs, folder)
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.name != "status.csv"}
    soundfile.write(house / "broken.wav", 0.1 * np.sin(np.arange(4000) / 9), RATE)
    assert run(jobs, folder) == 0
    assert "5 of 5 jobs are done, 4 of them before" in capsys.readouterr().out
    assert all(path.stat().st_mtime_ns == before for path, before in times.items())
    soundfile.write(house / "a.wav", 0.1 * np.sin(np.arange(8000) / 9), RATE)
    (folder / "c.npz").unlink()
    assert run(jobs, folder) == 0
    assert "3 of them before" in capsys.readouterr().out
    assert soundfile.info(folder / "a.wav").frames == 8000 and (folder / "c.npz").exists()


@pytest.mark.parametrize("column", ["output", "report"])
def test_no_link_leads_an_output_out_of_the_folder(column, house, capsys):
    folder, elsewhere = house / "out", house / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "sub").symlink_to(elsewhere, target_is_directory=True)
    row = {"task": "spectrogram", "input": "a.wav", "output": "a.npz"}
    place = "sub/a.npz" if column == "output" else "sub/a.json"
    said = refused(capsys, "batch", write_jobs(house / "jobs.csv", [row | {column: place}]), folder)
    assert place in said and "link" in said and list(elsewhere.iterdir()) == []


def test_a_killed_run_goes_on_where_it_was(house, start_process):
    """Killed at the third of four jobs, which would take many minutes and is asked for less afterwards."""
    row = {"task": "inpaint", "input": "a.wav", "gap": "0.1-0.15"} | QUICK
    rows = [row | {"output": f"{n}.wav", "seed": str(n)} for n in range(4)]
    jobs, folder = house / "jobs.csv", house / "out"
    write_jobs(jobs, [own | {"steps": "99999"} if own["seed"] == "2" else own for own in rows])
    process = start_process("-m", "core", "batch", jobs, folder)
    while not (folder / "status.csv").exists() or len(statuses(folder)) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert [row["status"] for row in statuses(folder)] == ["done", "done"]
    times = {name: (folder / name).stat().st_mtime_ns for name in ("0.wav", "1.wav")}
    assert run(write_jobs(jobs, rows), folder) == 0
    assert [row["status"] for row in statuses(folder)] == ["done"] * len(rows)
    assert all((folder / name).stat().st_mtime_ns == before for name, before in times.items())
    assert all(soundfile.info(folder / row["output"]).frames == 4000 for row in rows)


@pytest.mark.timeout(SLOW_MACHINE)
def test_engines_give_the_same_audio(house, capsys):
    pytest.importorskip("ray", reason="Ray is not installed")
    jobs = mixed_jobs(house)
    ways = {"here": [], "processes": ["--workers", "2"], "ray": ["--engine", "ray", "--workers", "2"]}
    for name, options in ways.items():
        assert run(jobs, house / name, *options) == 2, "the broken file fails everywhere, and alone"
        assert [row["status"] for row in statuses(house / name)] == ["done", "done", "failed", "done", "done"]
    for file in ("a.wav", "gaps/b.flac", "c/tiny.wav"):
        sounds = [soundfile.read(house / name / file)[0] for name in ways]
        assert np.abs(sounds[0] - sounds[1]).max() < 1e-4 and np.abs(sounds[0] - sounds[2]).max() < 1e-4


def test_a_lost_job_fails_its_own_row_alone(house, capsys, monkeypatch):
    def engine(work, jobs):
        yield engines.Lost(jobs[0])
        yield from map(work, jobs[1:])

    monkeypatch.setattr(engines, "engine", lambda *_: engine)
    rows = [{"task": "spectrogram", "input": f"{name}.wav", "output": f"{name}.npz"} for name in "ab"]
    assert run(write_jobs(house / "jobs.csv", rows), house / "out") == 2
    assert [row["status"] for row in statuses(house / "out")] == ["failed", "done"]
    out, err = capsys.readouterr()
    assert "1 of 2 jobs are done" in out and err == f"Row 2, a.wav: {engines.LOST}\n"


def test_arrays_are_listened_to_and_files_are_beside_the_list(house):
    t = np.arange(8000) / 16000
    voice = 0.1 * np.sin(2 * np.pi * (300 + 900 * t) * t)
    heard = voice[:, None] + 0.01 * np.random.default_rng(0).standard_normal((8000, 4))  # no copies
    soundfile.write(house / "array.wav", heard, 16000)
    (house / "mine.json").write_text('{"count": 4, "radius": 0.03}')
    rows = "localize,array.wav,voices,mine.json,srp-phat,1,array.wav,yes\n"
    (house / "jobs.csv").write_text(f"task,input,output,array,method,voices,reference,moving\n{rows}")
    (job,) = read_jobs(house / "jobs.csv", house / "out")
    assert f"--array={house / 'mine.json'}" in job.command and f"--reference={house / 'array.wav'}" in job.command
    assert run(house / "jobs.csv", house / "out") == 0, statuses(house / "out")
    assert soundfile.info(house / "out" / "voices" / "voice-1.wav").frames == 8000


def test_sources_are_mixed_and_figures_kept(house):
    for name in "ab":
        samples = np.random.default_rng(ord(name)).standard_normal(RATE)
        soundfile.write(house / f"{name}.wav", 0.1 * samples, RATE)
    row = {"task": "separate", "input": "", "output": "c", "sources": "a.wav; b.wav", "report": "c/figures/c.json"}
    jobs = write_jobs(house / "jobs.csv", [row | {"prior": "tiny;tiny", "steps": "1", "level": "-3"}])
    assert run(jobs, house / "out") == 0, statuses(house / "out")
    report = json.loads((house / "out" / "c" / "figures" / "c.json").read_text())
    assert report["task"] == "separate" and sorted(report["files"]) == ["tiny", "tiny-2"]
    assert report["metrics"]["si_sdr_db"] is not None
    assert statuses(house / "out")[0]["input"] == "a.wav; b.wav"


def test_a_job_without_its_report_is_done_again(house, capsys):
    row = {"task": "inpaint", "input": "a.wav", "output": "a.wav", "gap": "0.1-0.11", "report": "new/a.json"} | QUICK
    jobs, folder = write_jobs(house / "jobs.csv", [row]), house / "out"
    assert run(jobs, folder) == 0
    (folder / "new" / "a.json").unlink()
    assert run(jobs, folder) == 0 and (folder / "new" / "a.json").exists()
    assert "before" not in capsys.readouterr().out


def test_silence_is_listened_to_once(house, capsys):
    soundfile.write(house / "silence.wav", np.zeros((8000, 4)), RATE)
    row = {"task": "localize", "input": "silence.wav", "output": "voices", "array": "respeaker-4"}
    jobs = write_jobs(house / "jobs.csv", [row | {"method": "srp-phat"}])
    assert run(jobs, house / "out") == 0 and run(jobs, house / "out") == 0
    assert "1 of 1 jobs are done, 1 of them before" in capsys.readouterr().out


def key_of(house: Path, **row: str) -> str:
    jobs = write_jobs(house / "keys.csv", [{"task": "inpaint", "input": "a.wav", "output": "a.wav"} | row])
    (job,) = read_jobs(jobs, house / "out")
    return job.key


@pytest.mark.parametrize(
    "row",
    [
        {"reference": "b.wav"},
        {"task": "localize", "array": "b.wav.json"},
        {"task": "separate", "input": "", "sources": "a.wav;b.wav"},
    ],
)
def test_a_job_is_another_where_a_file_beside_its_input_is(house, row):
    (house / "b.wav.json").write_text('{"count": 4, "radius": 0.03}')
    before = key_of(house, **row)
    assert key_of(house, **row) == before
    for path in house.glob("b.wav*"):
        path.write_bytes(path.read_bytes() + b" ")
    assert key_of(house, **row) != before


@pytest.mark.parametrize("row", [{"prior": "tiny"}, {"task": "separate", "prior": "piano-16k; tiny"}])
def test_a_job_is_another_where_its_prior_is(house, row):
    before, other = key_of(house, **row), key_of(house, prior="piano-16k")
    own = manifest.find("tiny")
    checkpoint = load_checkpoint(own.path)
    state = {name: value + 1 for name, value in checkpoint.state.items()}
    save_checkpoint(house / "new.safetensors", checkpoint.architecture, checkpoint.config, state)
    manifest.register("tiny", house / "new.safetensors", {"sample_rate": RATE})
    assert key_of(house, **row) != before and key_of(house, prior="piano-16k") == other


@pytest.mark.parametrize("changed", ["piano-16k", "piano-16k.free"])
def test_a_job_is_another_where_its_tasks_own_prior_or_a_part_of_it_is(house, monkeypatch, changed):
    before, other = key_of(house), key_of(house, prior="voice-16k")
    content = json.loads((manifest.BUNDLED_FOLDER / "manifest.json").read_text())
    for entry in content["checkpoints"]:
        if entry["name"] == changed:
            entry["sha256"] = entry["sha256"][::-1]
    (house / "bundled").mkdir()
    (house / "bundled" / "manifest.json").write_text(json.dumps(content))
    monkeypatch.setattr(manifest, "BUNDLED_FOLDER", house / "bundled")
    assert key_of(house) != before and key_of(house, prior="voice-16k") == other


def test_spreadsheets_leave_commas_and_empty_lines(house):
    (house / "jobs.csv").write_text("task,input,output,\n\nspectrogram,a.wav,a.npz,\n")
    (job,) = read_jobs(house / "jobs.csv", house / "out")
    assert job.row == 3 and job.command == ("spectrogram", str(house / "a.wav"), str(house / "out" / "a.npz"))


def test_jobs_take_turns_on_several_devices(house):
    jobs = read_jobs(mixed_jobs(house), house / "out", ["cuda:0", "cuda:1"])
    devices = [job.command[-1] for job in jobs if job.task != "spectrogram"]
    assert set(devices) == {"--device=cuda:0", "--device=cuda:1"}


def test_ray_is_optional(house, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run(mixed_jobs(house), house / "out", "--engine", "ray") == 2
    assert "Ray is not installed" in capsys.readouterr().err


GOOD = "task,input,output\nspectrogram,a.wav,a.npz\n"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "holds no jobs"),
        ("task,input\ninpaint,a.wav\n", "no column output"),
        ("task,input,output\ndance,a.wav,b.wav\n", "the task 'dance'"),
        ("task,input,output\nspectrogram,a.wav,b.npz,more\n", "another number of values"),
        ("task,input,output\nspectrogram,a.wav\n", "another number of values"),
        ("task,input,output\nspectrogram,a.wav,../b.npz\n", "no name inside"),
        ("task,input,output\nspectrogram,a.wav,/tmp/b.npz\n", "no name inside"),
        ("task,input,output\nspectrogram,a.wav,status.csv\n", "no name inside"),
        ("task,input,output\nspectrogram,a.wav,\n", "no name inside"),
        (GOOD + "spectrogram,b.wav,a.npz\n", "Rows 2 and 3 have the same output"),
        ("task,input,output,device\nspectrogram,a.wav,a.npz,cpu\n", "not for jobs"),
        ("task,input,output\nspectrogram,a.wav,status.csv/a.npz\n", "no name inside"),
        ("task,input,output\nspectrogram,a.wav,.\n", "no name inside"),
        ("task,input,output\nspectrogram,,a.npz\n", "needs an input"),
        ("task,input,output\nseparate,a.wav,c\nspectrogram,a.wav,c/a.npz\n", "c/a.npz of row 3 lies inside c"),
        ("task,input,output\nspectrogram,a.wav,c/d/a.npz\nseparate,a.wav,c\n", "c/d/a.npz of row 2 lies inside c"),
        ("task,input,output,report\ninpaint,a.wav,a.wav,../r.json\n", "no name inside"),
        ("task,input,output,report\ninpaint,a.wav,a.wav,r.txt\n", "ends in .json"),
        ("task,input,output,report\ninpaint,a.wav,a.wav,a.wav/r.json\n", "lies inside a.wav"),
        ("task,input,output,report\nseparate,a.wav,r.json,r.json\n", "the same name for its output and its report"),
        ("task,input,output,report\nseparate,a.wav,c,r.json\nseparate,b.wav,d,r.json\n", "the same output r.json"),
        ("task,input,output,sources\nseparate,a.wav,c,a.wav;b.wav\n", "needs an input, or else sources"),
        ("task,input,output,sources\ninpaint,,c.wav,a.wav;b.wav\n", "for separate alone"),
        ('task,input,output\nspectrogram,"a.wav,a.npz\n', "cannot be read"),
        (b"\xff\xfe\x00task", "cannot be read"),
    ],
)
def test_lists_that_make_no_sense(house, capsys, text, word):
    jobs = house / "jobs.csv"
    jobs.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert run(jobs, house / "out") == 2
    out, err = capsys.readouterr()
    assert out == "" and word in err and err.count("\n") == 1 and not (house / "out").exists()


def test_an_unknown_option_fails_its_own_row_alone(house, capsys):
    jobs = house / "jobs.csv"
    jobs.write_text("task,input,output,colour\nspectrogram,a.wav,a.npz,red\nspectrogram,b.wav,b.npz,\n")
    assert run(jobs, house / "out") == 2
    assert [row["status"] for row in statuses(house / "out")] == ["failed", "done"]
    assert "--colour" in statuses(house / "out")[0]["message"]


def test_flags_are_said_with_yes_and_no(house):
    stereo = 0.1 * np.random.default_rng(0).standard_normal((4000, 2))
    soundfile.write(house / "stereo.wav", stereo, RATE)
    row = {"task": "inpaint", "input": "stereo.wav", "gap": "0.1-0.11"} | QUICK
    rows = [row | {"output": f"{answer}.wav", "mono": answer} for answer in ("yes", "no")]
    assert run(write_jobs(house / "jobs.csv", rows), house / "out") == 0
    assert [soundfile.info(house / "out" / f"{answer}.wav").channels for answer in ("yes", "no")] == [1, 2]


def test_a_recording_of_a_voice_is_beside_the_list(house):
    row = {"task": "convert-voice", "input": "a.wav", "output": "a.wav", "voice": "b.wav", "keep-intonation": "yes"}
    (job,) = read_jobs(write_jobs(house / "jobs.csv", [row]), house / "out")
    assert f"--voice={house / 'b.wav'}" in job.command and "--keep-intonation" in job.command


def test_a_missing_list_and_a_file_in_the_way(house, capsys):
    assert run(house / "none.csv", house / "out") == 2
    assert "cannot be read" in capsys.readouterr().err
    (house / "taken").write_text("")
    assert run(mixed_jobs(house), house / "taken") == 2
    assert "is a file" in capsys.readouterr().err
