"""Evaluation of super-resolution: thinned recordings, figures that say what they should, and work that is kept."""

import json

import numpy as np
import pytest
import soundfile

from core.cli import main
from core.evaluation import super_resolution
from core.evaluation.excerpts import find_recordings
from core.evaluation.judges import JUDGES, installed_judges
from core.evaluation.super_resolution import replicate_band
from core.signal.clip import Clip
from core.signal.metrics import band_lsd


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    rows = ["path,speaker,split,seconds"]
    for number, (speaker, split) in enumerate([("a", "train"), ("b", "test"), ("b", "test"), ("c", "test")]):
        noise = 0.1 * np.random.default_rng(number).standard_normal(16000 * 4)
        soundfile.write(folder / f"{number}.wav", noise, 16000)
        rows.append(f"{number}.wav,{speaker},{split},4.0")
    (folder / "metadata.csv").write_text("\n".join(rows))
    return folder


def evaluate(recordings, out, prior, *arguments):
    options = ["--data", recordings, "--prior", prior, "--factor", 2, "--count", 2, "-o", out, *arguments]
    return main(["evaluate", "super-resolution", *map(str, options)])


def test_speakers_of_the_test_split_take_turns(recordings):
    assert [path.name for path in find_recordings(recordings, 3)] == ["1.wav", "3.wav", "2.wav"]


def test_every_method_is_measured_by_every_way_of_thinning(
    recordings, tmp_path, extending_prior, monkeypatch, sent_elsewhere
):
    monkeypatch.setattr(super_resolution, "installed_judges", lambda: {"pesq": lambda reference, estimate: 4.5})
    out = tmp_path / "out"
    assert evaluate(recordings, out, extending_prior, "--sampler", "extender") == 0
    figures = json.loads((out / "super-resolution.json").read_text())["figures"]
    assert set(figures) == {"all", "soxr", "scipy, Fourier", "scipy, polyphase", "mu-law"}
    assert set(figures["soxr"]) == {"source", "resampled", "band replicated", "extender"}
    assert figures["all"]["source"]["lsd"] == 0 and figures["all"]["extender"]["pesq"] == 4.5
    assert figures["all"]["resampled"]["lsd_over"] > figures["all"]["band replicated"]["lsd_over"] > 0
    table = (out / "super-resolution.md").read_text()
    assert "| extender |" in table and "29.78" in table
    before = [path.stat().st_mtime_ns for path in sorted((out / "recordings").iterdir())]
    assert evaluate(recordings, out, extending_prior, "--sampler", "extender") == 0
    assert [path.stat().st_mtime_ns for path in sorted((out / "recordings").iterdir())] == before, "not done again"
    assert evaluate(recordings, out, extending_prior, "--sampler", "langevin") == 2, "other settings"


def test_plain_samples_have_no_extender(recordings, tmp_path, extending_prior, capsys):
    arguments = ("--evidence", "plain", "--sampler", "extender")
    assert evaluate(recordings, tmp_path / "out", extending_prior, *arguments) == 2
    assert "plain samples" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_folder_without_recordings_is_refused(tmp_path, extending_prior, capsys):
    assert evaluate(tmp_path, tmp_path / "out", extending_prior) == 2
    assert "no recordings" in capsys.readouterr().err


def test_log_spectral_distance_of_the_papers():
    """Ten times the power is a distance of one; frequencies under the lowest do not count."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000)
    assert band_lsd(noise, noise * 10**0.5) == pytest.approx(1, abs=1e-3)
    low = np.fft.irfft(np.fft.rfft(noise) * (np.arange(8001) < 3000), 16000)
    assert band_lsd(noise, noise + low, lowest=0.5) < 1e-3 < band_lsd(noise, noise + low)


def test_a_replicated_band_stands_over_the_band():
    time = np.arange(16000) / 16000
    made = replicate_band(Clip(np.cos(2 * np.pi * 1000 * time)[None].astype(np.float32), 16000), 2)
    spectrum = np.abs(np.fft.rfft(made.samples[0] * np.hanning(16000)))
    assert spectrum[4500:5500].argmax() + 4500 == pytest.approx(5000, abs=10)


@pytest.mark.parametrize("name", JUDGES)
def test_judges_prefer_the_source(name):
    """Of speech at 10 dB of noise, where the judge is installed."""
    judge = installed_judges().get(name)
    if judge is None:
        pytest.skip(f"{name} is not installed")
    speech = soundfile.read("assets/sounds/speech.flac", dtype="float32")[0][:64000]
    noise = np.random.default_rng(0).standard_normal(len(speech)).astype(np.float32) * speech.std() * 10**-0.5
    assert judge(speech, speech) > judge(speech, speech + noise)
