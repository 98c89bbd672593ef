"""What is taken along: whole numbers never cut peaks off, sounds keep their balance, the report is the command's."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from core.signal.clip import Clip
from demos.page.downloads import FLOAT, FORMATS, keep, keep_so_far

REPORT = {"task": "declip", "seed": 3, "metrics": {"psnr_db": float("inf")}}


def clip(peak: float, seed: int = 0) -> Clip:
    samples = np.random.default_rng(seed).uniform(-1, 1, (1, 8000)).astype(np.float32)
    return Clip(peak * samples / np.abs(samples).max(), 16000)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))


@pytest.mark.parametrize("form", FORMATS)
def test_a_sound_that_fits_keeps_its_level(form):
    sound = clip(0.9)
    path, said = keep({"result": sound}, "mine.mp3", "declip", REPORT, []).written(form)
    samples, rate = soundfile.read(path)
    assert Path(path).name == f"mine-declip{FORMATS[form].suffix}" and rate == 16000 and said == ""
    np.testing.assert_allclose(samples, sound.samples[0], atol=1e-9 if form == FLOAT else 2**-15)


@pytest.mark.parametrize("form", [form for form in FORMATS if form != FLOAT])
def test_peaks_over_full_scale_make_all_of_it_quieter_and_it_is_said(form):
    loud = clip(2.0)
    path, said = keep_so_far({"result": loud}, "mine.wav", "declip").written(form)
    np.testing.assert_allclose(soundfile.read(path)[0], loud.samples[0] / 2, atol=2**-14)
    assert said.startswith("Made 6.0 dB quieter")


def test_stems_share_one_gain_so_that_they_stay_in_balance():
    stems = {"piano": clip(2.0), "voice": clip(0.5, seed=1)}
    path, said = keep(stems, "song.wav", "separate", REPORT, []).written("wav-16")
    assert Path(path).name == "song-separate.zip" and "6.0 dB" in said
    with zipfile.ZipFile(path) as archive:
        for name, stem in stems.items():
            with archive.open(f"{name}.wav") as file:
                np.testing.assert_allclose(soundfile.read(file)[0], stem.samples[0] / 2, atol=2**-14)


def test_the_report_is_what_the_command_writes():
    made = keep({"result": clip(0.5)}, "mine.wav", "declip", REPORT, ["It was short."])
    report = json.loads(Path(made.report).read_text())
    assert Path(made.report).name == "mine-declip-report.json"
    assert report["input"] == "mine.wav" and report["output"] == "mine-declip.wav"
    assert report["seed"] == 3 and report["notes"] == ["It was short."] and report["metrics"] == {"psnr_db": None}
    assert keep_so_far({"result": clip(0.5)}, "mine.wav", "declip").report is None


def test_what_the_cache_no_longer_holds_gets_a_sentence():
    made = keep_so_far({"result": clip(0.5)}, "mine.wav", "declip")
    assert hash(made) == hash(keep_so_far({"result": clip(0.5)}, "mine.wav", "declip"))
    for _, path in made.sounds:
        Path(path).unlink()
    with pytest.raises(InputError):
        made.written("flac")
