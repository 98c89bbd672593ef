"""What a scope is given: audio at its true level, one range for all tracks."""

import base64
import io
import wave
from functools import partial

import numpy as np
import pytest

from core.signal.clip import Clip
from core.tasks.progress import Progress
from core.types import Iterate
from demos.page.history import RunHistory
from demos.page.scope import Track, View, matching_gains, payload, wav_bytes


def test_wav_keeps_the_level():
    quiet = Clip(np.array([[0.0, 0.01, -0.01]] * 2, np.float32), 8000)
    with wave.open(io.BytesIO(wav_bytes(quiet))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        samples = np.frombuffer(file.readframes(3), "<i2").reshape(-1, 2)
    assert samples[:, 0].tolist() == [0, 328, -328]


def test_wav_clips_what_exceeds_full_scale():
    with wave.open(io.BytesIO(wav_bytes(Clip(np.array([[2.0, -2.0]], np.float32), 8000)))) as file:
        assert np.frombuffer(file.readframes(2), "<i2").tolist() == [32767, -32767]


def peaks(shown: dict) -> list[int]:
    """Of the tracks' WAV files, as they are played."""
    highest = []
    for track in shown["tracks"]:
        with wave.open(track["audio"]["path"]) as file:
            highest.append(int(np.abs(np.frombuffer(file.readframes(file.getnframes()), "<i2")).max()))
    return highest


@pytest.fixture
def tones(tmp_path, monkeypatch) -> list[Track]:
    """A tone that was cut off at full scale, and what it was: 1.78 times as loud."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    tone = 1.78 * np.sin(np.arange(16000)[None] / 9)
    return [Track("Input", Clip(tone.clip(-1, 1), 16000)), Track("Result", Clip(tone, 16000))]


def test_peaks_over_full_scale_are_played_whole_with_one_gain_for_all(tones):
    shown = payload(View(tones, "key"))
    assert peaks(shown) == pytest.approx([32767 / 1.78, 32767], abs=2), "nothing is flattened, and the ratio stays"
    assert shown["gain_db"] == -5.0
    drawn = [np.frombuffer(base64.b64decode(track["outline"]), np.int8).max() for track in shown["tracks"]]
    assert drawn == [round(127 / 1.78), 127], "drawn as it is played"


def test_what_fits_keeps_its_level(tones):
    shown = payload(View(tones[:1], "key"))
    assert peaks(shown) == [32767] and shown["gain_db"] == 0


def test_what_sounds_together_fits_as_a_sum(tones):
    halves = [Track(name, Clip(tones[0].clip.samples * 0.75, 16000)) for name in ("left", "right")]
    assert payload(View(halves, "key"))["gain_db"] == 0
    assert payload(View(halves, "key", together=True))["gain_db"] == pytest.approx(20 * np.log10(1 / 1.5), abs=0.06)


def test_a_run_is_played_with_one_gain(tones):
    """Its first iterates are the loudest; what is scrubbed through may not grow louder towards the end."""
    history = RunHistory("key", 0.0)
    for step, track in ((1, tones[1]), (2, tones[0])):
        iterate = Iterate(None, None, 0.1, step, 2, None, 0.1)
        sounds = partial(dict, result=track.clip)
        history.add(Progress(1.0, 1.0, iterate, make_sounds=sounds, make_chains=sounds))
    kept, _ = history.iterates[0].sounds()
    assert kept["result"].samples == pytest.approx(tones[1].clip.samples, abs=1e-4), "and none of them is cut off"
    shown = payload(View(tones[:1], "key", peak=history.peak))
    assert shown["gain_db"] == -5.0


def test_tracks_share_axes(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    noise = np.random.default_rng(0).standard_normal((1, 16000)).astype(np.float32)
    low, full = Clip(0.1 * noise[:, ::4], 4000), Clip(0.1 * noise, 16000)
    shown = payload(View([Track("Input", low), Track("Result", full)], "key", offset=2.5, initial=1))
    assert shown["top_khz"] == 8 and shown["seconds"] == 1.0 and shown["offset"] == 2.5
    assert [track["name"] for track in shown["tracks"]] == ["Input", "Result"]
    drawn = np.frombuffer(base64.b64decode(shown["tracks"][1]["outline"]), np.int8)
    assert drawn.size == 2 * 720 and drawn.max() / 127 == pytest.approx(0.1 * noise.max(), abs=0.01)
    assert all(track["audio"]["meta"] == {"_type": "gradio.FileData"} for track in shown["tracks"])


def test_loudness_is_matched_to_the_faintest_that_is_heard(tones):
    loud, faint, hum, silence = (Clip(gain * tones[0].clip.samples, 16000) for gain in (1.0, 0.5, 0.001, 0.0))
    tracks = [Track("loud", loud), Track("faint", faint), Track("hum", hum), Track("silence", silence)]
    assert matching_gains([*tracks, Track("loud - faint", hum, difference=True)]) == [-6.0, 0.0, 0.0, 0.0, 0.0]
    assert matching_gains([Track("silence", silence)]) == [0.0]
    assert payload(View(tracks, "key", compares=True))["matches_db"] == [-6.0, 0.0, 0.0, 0.0]
    assert payload(View(tracks, "key"))["matches_db"] is None
