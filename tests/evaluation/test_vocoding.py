"""Evaluation of vocoding: what plays stands beside Griffin-Lim and the source, and work that is done is kept."""

import json

import numpy as np
import pytest

from core.cli import main
from core.evaluation import vocoding
from core.evaluation.judges import JUDGES, TITLES, missing_judges
from core.evaluation.vocoding import format_table, summarise
from core.signal.clip import Clip
from core.signal.files import write_clip


def evaluate(out, *arguments):
    return main(["evaluate", "vocoding", "--count", "2", "--seconds", "1", "-o", str(out), *map(str, arguments)])


@pytest.fixture
def one_judge(monkeypatch):
    """Hears nothing but whether two sounds are the same."""
    judges = {"pesq": lambda reference, estimate: 4.5 if np.array_equal(reference, estimate) else 2.0}
    monkeypatch.setattr(vocoding, "installed_judges", lambda: judges)


def test_everything_that_plays_stands_beside_its_griffin_lim(
    tmp_path, tiny_vocoder, tiny_prior, one_judge, sent_elsewhere
):
    out = tmp_path / "out"
    assert evaluate(out, "--prior", tiny_vocoder, tiny_prior) == 0
    content = json.loads((out / "vocoding.json").read_text())
    figures = content["figures"]
    griffin_lim = ["Griffin-Lim, resound-16k", "Griffin-Lim, pnf-16k"]
    assert list(figures) == ["source", *griffin_lim, tiny_vocoder, tiny_prior]
    assert figures["source"] == {"lsd_db": 0, "mel_error": 0, "pesq": 4.5}
    for method in (*griffin_lim, tiny_vocoder, tiny_prior):
        assert figures[method]["pesq"] == 2 and figures[method]["lsd_db"] > 1 and figures[method]["seconds"] >= 0
    assert "example voices" in " ".join(content["notes"])
    table = (out / "vocoding.md").read_text()
    assert f"| {tiny_vocoder} |" in table and "| PESQ |" in table and "| STOI |" not in table


def test_what_is_done_is_kept_and_other_settings_want_another_folder(tmp_path, tiny_vocoder, capsys):
    out = tmp_path / "out"
    assert evaluate(out, "--prior", tiny_vocoder, "--count", 1) == 0
    first = (out / "recordings" / "0000.json").stat().st_mtime_ns
    assert evaluate(out, "--prior", tiny_vocoder) == 0
    assert (out / "recordings" / "0000.json").stat().st_mtime_ns == first
    assert json.loads((out / "vocoding.json").read_text())["notes"][0].startswith("Recordings: 2")
    assert evaluate(out, "--prior", tiny_vocoder, "--seconds", 2) == 2
    assert "other settings" in capsys.readouterr().err


def test_recordings_of_a_folder_of_another_rate(tmp_path, tiny_vocoder):
    sound = 0.1 * np.random.default_rng(0).standard_normal((1, 44100))
    write_clip(tmp_path / "a.wav", Clip(sound, 44100))
    assert evaluate(tmp_path / "out", "--data", tmp_path, "--prior", tiny_vocoder) == 0


def test_by_default_every_vocoder_plays(tmp_path, tiny_vocoder):
    assert evaluate(tmp_path / "out", "--count", 1) == 0
    played = json.loads((tmp_path / "out" / "settings.json").read_text())["sha256"]
    assert list(played) == ["voice-vocoder", tiny_vocoder]


def test_means_over_recordings_and_the_median_of_times():
    rows = [{"a": {"lsd_db": value, "seconds": value}} for value in (1.0, 2.0, 9.0)]
    assert summarise(rows) == {"a": {"lsd_db": 4.0, "seconds": 2.0}}


def test_a_figure_that_a_method_lacks_is_a_dash():
    table = format_table({"source": {"pesq": 4.5}, "other": {"seconds": 0.25}}, "Title", ["A note."])
    assert table.startswith("# Title") and table.endswith("A note.\n")
    assert "| source | 4.5 | - |" in table and "| other | - | 0.25 |" in table


def test_judges_that_are_missing_are_named(monkeypatch):
    monkeypatch.setattr("core.evaluation.judges.installed_judges", lambda: {"pesq": None, "stoi": None})
    (note,) = missing_judges()
    assert "DNSMOS" in note and "PESQ" not in note and "[evaluate]" in note and set(TITLES) == set(JUDGES)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--seconds", "0.5"], "1 to 60 s can be judged"),
        (["--seconds", "90"], "1 to 60 s can be judged"),
        (["--prior", "piano-16k-wavenet"], "can't vocode"),
        (["--prior", "nobody"], "nobody"),
        (["--seconds", "6"], "None of the recordings"),
    ],
)
def test_refusals(tmp_path, capsys, arguments, reason):
    assert evaluate(tmp_path / "out", *arguments) == 2
    assert reason in capsys.readouterr().err
