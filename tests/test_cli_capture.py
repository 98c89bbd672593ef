"""`devices`, `record`, `relay`: with a fake device, and with a real one that PulseAudio makes."""

import os
import signal
import sys

import numpy as np
import pytest
import soundfile

from core.arrays.angles import angular_distance
from core.arrays.live import relay_client
from core.arrays.scenes.random_scene import RealisticRooms, draw_scene
from core.arrays.scenes.scene import render
from core.cli import capture
from tests.arrays.fake_sounddevice import FakeSoundDevice, device
from tests.arrays.sounds import RATE, RESPEAKER, speech
from tests.arrays.virtual_respeaker import VirtualReSpeaker, what_is_missing
from tests.commands import refused, run

LIVE = """
import sys
from core.arrays.live.capture import DeviceSource
from core.arrays.geometry import ARRAYS
from core.arrays.live.localizer import LiveLocalizer

for view in LiveLocalizer(DeviceSource("pulse", ARRAYS["respeaker-4"])).views():
    if view.seconds > 3 and view.sources and len(view.sources[0].trail) > 10:
        print(view.sources[0].angle)
        sys.exit()
"""

HEARD_GONE_HEARD = """
from core.arrays.live.capture import DeviceSource
from core.arrays.geometry import ARRAYS
from tests.commands import refused, run

source, said = DeviceSource("pulse", ARRAYS["respeaker-4"]), ""
for block in source.blocks():
    now = "gone" if source.status.message else "heard" if block.shape[1] else said
    if now != said:
        print(now, flush=True)
    said = now
"""


@pytest.fixture
def plugged(monkeypatch) -> FakeSoundDevice:
    """An array that speaks for a second, channel k at k tenths of full scale."""
    block = np.ones((RATE // 2, 6)) * np.arange(6) / 10
    module = FakeSoundDevice([device("Built-in", 2, 44100.0), device()], [block, block])
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def test_devices_are_listed(plugged, capsys):
    assert run("devices") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "  0  Built-in (ALSA)  2 in, 44100 Hz"
    assert second.endswith("6 in, 16000 Hz  looks like respeaker-4")


def test_a_recording_has_the_microphones_and_the_length_asked_for(plugged, tmp_path, capsys):
    out = tmp_path / "out.wav"
    assert run("record", out, "--device", "respeaker", "--seconds", 0.75) == 0
    assert "0.75 s, 4 channels, 16000 Hz" in capsys.readouterr().out
    samples, rate = soundfile.read(out)
    assert (samples.shape, rate, soundfile.info(out).subtype) == ((12000, 4), RATE, "PCM_16")
    np.testing.assert_allclose(samples.mean(axis=0), [0.1, 0.2, 0.3, 0.4], atol=1e-3)
    assert list(tmp_path.iterdir()) == [out]


def test_all_channels_as_floats(plugged, tmp_path):
    out = tmp_path / "out.wav"
    options = ("--all-channels", "--format", "float32", "--seconds", 0.5)
    assert run("record", out, "--device", "1", *options) == 0
    samples, _ = soundfile.read(out, dtype="float32")
    assert soundfile.info(out).subtype == "FLOAT"
    assert np.array_equal(samples[0], (np.arange(6) / 10).astype(np.float32))


def test_swapped_channels_can_be_put_right(plugged, tmp_path):
    out = tmp_path / "out.wav"
    assert run("record", out, "--device", "1", "--channels", "1,3,2,4", "--seconds", 0.5) == 0
    np.testing.assert_allclose(soundfile.read(out)[0].mean(axis=0), [0.1, 0.3, 0.2, 0.4], atol=1e-3)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("asked", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_what_was_recorded_before_an_interrupt_is_kept(asked, plugged, tmp_path, monkeypatch, capsys):
    """Asked for ten seconds, interrupted when the device has spoken for one."""
    out, shown = tmp_path / "out.wav", capture.meter

    def interrupt(block):
        os.kill(os.getpid(), getattr(signal, asked))
        return shown(block)

    monkeypatch.setattr(capture, "meter", interrupt)
    assert run("record", out, "--device", "respeaker", "--seconds", 10) == 0
    assert soundfile.info(out).frames == RATE and "1.00 s" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_interrupt_before_any_sound_leaves_nothing(plugged, tmp_path, monkeypatch, capsys):
    plugged.heard = []
    monkeypatch.setattr(capture, "meter", lambda block: os.kill(os.getpid(), signal.SIGINT))
    assert run("record", tmp_path / "out.wav", "--device", "respeaker") == 130
    assert list(tmp_path.iterdir()) == [] and capsys.readouterr().err == "Stopped.\n"


def test_a_device_that_goes_is_told_of_and_waited_for(plugged, tmp_path, monkeypatch, capsys):
    """One second before it is unplugged and one after."""
    monkeypatch.setattr("core.arrays.live.capture.RETRY_SECONDS", 0)
    out, blocks = tmp_path / "out.wav", []

    def unplug_once(block):
        blocks.append(block.shape[1])
        if len(blocks) == 1:
            plugged.unplug()
        if len(blocks) == 3:
            plugged.plug_in()
        return ""

    monkeypatch.setattr(capture, "meter", unplug_once)
    assert run("record", out, "--device", "respeaker", "--seconds", 2) == 0
    assert "has gone" in capsys.readouterr().err and soundfile.info(out).frames == 2 * RATE


def test_overflows_are_told(plugged, tmp_path, capsys):
    plugged.overflowed = True
    assert run("record", tmp_path / "out.wav", "--device", "1", "--seconds", 0.5) == 0
    assert "samples were lost 2 times" in capsys.readouterr().out


def test_the_meter_shows_every_channel():
    assert capture.meter(np.array([[0.0], [0.0011], [0.1], [-0.9], [1.0]])) == " ▁▆█!"
    assert capture.meter(np.zeros((2, 0))) == "  "


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--device", "trumpet"), "choose one of"),
        (("--device", "Built-in"), "has 2 channels"),
        (("--device", "1", "--array", "nonsense"), "no array or file"),
        (("--device", "1", "--channels", "1,2,3"), "4 different channels"),
        (("--device", "1", "--channels", "1;2"), "no list of channels"),
        (("--device", "1", "--seconds", "0"), "duration"),
        (("--device", "1", "--seconds", "601"), "600 s"),
        (("--device", "1", "--seconds", "0.001"), "32 samples"),
    ],
)
def test_recordings_that_make_no_sense(plugged, tmp_path, capsys, options, word):
    assert word in refused(capsys, "record", tmp_path / "out.wav", *options)
    assert list(tmp_path.iterdir()) == []


def test_the_only_device_that_fits_need_not_be_named(plugged, tmp_path, capsys):
    """What looks like the array goes before whatever else has channels enough, as a sound server's own devices have."""
    plugged.devices.append(device("pulse", 32, 44100.0))
    out = tmp_path / "out.wav"
    assert run("record", out, "--seconds", 0.5) == 0
    np.testing.assert_allclose(soundfile.read(out)[0].mean(axis=0), [0.1, 0.2, 0.3, 0.4], atol=1e-3)
    plugged.devices[:] = [device("Built-in", 2, 44100.0), device("Interface", 6)]
    assert run("record", out, "--seconds", 0.5) == 0, "no name is known, but only one has channels enough"
    plugged.unplug()
    capsys.readouterr()
    assert "no sound device to listen to" in refused(capsys, "record", out)


@pytest.mark.parametrize("command", ["record", "relay"])
def test_which_device_is_asked_for_where_none_or_several_fit(plugged, tmp_path, capsys, command):
    where = (tmp_path / "out.wav",) if command == "record" else ("http://localhost:1", "--token", "t")
    plugged.devices[1] = device("Interface", 8)
    plugged.devices.append(device("pulse", 32, 44100.0))
    said = refused(capsys, command, *where)
    assert "1 Interface (8 channels), 2 pulse (32 channels); say which with --device" in said
    plugged.devices[:] = [device("Built-in", 2, 44100.0)]
    said = refused(capsys, command, *where)
    assert "No device has channels enough for the array respeaker-4: 0 Built-in (2 channels)" in said
    assert "0 Built-in" in refused(capsys, command, *where, "--channels", "0,1,2,3")


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
def test_a_disk_that_fills_up_leaves_nothing(plugged, tmp_path, capsys):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
    try:
        said = refused(capsys, "record", tmp_path / "out.wav", "--device", "1", "--seconds", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "cannot be written" in said and list(tmp_path.iterdir()) == []


def test_outputs_are_checked_before_the_device(tmp_path, capsys):
    assert "must end in .wav" in refused(capsys, "record", tmp_path / "out.flac", "--device", "nobody")


def test_a_relay_takes_its_token_from_the_environment(plugged, monkeypatch):
    """The command line shows to everybody on the machine what it was given."""
    tokens = []

    class Client(relay_client.RelayClient):
        def __init__(self, url, token, source, **settings):
            tokens.append((url, token, source.geometry.name))
            super().__init__(url, token, source, **settings)

        def run(self):
            yield from [None]

    monkeypatch.setattr(relay_client, "RelayClient", Client)
    monkeypatch.setenv(capture.TOKEN_VARIABLE, "secret")
    assert run("relay", "http://localhost:1", "--device", "respeaker") == 0
    assert run("relay", "http://localhost:1", "--device", "respeaker", "--token", "given") == 0
    assert tokens == [("http://localhost:1", token, "respeaker-4") for token in ("secret", "given")]


def test_relays_that_make_no_sense(plugged, capsys, monkeypatch):
    monkeypatch.delenv(capture.TOKEN_VARIABLE, raising=False)
    assert "token that the page shows" in refused(capsys, "relay", "https://example.com", "--device", "1")
    plain = refused(capsys, "relay", "http://example.com", "--device", "1", "--token", "t")
    assert "without encryption" in plain


@pytest.fixture
def respeaker(tmp_path) -> VirtualReSpeaker:
    """A six-channel device that is not plugged in yet."""
    if reason := what_is_missing():
        pytest.skip(reason)
    array = VirtualReSpeaker(tmp_path)
    with array.running():
        if "pulse" not in array.python("-m", "sounddevice").stdout:
            pytest.skip("ALSA's plugin for PulseAudio is not installed")
    return array


@pytest.fixture
def scene():
    """What the device delivers of a voice in a room, [6, frames], microphones in channels 1 to 4; and the angle."""
    rooms = RealisticRooms(t60_seconds=(0.2, 0.2), distances=(1.0, 1.2))
    scene = draw_scene(np.random.default_rng(5), rooms, RESPEAKER, ["a"], frames=4 * RATE, sample_rate=RATE)
    stream = np.zeros((6, 4 * RATE), dtype=np.float32)
    stream[1:5] = render(scene, [speech(4)])[0]
    return stream, scene.sources[0].angle


def test_a_real_device_is_listened_to_and_the_voice_located(respeaker, scene):
    stream, angle = scene
    with respeaker.running(), respeaker.playing(stream):
        done = respeaker.python("-c", LIVE)
    assert done.returncode == 0, done.stderr
    assert np.rad2deg(angular_distance(float(done.stdout), angle)) < 5


def test_a_real_device_is_recorded(respeaker, scene, tmp_path):
    out = tmp_path / "out.wav"
    with respeaker.running(), respeaker.playing(scene[0]):
        options = ("--device", "pulse", "--seconds", 2, "--all-channels")
        done = respeaker.python("-m", "core", "record", out, *options)
    assert done.returncode == 0, done.stderr
    samples, rate = soundfile.read(out)
    assert (samples.shape, rate) == ((2 * RATE, 6), RATE)
    levels = np.sqrt(np.mean(samples**2, axis=0))
    assert levels[1:5].min() > 1e-3 and levels[[0, 5]].max() < 1e-4  # the channels are kept apart


def test_a_real_device_that_goes_is_opened_again_when_it_is_back(respeaker):
    with respeaker.running():
        listener = respeaker.start("-c", HEARD_GONE_HEARD)
        said = [listener.stdout.readline()]
    try:
        said.append(listener.stdout.readline())
        with respeaker.running():
            said.append(listener.stdout.readline())
    finally:
        listener.kill()
        listener.communicate()
    assert said == ["heard\n", "gone\n", "heard\n"]
