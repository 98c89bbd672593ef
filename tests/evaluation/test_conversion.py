"""Evaluation of voice conversion: content and voice in one file, beside the classical way; work done is kept."""

import json
from dataclasses import replace

import numpy as np
import pytest

from core import zoo
from core.cli import main
from core.evaluation import conversion
from core.evaluation.conversion import DIGITS, digit_strings, format_table, own_row, spoken_sources, summarise
from core.signal.clip import Clip
from core.signal.files import write_clip
from core.signal.folders import recordings_by_speaker
from core.zoo.families import DECODER

RATE = 16000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return 0.1 * sum(np.sin(2 * np.pi * h * hertz * t) / h for h in range(1, 9)).astype(np.float32)


@pytest.fixture
def data(tmp_path):
    """A folder of recordings of a bundled speaker and of another one, who alone is of the test split."""
    folder, rows = tmp_path / "data", ["path,speaker,split"]
    folder.mkdir()
    for name, speaker, split, hertz in (
        ("a", "ada", "train", 200),
        ("b", "bob", "test", 110),
        ("c", "bob", "", 120),
    ):
        write_clip(folder / f"{name}.wav", Clip(tone(hertz)[None], RATE))
        rows.append(f"{name}.wav,{speaker},{split}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def digits(tmp_path):
    """Of two speakers, one of whom has too few held-out recordings."""
    folder, rows = tmp_path / "digits", ["path,speaker,split"]
    for digit in range(6):
        (folder / str(digit)).mkdir(parents=True)
        for who, split in (("eva", "test"), ("tim", "train")):
            write_clip(folder / str(digit) / f"{who}.wav", Clip(tone(100 + 20 * digit, 0.2)[None], RATE))
            rows.append(f"{digit}/{who}.wav,{who},{split}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def judges(monkeypatch):
    """A voice is what share of its energy is under 150 Hz; every digit is heard as the word zero."""

    def embedding(waveform):
        power = np.abs(np.fft.rfft(waveform)) ** 2
        low = power[: len(power) * 150 // 8000].sum() / max(power.sum(), 1e-9)
        return np.array([low, 1 - low]) / np.hypot(low, 1 - low)

    monkeypatch.setattr(conversion, "installed_judges", lambda: {"similarity": None})
    monkeypatch.setattr(conversion, "voice_embedding", embedding)
    monkeypatch.setattr(conversion, "listener", lambda: lambda waveform: "zero")


def evaluate(out, *arguments):
    return main(["evaluate", "conversion", "-o", str(out), "--count", "2", *map(str, arguments)])


def test_every_method_is_judged_for_voice_and_words(
    tmp_path, tiny_converter, tiny_voices, data, digits, judges, sent_elsewhere
):
    out = tmp_path / "out"
    assert evaluate(out, "--data", data, "--digits", digits, "--prior", tiny_converter) == 0
    content = json.loads((out / "conversion.json").read_text())
    own = own_row(tiny_converter)
    methods = {"source unchanged", "pitch and formants", "plain vocoder", tiny_converter, own}
    assert set(content["figures"]) == methods
    assert {method for method in methods if "distance" in content["figures"][method]} == {"plain vocoder", own}
    assert content["figures"][tiny_converter]["perplexity"] >= 1
    source = content["figures"]["source unchanged"]
    assert source["to_source"] == 1 and source["nearer"] == 0 and source["pitch"] == pytest.approx(1)
    record = json.loads((out / "files" / "digits-000.json").read_text())
    words = [word for word, _, _ in digit_strings(digits, 1)[0].words]
    assert record[tiny_converter]["digits"] == words.count("zero") / 5
    assert "kNN-VC" in (out / "conversion.md").read_text()
    first = (out / "files" / "digits-000.json").stat().st_mtime_ns
    assert evaluate(out, "--data", data, "--digits", digits, "--prior", tiny_converter) == 0
    assert (out / "files" / "digits-000.json").stat().st_mtime_ns == first


@pytest.mark.slow
def test_a_vqvae_is_judged_with_the_speakers_that_it_knows(
    tmp_path, tiny_converter, tiny_voices, tiny_vqvae, data, judges, monkeypatch
):
    monkeypatch.setattr("core.cli.evaluation_conversion.SECONDS", 0.5)
    (data / "metadata.csv").write_text("path,speaker,split\na.wav,ada,train\nb.wav,bob,test\nc.wav,Bob,test\n")
    model = zoo.load_model(DECODER, tiny_vqvae)
    monkeypatch.setattr(model, "config", replace(model.config, speakers=("ada", "Bob")))
    out = tmp_path / "out"
    assert evaluate(out, "--data", data, "--prior", tiny_converter, tiny_vqvae) == 0
    content = json.loads((out / "conversion.json").read_text())
    assert f"{tiny_vqvae} speaks with 1 of the 2 targets; its figures are of these alone." in content["notes"]
    records = [json.loads(path.read_text()) for path in (out / "files").iterdir()]
    assert sum(tiny_vqvae in record for record in records) == 1 and len(records) == 2
    assert content["figures"][tiny_vqvae]["perplexity"] <= 5
    assert "distance" in content["figures"][own_row(tiny_vqvae)] and "distance" not in content["figures"][tiny_vqvae]


def test_a_vqvae_does_not_come_first(tmp_path, tiny_vqvae, tiny_voices, capsys):
    assert evaluate(tmp_path / "out", "--prior", tiny_vqvae) == 2
    assert "its own speakers alone" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_folders_without_a_bundled_speaker_are_refused(tmp_path, tiny_converter, tiny_voices, digits, capsys):
    assert evaluate(tmp_path / "out", "--data", digits, "--prior", tiny_converter) == 2
    assert "None of the bundled speakers" in capsys.readouterr().err


def test_digits_are_joined_with_their_places(digits):
    one, other = digit_strings(digits, 2)
    assert one.speaker == other.speaker == "eva" and one.name != other.name
    for word, first, stop in one.words:
        assert stop - first == pytest.approx(3200, abs=2)
        spectrum = np.abs(np.fft.rfft(one.waveform[first:stop]))
        hertz = spectrum.argmax() * RATE / (stop - first)
        assert hertz == pytest.approx(100 + 20 * DIGITS.index(word), abs=5)


def test_sources_are_of_the_test_split(data):
    (source,) = spoken_sources(recordings_by_speaker([data]), 5, 0.5)
    assert len(source.waveform) == RATE // 2 and (source.name, source.speaker) == ("speech-000", "bob")


def test_means_are_of_the_files_that_have_a_figure():
    rows = [{"a": {"nearer": 1.0, "digits": 0.5}}, {"a": {"nearer": 0.0}}]
    assert summarise(rows) == {"a": {"nearer": 0.5, "digits": 0.5}}
    assert "| a | 0.5 | - |" in format_table(summarise(rows), [])
