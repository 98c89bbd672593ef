"""The payload of a grid: pictures share a range of levels, sounds one gain, in the order of the task."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from core.signal.clip import Clip
from core.signal.files import read_clip
from core.tasks.emerging import mel_of
from demos.page.sound_grid import GridView, payload


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))


def noise(level: float) -> Clip:
    return Clip(np.float32(level * np.random.default_rng(0).uniform(-1, 1, 8000))[None], 16000)


def view(clips: dict[str, Clip], heard: bool = True) -> GridView:
    mels = {name: mel_of(clip.samples[0], 16000) for name, clip in clips.items()}
    return GridView({name: name.title() for name in clips}, mels, clips if heard else {}, "run", len(clips))


def brightness(sound: dict) -> float:
    picture = Image.open(io.BytesIO(base64.b64decode(sound["image"].split(",")[1])))
    return float(np.asarray(picture.convert("L")).mean())


def test_pictures_share_one_range():
    loud, quiet = payload(view({"loud": noise(0.5), "quiet": noise(0.005)}))["sounds"]
    alone = payload(view({"quiet": noise(0.005)}))["sounds"][0]
    assert brightness(loud) > 1.5 * brightness(quiet)
    assert brightness(alone) == pytest.approx(brightness(loud), rel=0.02)


def test_sounds_share_one_gain_and_none_is_cut_off():
    made = payload(view({"loud": noise(2.0), "quiet": noise(0.5)}))["sounds"]
    peaks = [np.abs(read_clip(sound["audio"]["path"]).clip.samples).max() for sound in made]
    assert peaks == pytest.approx([1.0, 0.25], abs=0.01)


def test_pictures_may_come_without_sounds():
    made = payload(view({"one": noise(0.5), "other": noise(0.5)}, heard=False))
    assert [sound["name"] for sound in made["sounds"]] == ["One", "Other"] and made["top_khz"] == 8
    assert all(sound["audio"] is None for sound in made["sounds"])
