"""What only ffmpeg reads: a stand-in shows what it is asked, and what becomes of its answers; a real one, where it is
installed, that the answers are right."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from core.signal.files import duration, probe, read_clip
from core.signal.limits import LIMITS

RATE = 16000
KINDS = {
    "mov": b"\0\0\0\x20ftypM4A \0\0\0\0",
    "matroska": b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01",
    "aac": b"\xff\xf1\x50\x80\x10\x1f\xfc" + bytes(100),
    "amr": b"#!AMR\n",
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    "ogg": b"OggS\0\2" + bytes(22) + b"Speex   1.2",
    "wav": b"RIFF\xff\xff\0\0WAVEfmt \x1e\0\0\0\x55\0\1\0" + bytes(100),
}
STAND_IN = """#!{python}
import json, os, struct, sys, time
open({asked!r}, "a").write(json.dumps(sys.argv[1:]) + "\\n")
rate, channels, behaviour = {rate}, {channels}, {behaviour!r}
if behaviour == "silent":
    sys.exit(1)
out = sys.stdout.buffer
magic = b"RIFF" if behaviour == "other" else b".snd"
out.write(magic + struct.pack(">5I", 32, 0xFFFFFFFF, 6, rate, channels) + bytes(8))
out.write(open({samples!r}, "rb").read())
out.flush()
while behaviour == "endless":
    out.write(bytes(2**16))
if behaviour == "stuck":
    time.sleep(600)
if behaviour == "broken":
    sys.stderr.write("Invalid data found\\n" * 100000)
"""
ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg here")


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a stand-in for ffmpeg on the path; returns the calls that it had."""

    def install(samples, rate=RATE, behaviour=""):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        asked, content = folder / "asked", folder / "samples"
        content.write_bytes(samples.T.astype(">f4").tobytes())
        facts = {"rate": rate, "channels": len(samples), "behaviour": behaviour, "samples": str(content)}
        (folder / "ffmpeg").write_text(STAND_IN.format(python=sys.executable, asked=str(asked), **facts))
        (folder / "ffmpeg").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return lambda: [json.loads(line) for line in asked.read_text().splitlines()]

    return install


def noise(frames=8000, channels=1):
    return np.random.default_rng(0).uniform(-2, 2, (channels, frames)).astype(np.float32)


@pytest.mark.parametrize("demuxer", KINDS)
@pytest.mark.parametrize("channels", [1, 2])
def test_ffmpeg_is_asked_for_what_libsndfile_cannot_read(tmp_path, stand_in, demuxer, channels):
    """By a name that cannot be an option, as the kind that it is, from files alone; its samples come as they are."""
    samples = noise(channels=channels)
    asked = stand_in(samples)
    path = tmp_path / "-protocol_whitelist http.m3u8"
    path.write_bytes(KINDS[demuxer])
    recording = read_clip(path)
    assert np.array_equal(recording.clip.samples, samples) and recording.clip.sample_rate == RATE
    assert recording.notes == () and probe(path).frames is None and duration(path) == 0.5
    for call in asked():
        options = dict(zip(call, call[1:], strict=False))
        assert options["-f"] in (demuxer, "au") and call.index(demuxer) < call.index("-i")
        assert options["-i"] == f"file:{path}" and options["-protocol_whitelist"] == "file,pipe"
        assert "-nostdin" in call and call[-1] == "pipe:1"


def test_parts_of_what_ffmpeg_reads(tmp_path, stand_in, monkeypatch):
    monkeypatch.setattr("core.signal.ffmpeg.BLOCK_FRAMES", 1000)
    samples = noise(8000, 2)
    stand_in(samples)
    path = tmp_path / "a.m4a"
    path.write_bytes(KINDS["mov"])
    part = read_clip(path, start=0.1, length=0.3)
    assert np.array_equal(part.clip.samples, samples[:, 1600:6400]) and part.notes == ()
    assert read_clip(path, start=0.25, length=9).notes == ("a.m4a ends at 0.50 s, so the part is 0.25 s long.",)
    mixed = read_clip(path, mono=True).clip
    assert np.array_equal(mixed.samples, read_clip(path).clip.mono().samples)
    with pytest.raises(InputError, match="ends before 0.5 s"):
        read_clip(path, start=0.5)


def test_limits_hold_for_ffmpeg(tmp_path, stand_in):
    path = tmp_path / "a.webm"
    path.write_bytes(KINDS["matroska"])
    stand_in(noise(8000, 3))
    with pytest.raises(InputError, match="3 channels; the limit is 2"):
        read_clip(path)
    stand_in(noise(), rate=200_000)
    with pytest.raises(InputError, match="limits are 4000 to 192000 Hz"):
        read_clip(path)
    stand_in(noise())
    with pytest.raises(InputError, match="the limit of 0.25 s"):
        read_clip(path, limits=replace(LIMITS, seconds=0.25))
    with pytest.raises(InputError, match="the limit is 1e-06 MB"):
        read_clip(path, limits=replace(LIMITS, file_bytes=1))


def test_an_ffmpeg_without_end_is_ended(tmp_path, stand_in, monkeypatch):
    """One that goes on as soon as enough is read, one that does not answer at the time limit."""
    path = tmp_path / "a.m4a"
    path.write_bytes(KINDS["mov"])
    stand_in(noise(), behaviour="endless")
    with pytest.raises(InputError, match="longer than the limit of 3 s"):
        read_clip(path, limits=replace(LIMITS, seconds=3.0))
    assert read_clip(path, length=2.0).clip.frames == 2 * RATE
    monkeypatch.setattr("core.signal.ffmpeg.SECONDS_AT_MOST", 1.0)
    stand_in(noise(), behaviour="stuck")
    for read in (read_clip, duration):
        with pytest.raises(InputError, match="takes ffmpeg more than 1 s"):
            read(path)


def test_an_ffmpeg_that_fails(tmp_path, stand_in):
    path = tmp_path / "a.m4a"
    path.write_bytes(KINDS["mov"])
    stand_in(noise(), behaviour="silent")
    with pytest.raises(InputError, match="is MPEG-4 .* but ffmpeg finds no sound in it"):
        read_clip(path)
    stand_in(noise(), behaviour="other")
    with pytest.raises(InputError, match="answers in an unknown way"):
        read_clip(path)
    stand_in(noise(), behaviour="broken")
    recording = read_clip(path)
    assert recording.clip.frames == 8000
    assert recording.notes == ("ffmpeg met errors in a.m4a; what it could decode was taken.",)
    stand_in(noise(0))
    with pytest.raises(InputError, match="holds no samples"):
        read_clip(path)


def test_without_ffmpeg_a_sentence_says_what_would_help(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for demuxer, content in KINDS.items():
        path = tmp_path / f"a.{demuxer}"
        path.write_bytes(content)
        for read in (read_clip, probe):
            with pytest.raises(InputError, match="which needs ffmpeg, and that is not installed here. Install it, or"):
                read(path)
    with pytest.raises(InputError, match="a.wav is WAV with MP3 in it"):
        read_clip(tmp_path / "a.wav")


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"#EXTM3U\0\0\0\0ftyp",
        b"<?xml version='1.0'?><MPD/>",
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0" + bytes(9),
    ],
)
def test_ffmpeg_sees_no_playlist(tmp_path, stand_in, content):
    asked = stand_in(noise())
    path = tmp_path / "a.m4a"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not audio that can be read"):
        read_clip(path)
    with pytest.raises(FileNotFoundError):
        asked()


@ffmpeg
@pytest.mark.parametrize("name", ["a.m4a", "a.aac", "a.webm", "a.mka", "a.3gp", "mp3-in.wav"])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_phones_and_browsers_record(tmp_path, name, channels):
    """A tone comes back at its rate, level and length, and a part is that of the whole."""
    times = np.arange(3 * 48000) / 48000
    tone = np.stack([0.25 * np.sin(2 * np.pi * 440 * (1 + n) * times) for n in range(channels)])
    soundfile.write(tmp_path / "truth.wav", tone.T, 48000, subtype="FLOAT")
    path = tmp_path / name
    codec = {"mp3-in.wav": ["-c:a", "libmp3lame"], "a.3gp": ["-c:a", "aac"]}.get(name, [])
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "truth.wav"), *codec, str(path)]
    subprocess.run(command, check=True)
    recording = read_clip(path)
    clip = recording.clip
    assert recording.notes == () and clip.sample_rate == 48000 and clip.channels == channels
    assert clip.seconds == pytest.approx(3.0, abs=0.06)
    levels = clip.samples[:, 24000:-24000].std(axis=1)
    assert levels == pytest.approx(np.full(channels, 0.25 / np.sqrt(2)), rel=0.05)
    part = read_clip(path, start=1.0, length=0.5).clip
    np.testing.assert_allclose(part.samples, clip.samples[:, 48000:72000], atol=1e-6)
    cut = tmp_path / f"cut-{name}"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    if name not in ("a.m4a", "a.3gp"):  # whose index is at their end
        assert 0.5 < read_clip(cut).clip.seconds < 2.5


@ffmpeg
def test_ffmpeg_gives_up_on_rubbish(tmp_path):
    for demuxer in KINDS.keys() - {"amr"}:  # where any bytes are sound
        path = tmp_path / f"a.{demuxer}"
        path.write_bytes(KINDS[demuxer] + np.random.default_rng(0).bytes(5000))
        with pytest.raises(InputError, match="ffmpeg finds no sound|no samples"):
            read_clip(path)
