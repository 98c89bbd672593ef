"""Recordings of arrays: the channels that are taken, and refusals in one sentence."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from core.arrays.geometry import ARRAYS, circular, read_array
from core.errors import InputError
from demos import api
from demos.array import array_recording
from demos.array.array_recording import (
    beginning_of,
    from_file,
    from_room,
    from_session,
    load_recording,
)
from demos.array.live_session import LiveSession
from demos.array.room import FIRST_VOICES, Arrangement
from tests.arrays.example_scenes import voices

RESPEAKER, CIRCLE = ARRAYS["respeaker-4"], ARRAYS["circle-6"]


@pytest.fixture
def record(tmp_path):
    """Writes so many channels, channel k at k + 1 tenths of full scale, and loads them."""

    def write(count: int, array=RESPEAKER, channels=None):
        path = tmp_path / f"{count}.wav"
        soundfile.write(path, np.ones((8000, count)) * np.arange(1, count + 1) / 20, 16000, subtype="FLOAT")
        return load_recording(str(path), array, channels, None)

    return write


def first_samples(recording) -> list[float]:
    return (20 * recording.clip.samples[:, 0]).round(3).tolist()


def test_six_channels_of_a_respeaker_are_recognised(record):
    recording = from_file(record(6), RESPEAKER, None, 0.0, None)
    assert first_samples(recording) == [2, 3, 4, 5] and "raw ones" in recording.notes[0]
    assert recording.stream.raw_channels == (1, 2, 3, 4) and recording.array.raw_channels == ()
    assert recording.truth is None


def test_as_many_channels_as_microphones_are_taken_as_they_are(record):
    assert first_samples(from_file(record(4), RESPEAKER, None, 0.0, None)) == [1, 2, 3, 4]
    six = from_file(record(6, CIRCLE), CIRCLE, None, 0.1, 0.2)
    assert first_samples(six) == [1, 2, 3, 4, 5, 6] and six.clip.seconds == pytest.approx(0.2) and six.start == 0.1


def test_channels_can_be_named(record):
    channels = (3, 2, 1, 0)
    recording = from_file(record(5, channels=channels), RESPEAKER, channels, 0.0, None)
    assert first_samples(recording) == [4, 3, 2, 1] and recording.stream.raw_channels == (3, 2, 1, 0)


def test_raw_channels_elsewhere_in_a_stream_are_told_by_page_and_api(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    heard = voices(40, 200, seconds=1.0).sum(axis=0)
    stream, path = np.concatenate([np.repeat(heard.mean(axis=0, keepdims=True), 2, axis=0), heard]), tmp_path / "s.wav"
    soundfile.write(path, stream.T, 16000, subtype="FLOAT")
    recording = from_file(load_recording(str(path), RESPEAKER, None, None), RESPEAKER, None, 0.0, None)
    assert "those of 2, 3, 4, 5 fit" in recording.notes[-1]
    uploaded = {"path": str(path)}
    *_, result = api._localize(uploaded, method="srp-phat").start()
    assert any("those of 2, 3, 4, 5 fit" in note for note in result.report["notes"])
    *_, result = api._localize(uploaded, method="srp-phat", channels="2,3,4,5").start()
    assert not any("contradict" in note for note in result.report["notes"])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_other_channels_get_one_sentence(record, count):
    with pytest.raises(InputError, match=rf"The recording has {count} channels?, but the array respeaker-4 has 4"):
        record(count)


def test_what_is_no_recording_gets_one_sentence(tmp_path):
    (tmp_path / "notes.wav").write_bytes(b"these are words, not audio")
    with pytest.raises(InputError, match=r"notes\.wav"):
        load_recording(str(tmp_path / "notes.wav"), RESPEAKER, None, None)
    with pytest.raises(InputError, match="no recording yet"):
        from_file(None, RESPEAKER, None, 0.0, None)
    (tmp_path / "mine.json").write_text('{"name": "mine", "positions": [[0, 0], [0, 0], [1, 0]]}')
    with pytest.raises(InputError, match="stand at the same place"):
        read_array(tmp_path / "mine.json")


def test_what_would_take_too_much_memory_gets_one_sentence(record, monkeypatch):
    loaded = record(4)
    monkeypatch.setattr(array_recording, "MOST_SAMPLES", 16000)
    with pytest.raises(InputError, match="4 channels at 16000 Hz; at most 0 s are worked on"):
        from_file(loaded, RESPEAKER, None, 0.0, None)
    assert from_file(loaded, RESPEAKER, None, 0.4, None).clip.seconds == pytest.approx(0.1)
    wide = circular("wide", 20, 0.5)
    with pytest.raises(InputError, match="at most 16 microphones"):
        from_room(Arrangement(FIRST_VOICES), wide)


def test_what_is_played_live_or_beamformed_is_bounded_at_the_array_s_rate_too(record, monkeypatch):
    recording = from_file(record(4), RESPEAKER, None, 0.0, None)
    assert beginning_of(recording) is recording
    monkeypatch.setattr(array_recording, "MOST_SAMPLES_AT_ONCE", 16000)
    assert beginning_of(recording).clip.frames == 4000
    fast = replace(recording, array=replace(recording.array, sample_rate=48000))
    assert beginning_of(fast).clip.frames == 16000 // 4 // 3, "it is resampled to three times as many"


def test_the_room_knows_its_truth_and_live_sound_does_not():
    recording = from_room(Arrangement(FIRST_VOICES), CIRCLE)
    assert (
        recording.clip.channels == 6 and recording.truth.count == 2 and recording.truth_names == ("Harbour", "Garden")
    )
    for session in (None, LiveSession(lambda: None)):
        with pytest.raises(InputError, match="Listen live"):
            from_session(session, None)
