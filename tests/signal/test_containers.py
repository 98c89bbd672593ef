"""Files whose headers err, made from whole ones by their bytes: all that is in them is read, and nothing more is
claimed."""

import struct
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from core.signal.containers.layout import MOST_STREAMS
from core.signal.files import duration, probe, read_clip
from core.signal.limits import LIMITS

RATE = 44100
MP3_DELAY = 576 + 529  # of encoder and decoder: what a header tells the decoder to leave out


def sound(seconds=1.0, channels=1, rate=RATE, seed=0):
    """A quiet second and a loud one in turn, so that a variable bitrate varies, [frames, channels]."""
    noise = np.random.default_rng(seed).uniform(-0.4, 0.4, (round(seconds * rate), channels)).astype(np.float32)
    return noise * np.where(np.arange(len(noise)) // rate % 2, 0.01, 1)[:, None].astype(np.float32)


def encoded(path, samples, rate=RATE, **form) -> bytes:
    soundfile.write(path, samples, rate, **form)
    return path.read_bytes()


def mp3(path, samples, rate=RATE, mode="VARIABLE") -> bytes:
    return encoded(path, samples, rate, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode)


def without_xing(content: bytes) -> bytes:
    """From the second frame on."""
    return content[content.index(content[:2], 4) :]


def patched(content: bytes, at: int, by: bytes) -> bytes:
    return content[:at] + by + content[at + len(by) :]


def held(path, content: bytes) -> np.ndarray:
    """The samples of a file in which nothing is missing, whose length is known before it is decoded."""
    path.write_bytes(content)
    recording = read_clip(path)
    assert recording.notes == () and probe(path).frames == recording.clip.frames and not probe(path).ends_early
    return recording.clip.samples


@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
@pytest.mark.parametrize(("rate", "channels"), [(44100, 1), (44100, 2), (22050, 1), (16000, 2), (8000, 1)])
def test_mp3_without_a_xing_header(tmp_path, mode, rate, channels):
    """Read whole, with the delay that the header would have told, and its parts are those of the whole."""
    path = tmp_path / "a.mp3"
    content = mp3(path, sound(3.0, channels, rate), rate, mode)
    truth = read_clip(path).clip.samples
    samples = held(path, without_xing(content))
    assert MP3_DELAY <= samples.shape[1] - truth.shape[1] < MP3_DELAY + 2 * 1152
    found = samples[:, MP3_DELAY : MP3_DELAY + truth.shape[1]]
    np.testing.assert_allclose(found[:, :-1200], truth[:, :-1200], atol=1e-6)  # overlapping frames need the next
    part = read_clip(path, start=2.0, length=0.5).clip.samples
    np.testing.assert_allclose(part, samples[:, 2 * rate : 2 * rate + rate // 2], atol=1e-6)


@pytest.mark.parametrize(("second", "size", "samples"), [(b"\xfd", 208, 1152), (b"\xff", 68, 384)])
def test_mpeg_of_layers_1_and_2(tmp_path, second, size, samples):
    """Frames of silence whose bitrate varies, which a decoder guesses their number by; they cannot have a header."""
    path = tmp_path / "a.mp2"
    bitrates = {208: (0x80, 417), 68: (0x40, 136)}[size]
    frame = (b"\xff" + second + bytes([bitrates[0] // 2, 0])).ljust(size, b"\0")
    louder = (b"\xff" + second + bytes([bitrates[0], 0])).ljust(bitrates[1], b"\0")
    content = louder * 100 + frame * 200
    assert held(path, content).shape[1] == 300 * samples
    path.write_bytes(content[: -size // 2])
    assert read_clip(path).clip.frames == 299 * samples and "ends early" in read_clip(path).notes[0]


def test_mp3_with_a_vbri_header(tmp_path):
    """Of another encoder: the decoder takes it for a frame with sound."""
    path = tmp_path / "a.mp3"
    content = without_xing(mp3(path, sound(3.0)))
    frames = held(path, content).shape[1] // 1152
    head = content[:1] + bytes([content[1] | 1, content[2] & 0x0C | 0x90, content[3]])
    vbri = b"VBRI" + struct.pack(">HHHII", 1, 0, 75, len(content), frames)
    header = (head.ljust(36, b"\0") + vbri).ljust(144 * 128_000 // RATE, b"\0")
    assert held(path, header + content).shape[1] == frames * 1152
    path.write_bytes(header + content[: len(content) // 2])
    assert read_clip(path).notes[0].startswith(f"a.mp3 ends early: of {frames * 1152 / RATE:.2f} s")


@pytest.mark.parametrize("between", [b"", b"TAG" + bytes(125), b"ID3\x04\0\0\0\0\x60\0" + bytes(0x60 << 7)])
def test_mp3s_one_after_the_other(tmp_path, between):
    """With tags between them or none; each without the delay and padding of its encoder."""
    path = tmp_path / "a.mp3"
    files = [mp3(path, sound(1.0, seed=seed)) for seed in (1, 2)]
    truths = []
    for content in files:
        path.write_bytes(content)
        truths.append(read_clip(path).clip.samples)
    samples = held(path, between.join(files))
    np.testing.assert_allclose(samples, np.concatenate(truths, axis=1), atol=1e-6)
    across = read_clip(path, start=0.75, length=0.5).clip.samples
    np.testing.assert_allclose(across, samples[:, RATE * 3 // 4 : RATE * 5 // 4], atol=1e-6)


def test_mp3s_of_several_rates(tmp_path):
    """What cannot follow the first is left out, and a note says so."""
    path = tmp_path / "a.mp3"
    path.write_bytes(mp3(path, sound(1.0)) + mp3(path, sound(1.0, rate=22050), 22050))
    recording = read_clip(path)
    assert recording.clip.frames == RATE
    assert recording.notes == ("a.mp3 goes on after 1.00 s with sound of another kind, which was left out.",)


def test_a_cut_mp3_says_what_is_missing(tmp_path):
    """And a start behind the cut is after the end, however long the header says that the file is."""
    path = tmp_path / "a.mp3"
    content = mp3(path, sound(4.0))
    whole = read_clip(path).clip.samples
    path.write_bytes(content[: len(content) // 2])
    recording = read_clip(path)
    frames = recording.clip.frames
    assert 0.2 * RATE < frames < 3.5 * RATE and probe(path).frames >= frames and probe(path).ends_early
    np.testing.assert_allclose(recording.clip.samples[:, :-1200], whole[:, : frames - 1200], atol=1e-6)
    (note,) = recording.notes
    assert note.startswith("a.mp3 ends early: of 4.0") and f"only {frames / RATE:.2f} s" in note
    assert read_clip(path, length=0.2).notes == ()
    with pytest.raises(InputError, match="ends before 3.9 s"):
        read_clip(path, start=3.9)


def test_an_mp3_that_is_cut_within_a_frame(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(without_xing(mp3(path, sound(1.0)))[:-5])
    (note,) = read_clip(path).notes
    assert "ends early" in note


def test_an_mp3_whose_xing_header_was_never_filled_in(tmp_path):
    """As an encoder leaves it that writes to a pipe."""
    path = tmp_path / "a.mp3"
    content = mp3(path, sound(2.0))
    frames = read_clip(path).clip.frames
    at = content.index(b"Xing") + 8
    assert held(path, patched(content, at, bytes(8))).shape[1] == frames


def test_junk_before_and_between_frames(tmp_path):
    path = tmp_path / "a.mp3"
    content = without_xing(mp3(path, sound(2.0), mode="CONSTANT"))
    size = content.index(content[:2], 4)
    frames = held(path, content).shape[1]
    assert abs(held(path, content[: 20 * size] + bytes(700) + content[20 * size :]).shape[1] - frames) <= 1152


@pytest.mark.parametrize("unit", [b"\xff\xfb\x90\x64", b"\xff" * 4, b"OggS\0\2" + bytes(21), b"ID3\4\0\0\0\0\0\0"])
def test_files_of_nothing_but_beginnings(tmp_path, unit):
    (tmp_path / "a.mp3").write_bytes(unit * 100_000)
    with pytest.raises(InputError, match="not audio|more than 1000 others"):
        read_clip(tmp_path / "a.mp3")


def test_files_that_last_for_days(tmp_path, monkeypatch):
    monkeypatch.setattr("core.signal.containers.mpeg.MOST_FRAMES", 100)
    path = tmp_path / "a.mp3"
    mp3(path, sound(3.0))
    with pytest.raises(InputError, match="longer than a day"):
        probe(path)


def test_files_of_very_many(tmp_path):
    path = tmp_path / "a.mp3"
    content = mp3(path, sound(0.1))
    path.write_bytes(content * (MOST_STREAMS + 1))
    with pytest.raises(InputError, match="put together from more than 1000 others"):
        probe(path)


@pytest.mark.parametrize("bare", [True, False])
def test_mp3_in_wav(tmp_path, bare):
    """The header says about how long it is; the frames say it exactly."""
    path = tmp_path / "a.wav"
    content = mp3(path, sound(3.0))
    content = without_xing(content) if bare else content
    truth = held(path, content)
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 1, RATE, 0, 1152, 0, 12, 1, 0, 1152, 1, 0)
    chunks = {b"fmt ": form, b"fact": struct.pack("<I", 7), b"data": content}
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(x)) + x + bytes(len(x) % 2) for name, x in chunks.items())
    samples = held(path, b"RIFF" + struct.pack("<I", len(body)) + body)
    np.testing.assert_allclose(samples, truth, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 4095, 4096, 8000, 70_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_flac_of_unknown_length(tmp_path, frames, channels):
    """As an encoder leaves it that writes to a pipe: whole, to the last sample, from any place on."""
    path = tmp_path / "a.flac"
    samples = np.random.default_rng(0).integers(-(2**15), 2**15, (frames, channels), dtype=np.int16)
    content = encoded(path, samples, format="FLAC", subtype="PCM_16")
    path.write_bytes(patched(content, 21, bytes([content[21] & 0xF0, 0, 0, 0, 0])))
    assert probe(path).frames == frames and duration(path) == frames / RATE
    if frames > 32:
        recording = read_clip(path)
        assert recording.notes == () and np.array_equal(recording.clip.samples.T * 2**15, samples)
        part = read_clip(path, start=(frames - 40) / RATE).clip.samples
        assert np.array_equal(part.T * 2**15, samples[-40:])


def test_flac_of_unknown_length_that_is_cut(tmp_path):
    path = tmp_path / "a.flac"
    content = encoded(path, sound(2.0), format="FLAC", subtype="PCM_16")
    whole = read_clip(path).clip.samples
    cut = patched(content, 21, bytes([content[21] & 0xF0, 0, 0, 0, 0]))[: len(content) // 2]
    path.write_bytes(cut)
    recording = read_clip(path)
    assert 0.3 * RATE < recording.clip.frames < 1.5 * RATE and "ends early" in recording.notes[0]
    assert np.array_equal(recording.clip.samples, whole[:, : recording.clip.frames])


def test_joined_flac(tmp_path, monkeypatch):
    """Read whole, bit for bit, from any place on, also where a stream does not know its length."""
    monkeypatch.setattr("core.signal.containers.flac.SEARCHED", 1000)  # a stream may begin across what is read at once
    path = tmp_path / "a.flac"
    sounds = [np.random.default_rng(n).integers(-(2**15), 2**15, (20_000 + n, 2), dtype=np.int16) for n in range(3)]
    first, second, third = (encoded(path, samples, format="FLAC", subtype="PCM_16") for samples in sounds)
    second = patched(second, 21, bytes([second[21] & 0xF0, 0, 0, 0, 0]))
    truth = np.concatenate(sounds).T
    assert np.array_equal(held(path, first + second + third) * 2**15, truth)
    part = read_clip(path, start=15_000 / RATE, length=30_000 / RATE).clip.samples
    assert np.array_equal(part * 2**15, truth[:, 15_000:45_000])


def test_joined_flac_of_several_channels(tmp_path):
    path = tmp_path / "a.flac"
    parts = [encoded(path, sound(1.0, channels), format="FLAC", subtype="PCM_16") for channels in (1, 2)]
    path.write_bytes(b"".join(parts))
    assert "goes on after 1.00 s with sound of another kind" in read_clip(path).notes[0]


def test_flac_whose_last_frame_is_lost_is_read_nevertheless(tmp_path, monkeypatch):
    """Nothing at the end says how long it is: it is decoded, within the limit."""
    monkeypatch.setattr("core.signal.containers.flac.TAIL", 10)
    path = tmp_path / "a.flac"
    content = encoded(path, sound(1.0), format="FLAC", subtype="PCM_16")
    path.write_bytes(patched(content, 21, bytes([content[21] & 0xF0, 0, 0, 0, 0])))
    assert probe(path).frames is None and duration(path) == 1.0 and read_clip(path).clip.frames == RATE
    with pytest.raises(InputError, match="limit of 0.5 s"):
        read_clip(path, limits=replace(LIMITS, seconds=0.5))
    monkeypatch.setattr("core.signal.files.COUNTING_SECONDS", -1)
    with pytest.raises(InputError, match="too long for its length to be found"):
        duration(path)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_chained_ogg(tmp_path, subtype):
    path = tmp_path / "a.ogg"
    form = {"rate": 48000, "format": "OGG", "subtype": subtype}
    links, truths = [], []
    for seed, seconds in enumerate((0.5, 1.0, 0.7)):
        links.append(encoded(path, sound(seconds, 2, 48000, seed), **form))
        truths.append(read_clip(path).clip.samples)
    samples = held(path, b"".join(links))
    np.testing.assert_allclose(samples, np.concatenate(truths, axis=1), atol=1e-6)
    part = read_clip(path, start=0.4, length=1.5).clip.samples
    middle = slice(4800, -4800)
    np.testing.assert_allclose(part[:, middle], samples[:, 19200 : 19200 + 72000][:, middle], atol=2e-3)


def test_chained_ogg_of_several_channels(tmp_path):
    path = tmp_path / "a.ogg"
    links = [encoded(path, sound(1.0, channels), format="OGG", subtype="VORBIS") for channels in (1, 2)]
    path.write_bytes(b"".join(links))
    assert "goes on after 1.00 s with sound of another kind" in read_clip(path).notes[0]


UNFINISHED = {
    "WAV": [("data", 4, struct.pack("<I", 0)), ("data", 4, struct.pack("<I", 0xFFFFFFFF))],
    "RF64": [("ds64", 8, bytes(24))],
    "AIFF": [("SSND", 4, struct.pack(">I", 8)), ("SSND", 4, bytes(4))],
    "AU": [(".snd", 8, bytes(4)), (".snd", 8, b"\xff" * 4)],
    "CAF": [("data", 4, b"\xff" * 8), ("data", 4, bytes(8))],
}


@pytest.mark.parametrize(
    ("container", "name", "offset", "size"), [(form, *case) for form, cases in UNFINISHED.items() for case in cases]
)
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_files_that_were_never_finished(tmp_path, container, name, offset, size, subtype):
    """A recorder that lost its power, or wrote to a pipe, leaves no size, or 0."""
    path = tmp_path / "a"
    content = encoded(path, sound(1.0, 2), format=container, subtype=subtype)
    truth = read_clip(path).clip.samples
    assert np.array_equal(held(path, patched(content, content.index(name.encode()) + offset, size)), truth)


def test_a_wav_that_was_never_finished_at_all(tmp_path):
    """The size of the whole is 0, too."""
    path = tmp_path / "a.wav"
    content = encoded(path, sound(1.0), format="WAV", subtype="PCM_16")
    truth = read_clip(path).clip.samples
    content = patched(patched(content, 4, bytes(4)), content.index(b"data") + 4, bytes(4))
    assert np.array_equal(held(path, content), truth)


def test_an_empty_wav_is_empty(tmp_path):
    """Other chunks behind no samples are none."""
    path = tmp_path / "a.wav"
    content = encoded(path, sound(0.0), format="WAV", subtype="PCM_16")
    for tail in (b"", b"LIST" + struct.pack("<I", 4) + b"INFO"):
        path.write_bytes(content + tail)
        with pytest.raises(InputError, match="holds no samples"):
            read_clip(path)


@pytest.mark.parametrize("size", [2**63, 2**64 - 1])
def test_sizes_that_no_file_has(tmp_path, size):
    path = tmp_path / "a.caf"
    path.write_bytes(b"caff\0\1\0\0free" + struct.pack(">Q", size) + bytes(100))
    with pytest.raises(InputError, match="not audio"):
        read_clip(path)


@pytest.mark.parametrize("subtype", ["GSM610", "IMA_ADPCM", "MS_ADPCM", "G721_32"])
def test_codecs_in_wav(tmp_path, subtype):
    """Those without a way to any place are decoded from the beginning."""
    path = tmp_path / "a.wav"
    times = np.arange(16000) / 8000
    tone = (0.3 * np.sin(2 * np.pi * 300 * times)).astype(np.float32)
    encoded(path, tone, 8000, format="WAV", subtype=subtype)
    whole = read_clip(path).clip.samples
    assert whole.shape[1] >= 16000
    assert np.corrcoef(whole[0, :16000], tone)[0, 1] > 0.95
    assert np.array_equal(read_clip(path, start=0.5, length=0.25).clip.samples, whole[:, 4000:6000])
