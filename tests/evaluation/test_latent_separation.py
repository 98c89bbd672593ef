"""Evaluation of separation among codes: every method stands beside the stems, and work that is done is kept."""

import csv
import json

import numpy as np
import pytest

from core.cli import main
from core.evaluation import latent_separation
from core.evaluation.latent_separation import CONSISTENT, DECODED, ORACLE, UNIFORM, find_excerpts, find_pairs, summarise
from core.evaluation.learned_filters import BLIND, STATIC, STATIC_HPSS, TRAINED, filtered, ideal_masks, learn_spectra
from core.signal.clip import Clip
from core.signal.files import write_clip
from core.signal.metrics import si_sdr_db
from core.tasks.latent_separation import COMPRESSED
from core.tasks.separation_baselines import BINARY, RATIO

RATE = 16000


def strokes(seconds: float, seed: int = 0) -> np.ndarray:
    """Decaying noise, over and over."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return 0.2 * noise * np.exp(-20 * (np.arange(len(noise)) % (RATE // 4)) / RATE)


def note(seconds: float, frequency: float = 110) -> np.ndarray:
    return 0.2 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)


@pytest.fixture
def data(tmp_path):
    """Two pieces of the train split, two of the test split, of which one is too short."""
    folder, rows = tmp_path / "stems", []
    folder.mkdir()
    for number, (split, seconds) in enumerate([("train", 1.0), ("train", 1.0), ("test", 1.2), ("test", 0.2)]):
        for part, sound in (("drums", strokes(seconds, number)), ("bass", note(seconds, 100 + 20 * number))):
            write_clip(folder / f"p{number}_{part}.wav", Clip(sound[None], RATE))
            rows.append({"path": f"p{number}_{part}.wav", "split": split})
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture
def short_excerpts(monkeypatch):
    monkeypatch.setattr(latent_separation, "EXCERPT", 2400)


def evaluate(out, data, *arguments):
    own = ("--data", str(data), "--prior", "tiny-drums", "tiny-bass", "--samples", "2", "--count", "2", "-o", str(out))
    return main(["evaluate", "latent-separation", *own, *map(str, arguments)])


def test_every_method_stands_beside_the_stems(tmp_path, tiny_code_priors, data, short_excerpts, capsys, sent_elsewhere):
    out = tmp_path / "out"
    assert evaluate(out, data) == 0
    content = json.loads((out / "latent-separation.json").read_text())
    drawn = [f"{method}{suffix}" for suffix in ("", UNIFORM) for method in (CONSISTENT, DECODED, ORACLE)]
    known = [COMPRESSED, BINARY, RATIO, STATIC, STATIC_HPSS, BLIND, TRAINED]
    assert list(content["figures"]) == [*drawn, *known]
    figures = content["figures"]
    assert figures[RATIO]["improvement"] > 3 and figures[RATIO]["improvement"] > figures[STATIC]["improvement"]
    assert figures[ORACLE]["improvement"] >= figures[DECODED]["improvement"]
    assert figures[CONSISTENT]["seconds"] > 0 and len(list((out / "excerpts").iterdir())) == 2
    table = (out / "latent-separation.md").read_text()
    assert "Published: 5.83 dB" in table and "SDR of drums, dB" in table and f"| {TRAINED} |" in table
    assert "Excerpts evaluated: 2" in capsys.readouterr().out


def test_what_is_done_is_kept_and_other_settings_want_another_folder(
    tmp_path, tiny_code_priors, data, short_excerpts, capsys
):
    out = tmp_path / "out"
    assert evaluate(out, data, "--count", 1) == 0
    (first,) = (out / "excerpts").iterdir()
    made = first.stat().st_mtime_ns
    assert evaluate(out, data) == 0 and first.stat().st_mtime_ns == made
    assert evaluate(out, data, "--samples", 3) == 2
    assert "other settings" in capsys.readouterr().err


def test_folders_of_parts_have_no_filters(tmp_path, tiny_code_priors, short_excerpts):
    for part, sound in (("drums", strokes(0.6)), ("bass", note(0.6))):
        (tmp_path / "song" / part).mkdir(parents=True)
        write_clip(tmp_path / "song" / part / "a.wav", Clip(sound[None], RATE))
    assert evaluate(tmp_path / "out", tmp_path / "song") == 0
    content = json.loads((tmp_path / "out" / "latent-separation.json").read_text())
    assert STATIC not in content["figures"] and "no stems of a train split" in content["notes"][1]


def test_folders_without_pairs_are_refused(tmp_path, tiny_code_priors, data, capsys):
    assert evaluate(tmp_path / "out", data, "--parts", "drums", "voice") == 2
    assert "No pair of stems sounds together" in capsys.readouterr().err


def test_pairs_are_found_by_split(data, short_excerpts):
    train, test = (find_pairs(data, ("drums", "bass"), split) for split in ("train", "test"))
    assert [[path.name for path in pair] for pair in test] == [
        ["p2_drums.wav", "p2_bass.wav"],
        ["p3_drums.wav", "p3_bass.wav"],
    ]
    assert len(train) == 2 and [own.start for own in find_excerpts(train, 4, RATE)] == [0, 0, 7200, 7200]


def test_filters_know_kinds_of_sources():
    known = learn_spectra([[strokes(2, seed=5)], [note(2, 115)]])
    truths = np.stack([strokes(2), note(2)])
    mixture = truths.sum(axis=0)
    for method, made in (filtered(mixture, known) | ideal_masks(mixture, truths)).items():
        np.testing.assert_allclose(made.sum(axis=0), mixture, atol=1e-6)
        for own, truth in zip(made, truths, strict=True):
            assert si_sdr_db(truth, own) > si_sdr_db(truth, mixture) + 2, method


def test_medians_are_over_both_sources():
    rows = [{"a": {"improvement_0": 1.0, "improvement_1": value}} for value in (2.0, 9.0)]
    assert summarise(rows) == {"a": {"improvement": 1.5, "improvement_0": 1.0, "improvement_1": 5.5}}
