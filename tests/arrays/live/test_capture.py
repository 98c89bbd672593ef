"""Sources of live sound: nothing is lost without being counted, and devices may come and go."""

import builtins
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.arrays.doa.spatial_spectra import SteeredResponse, find_peaks
from core.arrays.geometry import ARRAYS
from core.arrays.live import devices
from core.arrays.live.capture import DeviceSource
from core.arrays.live.devices import find_device, list_devices
from core.arrays.live.ring_buffer import RingBuffer
from core.arrays.live.sources import INTERPOLATION, Clock, RecordingSource, SimulatedSource
from core.arrays.spectra import stft
from core.errors import InputError
from tests.arrays.fake_sounddevice import RESPEAKER_NAME, FakeSoundDevice, device
from tests.arrays.sounds import RATE, RESPEAKER, babble, plane_wave

CAPACITY = 20


class SteppedTime:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.seconds, self.slept = 0.0, []
        self.clock = Clock(lambda: self.seconds, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.slept.append(seconds)


@pytest.fixture
def portaudio(monkeypatch):
    """Injects a fake `sounddevice`."""

    def inject(*plugged, **settings) -> FakeSoundDevice:
        module = FakeSoundDevice(list(plugged), **settings)
        monkeypatch.setitem(sys.modules, "sounddevice", module)
        return module

    return inject


def stream_of(frames: int, channels: int = 6) -> np.ndarray:
    """[frames, channels], every channel at a level of its own."""
    return np.outer(np.linspace(0.1, 0.9, frames), np.arange(channels) / 10)


@given(st.lists(st.tuples(st.integers(0, 3 * CAPACITY), st.booleans()), max_size=30))
def test_what_is_read_and_what_is_lost_is_all_that_was_written(steps):
    """Blocks of any length, read now and then: in order, without repetition, every missing sample counted."""
    buffer, position, written, expected_lost = RingBuffer(2, CAPACITY), 0, 0, 0
    for frames, reads in steps:
        numbers = np.arange(written, written + frames)
        buffer.write(np.stack([numbers, -numbers]))
        written += frames
        if reads:
            first = max(position, written - CAPACITY)
            expected_lost += first - position
            samples, position = buffer.read(position)
            assert np.array_equal(samples, np.stack([np.arange(first, written), -np.arange(first, written)]))
            assert (position, buffer.lost) == (written, expected_lost)
    latest = buffer.latest(CAPACITY // 2)
    assert np.array_equal(latest[0], np.arange(written)[-CAPACITY // 2 :])
    assert buffer.written == written


def test_a_reader_waits_for_a_writer_in_another_thread():
    buffer = RingBuffer(1, CAPACITY)
    writer = threading.Timer(0.05, buffer.write, [np.ones((1, 3))])
    writer.start()
    samples, position = buffer.read(0, patience=60)
    writer.join()
    assert samples.shape == (1, 3) and position == 3
    assert buffer.read(3)[0].shape == (1, 0)


def test_overflows_are_counted():
    buffer = RingBuffer(1, CAPACITY)
    buffer.write(np.zeros((1, CAPACITY + 5)))
    buffer.read(0)
    buffer.write(np.zeros((1, CAPACITY)))
    buffer.read(CAPACITY + 5)
    assert (buffer.overflows, buffer.lost) == (1, 5)


def test_a_recording_is_played_in_real_time():
    time, samples = SteppedTime(), plane_wave(babble(0), RESPEAKER, 1.0).astype(np.float32)
    blocks = list(RecordingSource(samples, RESPEAKER, RATE, clock=time.clock).blocks())
    assert np.array_equal(np.concatenate(blocks, axis=1), samples)
    assert time.seconds == pytest.approx(samples.shape[1] / RATE)
    assert max(time.slept) < 0.1


def test_a_listener_that_was_away_is_not_raced_after():
    time = SteppedTime()
    blocks = RecordingSource(np.zeros((4, RATE)), RESPEAKER, RATE, loop=True, clock=time.clock).blocks()
    next(blocks)
    time.seconds += 100
    for _ in range(60):  # three seconds: two of them must be waited for
        next(blocks)
    assert sum(time.slept) > 1.9


def test_a_recording_loops_where_it_is_asked_to():
    samples = stream_of(RATE // 2).T[1:5]
    blocks = RecordingSource(samples, RESPEAKER, RATE, loop=True, clock=SteppedTime().clock).blocks()
    heard = np.concatenate([next(blocks) for _ in range(30)], axis=1)
    np.testing.assert_allclose(heard[:, : RATE // 2], samples, atol=1e-6)
    assert np.array_equal(heard[:, : RATE // 2], heard[:, RATE // 2 : RATE])


@pytest.mark.parametrize("array", ARRAYS.values(), ids=lambda array: array.name)
def test_simulated_voices_come_from_where_they_are(array):
    source = SimulatedSource(array, [babble(0), babble(1)], np.deg2rad([40.0, 170.0]), clock=SteppedTime().clock)
    blocks = source.blocks()
    before = np.concatenate([next(blocks) for _ in range(60)], axis=1)
    source.move(1, np.deg2rad(260.0))
    after = np.concatenate([next(blocks) for _ in range(60)], axis=1)[:, 4096:]
    response = SteeredResponse(array, RATE)
    for heard, expected in ((before, [40, 170]), (after, [40, 260])):
        found = np.rad2deg(np.sort(find_peaks(response.power_of_turns(stft(heard)), 2)))
        np.testing.assert_allclose(found, expected, atol=2)


def test_a_simulated_voice_is_a_plane_wave():
    """The windows add up to one, and every microphone's delay is exact; all are late by the same few milliseconds."""
    sound = babble(0, 1.0)
    blocks = SimulatedSource(RESPEAKER, [sound], [0.7], clock=SteppedTime().clock).blocks()
    heard = np.concatenate([next(blocks) for _ in range(30)], axis=1)
    late = INTERPOLATION + 2
    expected = plane_wave(sound, RESPEAKER, 0.7)[:, 1024 - late : 15000 - late]
    np.testing.assert_allclose(heard[:, 1024:15000], expected, atol=2e-3 * np.abs(expected).max())


def test_voices_and_angles_belong_together():
    with pytest.raises(InputError, match="one angle"):
        SimulatedSource(RESPEAKER, [babble(0)], [])
    with pytest.raises(InputError, match="some sound"):
        SimulatedSource(RESPEAKER, [np.zeros(0)], [0.0])


def test_devices_are_listed_with_what_they_look_like(portaudio):
    portaudio(device("Built-in", 2, 44100.0), device(), device("Speakers", 0), device("ReSpeaker 2 mics", 2))
    assert [(found.index, found.channels, found.array) for found in list_devices()] == [
        (0, 2, ""),
        (1, 6, "respeaker-4"),
        (3, 2, ""),
    ]


@pytest.mark.parametrize("name", ["1", RESPEAKER_NAME.lower(), "respeaker 4"])
def test_a_device_is_found_by_number_name_or_part(portaudio, name):
    portaudio(device("Built-in", 2), device(), device("ReSpeaker 2 mics", 2))
    assert find_device(name).index == 1


def test_devices_that_cannot_be_meant_are_refused(portaudio):
    portaudio(device("Built-in", 2), device(), device("ReSpeaker 2 mics", 2))
    with pytest.raises(InputError, match="Several devices.*2 mics"):
        find_device("respeaker")
    with pytest.raises(InputError, match="no sound device 'Trumpet'; choose one of Built-in"):
        find_device("Trumpet")
    portaudio()
    with pytest.raises(InputError, match="plug one in"):
        find_device("Trumpet")


def test_a_missing_portaudio_is_said_in_a_sentence(monkeypatch):
    real = builtins.__import__

    def without_portaudio(name, *arguments):
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without_portaudio)
    with pytest.raises(InputError, match="libportaudio2"):
        list_devices()


def test_the_microphones_are_taken_out_of_the_stream(portaudio):
    module = portaudio(device(), heard=[stream_of(500)], overflowed=True)
    source = DeviceSource("respeaker", RESPEAKER)
    blocks = source.blocks()
    np.testing.assert_allclose(next(blocks), stream_of(500).T[1:5], atol=1e-6)
    assert source.status.overflows == 1
    blocks.close()
    assert module.streams[0].closed
    assert next(DeviceSource("0", RESPEAKER, whole_stream=True).blocks()).shape == (6, 500)
    swapped = next(DeviceSource("0", RESPEAKER, channels=(1, 3, 2, 4)).blocks())
    np.testing.assert_allclose(swapped, stream_of(500).T[[1, 3, 2, 4]], atol=1e-6)


def test_a_device_of_the_microphones_alone_is_taken_as_it_is(portaudio):
    portaudio(device("Four", 4), heard=[stream_of(100, 4)])
    assert next(DeviceSource("four", RESPEAKER).blocks()).shape == (4, 100)
    swapped = next(DeviceSource("four", RESPEAKER, channels=(0, 2, 1, 3)).blocks())
    np.testing.assert_allclose(swapped, stream_of(100, 4).T[[0, 2, 1, 3]], atol=1e-6)
    with pytest.raises(InputError, match="Four has 4 channels, but .* needs 5 channels"):
        DeviceSource("four", RESPEAKER, channels=(1, 2, 3, 4))


def test_too_few_channels_are_refused(portaudio):
    portaudio(device("Laptop", 2), device("Big", 32))
    with pytest.raises(InputError, match="Laptop has 2 channels, but the array respeaker-4 needs 6 channels or 4"):
        DeviceSource("Laptop", RESPEAKER)
    with pytest.raises(InputError, match="4 different channels"):
        DeviceSource("Big", RESPEAKER, channels=(0, 1))


@pytest.mark.parametrize("rate", [44100, 48000])
def test_a_device_of_another_rate_is_resampled_and_a_tone_stays_the_tone(portaudio, rate):
    tone = np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)[:, None] * np.ones(6)
    portaudio(device(rate=float(rate)), heard=np.array_split(tone, 37))
    source = DeviceSource("respeaker", RESPEAKER)
    blocks = source.blocks()
    heard = np.concatenate([next(blocks) for _ in range(2)], axis=1)
    assert source.sample_rate == RATE and abs(heard.shape[1] - RATE) < 500
    inside = heard[:, 2000:14000]
    loudness = np.abs(np.fft.rfft(inside * np.hanning(inside.shape[1])))
    assert abs(loudness[0].argmax() * RATE / inside.shape[1] - 1000) < 2
    assert np.abs(inside).max(axis=1) == pytest.approx(np.ones(4), abs=0.01)


def test_a_slow_listener_is_told_what_it_missed(portaudio, monkeypatch):
    monkeypatch.setattr("core.arrays.live.capture.BUFFER_SECONDS", 0.01)
    portaudio(device(), heard=[stream_of(100), stream_of(100)])
    source = DeviceSource("respeaker", RESPEAKER)
    assert next(source.blocks()).shape == (4, 160)
    assert (source.status.overflows, source.status.lost) == (1, 40)


def test_a_device_that_is_unplugged_is_waited_for(portaudio):
    module, time = portaudio(device(), heard=[stream_of(300)]), SteppedTime()
    source = DeviceSource("0", RESPEAKER, clock=time.clock)
    blocks = source.blocks()
    assert next(blocks).shape == (4, 300) and source.status.message == ""
    module.unplug()
    for _ in range(3):
        assert next(blocks).shape == (4, 0)
    assert f"{RESPEAKER_NAME} has gone" in source.status.message
    module.plug_in()
    module.devices.insert(0, device("Another microphone", 6))  # numbers change
    assert next(blocks).shape == (4, 300)
    assert source.status.message == "" and module.restarts > 3
    blocks.close()
    assert all(stream.closed for stream in module.streams) and devices._open_streams == 0


def test_a_device_that_falls_silent_has_gone(portaudio):
    """Some drivers never say that the device has gone; they just deliver nothing."""
    module, now = portaudio(device(), heard=[stream_of(300)]), iter(range(1000))
    source = DeviceSource("respeaker", RESPEAKER, clock=Clock(lambda: next(now), lambda seconds: None))
    blocks = source.blocks()
    assert next(blocks).shape == (4, 300)
    assert next(blocks).shape == (4, 0) and module.streams[0].active
    assert next(blocks).shape == (4, 0) and module.streams[0].closed
    assert "has gone" in source.status.message


def test_a_device_that_another_program_holds_is_refused(portaudio, monkeypatch):
    module = portaudio(device())
    source = DeviceSource("respeaker", RESPEAKER)

    def busy(**settings):
        raise module.PortAudioError("Device unavailable [PaErrorCode -9985]")

    monkeypatch.setattr(module, "InputStream", busy, raising=False)
    with pytest.raises(InputError, match="Device unavailable.*another program"):
        next(source.blocks())
