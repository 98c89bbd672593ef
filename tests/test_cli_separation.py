"""`separate` from outside: files that add up, levels that are set, refusals in one sentence, nothing half written."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.commands import refused, run

RATE = 16000
PRIORS = ("--prior", "tiny", "--prior", "tiny", "--steps", "2", "--quality", "draft")


@pytest.fixture
def sounds(tiny_prior, tmp_path) -> list[Path]:
    """Two tones and their mixture."""
    t = np.arange(RATE // 2) / RATE
    waves = [(0.2 * np.sin(2 * np.pi * f * t)).astype(np.float32) for f in (220, 3000)]
    paths = [tmp_path / f"{name}.wav" for name in ("low", "high", "mix")]
    for path, wave in zip(paths, [*waves, sum(waves)], strict=True):
        soundfile.write(path, wave, RATE, subtype="FLOAT")
    return paths


def test_stems_add_up_and_the_report_names_them(sounds, tmp_path, capsys):
    low, high, mix = sounds
    folder, report = tmp_path / "stems", tmp_path / "report.json"
    references = ("--reference", low, "--reference", high)
    assert run("separate", mix, folder, *PRIORS, *references, "--report", report) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["tiny-2.wav", "tiny.wav"]
    stems = [soundfile.read(folder / name, dtype="float32")[0] for name in ("tiny.wav", "tiny-2.wav")]
    assert np.abs(sum(stems) - soundfile.read(mix, dtype="float32")[0]).max() < 1e-6
    written = json.loads(report.read_text())
    assert written["task"] == "separate" and written["prior"] == ["tiny", "tiny"] and written["form"] == "exact"
    assert set(written["stems"]) == {"tiny", "tiny-2"} and written["files"]["tiny"] == str(folder / "tiny.wav")
    assert {"mixture", "ratio mask (oracle)"} <= set(written["baselines"])
    assert "SI-SDR" in capsys.readouterr().out


@pytest.mark.parametrize("folder_first", [True, False])
def test_sources_are_mixed_at_a_level_first(sounds, tmp_path, folder_first):
    low, high, _ = sounds
    folder, report = tmp_path / "stems", tmp_path / "report.json"
    files = [folder, "--sources", low, high] if folder_first else ["--sources", low, high, folder]
    assert run("separate", *files, "--level", "-6", *PRIORS, "--report", report) == 0
    stems = [soundfile.read(folder / name)[0] for name in ("tiny.wav", "tiny-2.wav")]
    expected = soundfile.read(low)[0] + soundfile.read(high)[0] * 10 ** (-6 / 20)
    assert np.abs(sum(stems) - expected).max() < 1e-4
    written = json.loads(report.read_text())
    assert written["levels_db"] == [0.0, -6.0] and written["metrics"]["si_sdr_improvement_db"] is not None


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["MIX"], "a folder"),
        (["MIX", "OUT", "OUT"], "a folder"),
        (["--sources", "LOW", "OUT"], "two or more"),
        (["MIX", "OUT", "--prior", "tiny"], "at least two sources"),
        (["MIX", "OUT", "--prior", "tiny", "--prior", "ghost"], "no prior named"),
        (["MIX", "OUT", "--prior", "tiny", "--prior", "piano-16k-wavenet"], "logarithm"),
        (["MIX", "OUT", *PRIORS, "--reference", "LOW"], "2 stems, but 1 references"),
        (["MIX", "OUT", *PRIORS, "--level", "1", "--level", "2"], "1 of --level"),
        (["MIX", "OUT", *PRIORS, "--level", "500"], "within 60 dB"),
        (["--sources", "LOW", "HIGH", "OUT", *PRIORS, "--reference", "LOW"], "known already"),
        (["--sources", "LOW", "HIGH", "LOW", "OUT", *PRIORS], "3 sources need as many priors"),
        (["MIX", "FILE", *PRIORS], "is a file"),
        (["MIX", "NOWHERE", *PRIORS], "does not exist"),
        (["MIX", "OUT", *PRIORS, "--sampler", "original"], "linear classes"),
        (["FILE", "OUT", *PRIORS], "."),
    ],
)
def test_refusals_leave_nothing_behind(sounds, tmp_path, capsys, arguments, word):
    low, high, mix = sounds
    (tmp_path / "file.txt").write_text("not audio")
    places = {"LOW": low, "HIGH": high, "MIX": mix, "OUT": tmp_path / "out", "FILE": tmp_path / "file.txt"}
    places["NOWHERE"] = tmp_path / "no" / "where"
    assert word in refused(capsys, "separate", *(places.get(a, a) for a in arguments))
    assert not places["OUT"].exists()


LATENT = ("--method", "latent", "--prior", "tiny-drums", "--prior", "tiny-bass", "--samples", "2")


def test_codes_are_drawn_and_their_own_sound_is_written_where_it_is_asked_for(
    sounds, tiny_code_priors, tmp_path, capsys
):
    low, high, _ = sounds
    folder, report = tmp_path / "stems", tmp_path / "report.json"
    assert run("separate", "--sources", low, high, folder, "--level", "-6", *LATENT, "--raw", "--report", report) == 0
    parts = ("", ".raw", ".raw-2", ".compressed")
    assert {path.name for path in folder.iterdir()} == {f"{p}{s}.wav" for p in tiny_code_priors for s in parts}
    stems = [soundfile.read(folder / f"{name}.wav")[0] for name in tiny_code_priors]
    expected = soundfile.read(low)[0] + soundfile.read(high)[0] * 10 ** (-6 / 20)
    assert np.abs(sum(stems) - expected).max() < 1e-4
    written = json.loads(report.read_text())
    assert written["method"] == "latent" and len(written["chains"]) == 2 and len(written["files"]) == 8
    assert written["baselines"]["decoded codes"]["si_sdr_improvement_db"] is not None
    said = capsys.readouterr().out
    assert "2 samples" in said and "decoded codes" in said


def test_without_raw_there_are_stems_alone(sounds, tiny_code_priors, tmp_path):
    assert run("separate", sounds[2], tmp_path / "stems", *LATENT) == 0
    assert {path.stem for path in (tmp_path / "stems").iterdir()} == set(tiny_code_priors)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*LATENT, "--form", "soft"], "The latent method knows no --form"),
        ([*LATENT, "--quality", "fine"], "The latent method knows no --quality"),
        ([*LATENT, "--steps", "3"], "The latent method knows no --steps"),
        ([*LATENT, "--level", "3"], "The latent method knows no --level"),
        ([*PRIORS, "--raw"], "The waveform method knows no --raw"),
        ([*PRIORS, "--samples", "3"], "The waveform method knows no --samples"),
        (["--prior", "tiny-drums", "--prior", "tiny-bass"], "for --method latent; choose a prior of sounds"),
        (["--method", "latent", "--prior", "tiny", "--prior", "tiny-bass"], "choose a prior of codes"),
        ([*LATENT, "--samples", "1000"], "between 1 and 256"),
    ],
)
def test_what_a_method_does_not_know_is_refused(sounds, tiny_code_priors, tmp_path, capsys, arguments, words):
    assert words in refused(capsys, "separate", sounds[2], tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_no_stem(sounds, tmp_path, capsys, monkeypatch):
    """The second file cannot be written: neither is there, and the folder is gone with them."""
    from core.errors import InputError
    from core.signal import files

    written, write = [], files.write_clip

    def full(path, clip, **metadata):
        if written:
            raise InputError(f"{path} cannot be written: No space left on device.")
        written.append(path)
        return write(path, clip, **metadata)

    monkeypatch.setattr(files, "write_clip", full)
    assert "No space left" in refused(capsys, "separate", sounds[2], tmp_path / "out", *PRIORS)
    assert written and not (tmp_path / "out").exists()
