"""What is taken along: whole numbers never cut peaks off, sounds keep their balance, the report is the command's."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from core.signal.clip import Clip
from demos.page.downloads import FLOAT, FORMATS, keep, keep_generated, keep_so_far

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


@pytest.mark.parametrize("form", ["wav-float", "wav-16", "flac"])
def test_generated_sounds_say_what_made_them_and_the_report_goes_with_them(form):
    origins = [{"prior": "digits", "label": "7", "seed": seed, "steps": 18} for seed in (3, 4)]
    report = {"task": "generate", "metrics": {}, "notes": []}
    path, _ = keep_generated({"0000": clip(0.5), "0001": clip(0.4)}, origins, report).written(form)
    names = [f"digits-7-seed-{seed}-18-steps{FORMATS[form].suffix}" for seed in (3, 4)]
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [*names, "digits-2-sounds-report.json"]
        for name, origin in zip(names, origins, strict=True):
            with archive.open(name) as file, soundfile.SoundFile(file) as sound:
                assert json.loads(sound.comment) == origin


def test_what_a_model_calls_its_labels_is_no_path():
    made = keep_generated({"0000": clip(0.5)}, [{"prior": "own", "label": "../up", "seed": 0, "steps": 4}], None)
    assert Path(made.sounds[0][1]).name == "own-up-seed-0-4-steps.wav"
