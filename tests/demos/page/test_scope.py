"""What a scope is given: audio at its true level, one range for all tracks."""

import base64
import io
import wave

import numpy as np
import pytest

from core.signal.clip import Clip
from demos.page.scope import Track, View, payload, wav_bytes


def test_wav_keeps_the_level():
    quiet = Clip(np.array([[0.0, 0.01, -0.01]] * 2, np.float32), 8000)
    with wave.open(io.BytesIO(wav_bytes(quiet))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        samples = np.frombuffer(file.readframes(3), "<i2").reshape(-1, 2)
    assert samples[:, 0].tolist() == [0, 328, -328]


def test_wav_clips_what_exceeds_full_scale():
    with wave.open(io.BytesIO(wav_bytes(Clip(np.array([[2.0, -2.0]], np.float32), 8000)))) as file:
        assert np.frombuffer(file.readframes(2), "<i2").tolist() == [32767, -32767]


def test_tracks_share_axes(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    noise = np.random.default_rng(0).standard_normal((1, 16000)).astype(np.float32)
    low, full = Clip(0.1 * noise[:, ::4], 4000), Clip(0.1 * noise, 16000)
    shown = payload(View([Track("Input", low), Track("Result", full)], "key", offset=2.5, initial=1))
    assert shown["top_khz"] == 8 and shown["seconds"] == 1.0 and shown["offset"] == 2.5
    assert [track["name"] for track in shown["tracks"]] == ["Input", "Result"]
    outline = np.frombuffer(base64.b64decode(shown["tracks"][1]["outline"]), np.int8)
    assert outline.size == 2 * 720 and outline.max() / 127 == pytest.approx(0.1 * noise.max(), abs=0.01)
    assert all(track["audio"]["meta"] == {"_type": "gradio.FileData"} for track in shown["tracks"])
