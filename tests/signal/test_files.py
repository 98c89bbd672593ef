"""Reading: every limit and refusal, every format. Writing: whole files at their own level, or none."""

import os
import struct
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import duration, probe, read_clip, write_clip
from core.signal.limits import LIMITS

RATE = 16000
SUBTYPES = [
    ("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
] + [("FLAC", "PCM_S8"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
SUBTYPES += [("AIFF", "PCM_S8"), ("AU", "ULAW"), ("CAF", "ALAC_16"), ("W64", "PCM_16"), ("RF64", "PCM_16")]


def tone(frames=8000, channels=1, rate=RATE, level=0.25):
    """A tone per channel, [channels, frames]."""
    times = np.arange(frames) / rate
    return (level * np.sin(2 * np.pi * 440 * (1 + np.arange(channels)[:, None]) * times)).astype(np.float32)


def save(path, samples, rate=RATE, **form):
    soundfile.write(path, samples.T, rate, **{"format": "WAV", "subtype": "FLOAT", **form})
    return path


@pytest.mark.parametrize(("container", "subtype"), SUBTYPES)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_keeps_the_level(tmp_path, container, subtype, channels):
    """8 to 64 bit, companded, compressed: under a name whose extension lies, at the level it was written with."""
    rate = 48000 if subtype == "OPUS" else RATE
    samples = tone(rate, channels, rate)
    path = save(tmp_path / "lying.raw", samples, rate, format=container, subtype=subtype)
    recording = read_clip(path)
    assert recording.clip.sample_rate == rate and recording.notes == ()
    assert recording.clip.samples.shape == samples.shape
    middle = slice(2000, -2000)
    atol = {"PCM_16": 1e-4, "ALAC_16": 1e-4, "PCM_24": 1e-6, "PCM_32": 1e-6, "FLOAT": 0, "DOUBLE": 0}.get(subtype, 4e-2)
    np.testing.assert_allclose(recording.clip.samples[:, middle], samples[:, middle], atol=atol)


def test_float_files_come_back_bit_for_bit(tmp_path):
    """Peaks beyond full scale, denormals and signed zeros included."""
    samples = np.array([[0.0, -0.0, 2.5, -3.75, 1e-40, 1 / 3] * 10], dtype=np.float32)
    clip = read_clip(save(tmp_path / "a.wav", samples)).clip
    assert clip.samples.tobytes() == samples.tobytes()


def test_a_part_is_that_of_the_whole(tmp_path):
    for container, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")):
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, RATE)).astype(np.float32)
        path = save(tmp_path / "a", noise, format=container, subtype=subtype)
        whole = read_clip(path).clip.samples
        part = read_clip(path, start=0.25, length=0.5).clip.samples
        np.testing.assert_allclose(part, whole[:, RATE // 4 : RATE * 3 // 4], atol=1e-6)
        np.testing.assert_allclose(read_clip(path, start=0.75).clip.samples, whole[:, RATE * 3 // 4 :], atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2])
def test_mp3_is_whole_across_blocks_and_parts(tmp_path, monkeypatch, channels):
    """A tone takes few bits, so that its frames borrow them from far before."""
    monkeypatch.setattr("core.signal.decoding.BLOCK_FRAMES", 30000)
    samples = tone(200000, channels, 44100)
    path = save(tmp_path / "a.mp3", samples, 44100, format="MP3", subtype="MPEG_LAYER_III")
    whole, part = read_clip(path).clip.samples, read_clip(path, start=1, length=1).clip.samples
    np.testing.assert_allclose(whole[:, 3000:-3000], samples[:, 3000:-3000], atol=0.02)
    np.testing.assert_allclose(part, samples[:, 44100:88200], atol=0.02)


def test_a_part_that_outlasts_the_file_is_noted(tmp_path):
    recording = read_clip(save(tmp_path / "a.wav", tone()), start=0.25, length=9)
    assert recording.clip.frames == 4000
    assert recording.notes == ("a.wav ends at 0.50 s, so the part is 0.25 s long.",)


@pytest.mark.parametrize(("start", "length"), [(-1, None), (0, 0), (0, -1), (np.nan, None), (0, np.inf), (np.inf, 1)])
def test_impossible_parts(tmp_path, start, length):
    with pytest.raises(InputError, match="longer than 0 s"):
        read_clip(save(tmp_path / "a.wav", tone()), start=start, length=length)


def test_a_start_after_the_end(tmp_path):
    for start in (0.5, 9, 1e300):
        with pytest.raises(InputError, match="Choose an earlier start"):
            read_clip(save(tmp_path / "a.wav", tone()), start=start)


def test_longer_files_need_a_part(tmp_path):
    limits = replace(LIMITS, seconds=0.4)
    path = save(tmp_path / "a.wav", tone())
    with pytest.raises(InputError, match=r"limit of 0.4 s \(0.5 s\). Choose a part of it with --start and --length"):
        read_clip(path, limits=limits)
    assert read_clip(path, start=0.1, limits=limits).clip.frames == 6400
    assert read_clip(path, length=0.4, limits=limits).clip.frames == 6400
    assert probe(path, limits=limits).seconds == 0.5


def test_a_compressed_hour_of_silence_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = save(tmp_path / "bomb.flac", np.zeros((2, 4000 * 601), np.float32), 4000, format="FLAC", subtype="PCM_16")
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(InputError, match="limit of 600 s"):
        read_clip(path)


@pytest.mark.parametrize(
    ("channels", "rate", "message"),
    [
        (3, RATE, "has 3 channels; the limit is 2"),
        (1, 3999, "the limits are 4000 to 192000 Hz"),
        (1, 192001, "the limits are 4000 to 192000 Hz"),
    ],
)
def test_formats_outside_the_limits(tmp_path, channels, rate, message):
    path = save(tmp_path / "a.wav", tone(channels=channels), rate)
    for reader in (read_clip, probe):
        with pytest.raises(InputError, match=message):
            reader(path)


def test_limits_can_be_raised(tmp_path):
    path = save(tmp_path / "array.wav", tone(channels=16))
    assert read_clip(path, limits=replace(LIMITS, channels=16)).clip.channels == 16


def test_limits_themselves_are_accepted(tmp_path):
    for rate in (4000, 192000):
        assert read_clip(save(tmp_path / "a.wav", tone(32), rate)).clip.frames == 32


def test_large_files(tmp_path):
    path = tmp_path / "large.wav"
    with open(path, "wb") as file:
        file.truncate(LIMITS.file_bytes + 1)
    with pytest.raises(InputError, match="the limit is 200 MB"):
        read_clip(path)


def large_wav(path, megabytes: int, channels=2, rate=48000):
    """Silence that takes no place on the disk."""
    save(path, tone(100, channels), rate, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    at, size = content.index(b"data") + 4, megabytes * 10**6 // 16 * 16
    content[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(content)
    os.truncate(path, at + 4 + size)
    return path


def test_a_part_of_a_large_file(tmp_path):
    """What is used counts; it takes memory for the part alone."""
    path = large_wav(tmp_path / "large.wav", 250)
    with pytest.raises(InputError, match="has 250.0 MB; the limit is 200 MB. Choose a part of it with --start"):
        read_clip(path)
    assert probe(path).seconds == pytest.approx(1302, abs=1)
    tracemalloc.start()
    clip = read_clip(path, start=1200.0, length=3.0).clip
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert clip.seconds == 3.0 and peak < 20 * 10**6
    with pytest.raises(InputError, match="has 192.0 MB; the limit is 100 MB"):
        read_clip(path, start=300.0, length=1000.0, limits=replace(LIMITS, seconds=1000.0, file_bytes=100_000_000))


def test_files_too_large_for_parts_too(tmp_path):
    path = save(tmp_path / "a.wav", tone())
    limits = replace(LIMITS, whole_file_bytes=path.stat().st_size - 1)
    for reader in (read_clip, probe, duration):
        with pytest.raises(InputError, match="for parts of it too"):
            reader(path, limits=limits)
    with pytest.raises(InputError, match="for parts of it too"):
        read_clip(path, length=0.1, limits=limits)


def test_channels_are_counted_after_they_are_mixed(tmp_path):
    """5.1 and more, mixed in blocks as `Clip.mono` mixes them."""
    samples = np.random.default_rng(0).uniform(-1, 1, (6, 3000)).astype(np.float32)
    path = save(tmp_path / "a.wav", samples)
    with pytest.raises(InputError, match="6 channels; the limit is 2"):
        read_clip(path)
    assert np.array_equal(read_clip(path, mono=True).clip.samples, Clip(samples, RATE).mono().samples)
    assert probe(path, mono=True).channels == 6
    path = save(tmp_path / "b.wav", samples[:2])
    assert np.array_equal(read_clip(path, mono=True).clip.samples, read_clip(path).clip.mono().samples)
    path = save(tmp_path / "c.wav", tone(100, 65))
    with pytest.raises(InputError, match="65 channels; the limit is 64"):
        read_clip(path, mono=True)


@pytest.mark.parametrize("frames", [0, 1, 31])
def test_too_few_samples(tmp_path, frames):
    with pytest.raises(InputError, match="no samples" if frames == 0 else "at least 32 are needed"):
        read_clip(save(tmp_path / "a.wav", tone(frames)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_samples_that_are_not_finite(tmp_path, bad):
    samples = tone(70000, 2).astype(np.float64)
    samples[1, 69999] = bad
    with pytest.raises(InputError, match="NaN or infinity"):
        read_clip(save(tmp_path / "a.wav", samples, subtype="DOUBLE"))


@pytest.mark.parametrize(
    "content", [b"", b"hello " * 100, b"RIFF\0\0\0\0WAVE", b"fLaC" + bytes(100), b"OggS", bytes(9)]
)
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.vox", "a.gsm", "a.au", "a.raw", "a.mp3"])
def test_what_is_not_audio(tmp_path, content, name):
    """Nor does an extension of headerless audio make it so."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="not audio|no samples"):
        read_clip(tmp_path / name)


def test_what_is_not_a_file(tmp_path):
    os.mkfifo(tmp_path / "fifo.wav")
    cases = {tmp_path: "is a folder", tmp_path / "none.wav": "does not exist", "a\0b.wav": "does not exist"}
    for path, message in {**cases, tmp_path / "fifo.wav": "is a device", "/dev/zero": "is a device"}.items():
        with pytest.raises(InputError, match=message):
            read_clip(path)


@pytest.mark.parametrize(("container", "subtype"), [f for f in SUBTYPES if f[0] not in ("CAF",)])
def test_files_that_end_early(tmp_path, container, subtype):
    """What is there is read, and a note says that the rest is not."""
    rate = 48000 if subtype == "OPUS" else RATE
    noise = (0.3 * np.random.default_rng(0).standard_normal((1, 3 * rate))).clip(-1, 1).astype(np.float32)
    path = save(tmp_path / "a", noise, rate, format=container, subtype=subtype)
    whole = read_clip(path).clip.samples
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    recording = read_clip(path)
    frames = recording.clip.frames
    assert 0.2 * noise.shape[1] < frames < 0.55 * noise.shape[1]
    assert len(recording.notes) == 1 and "ends early" in recording.notes[0]
    np.testing.assert_allclose(recording.clip.samples, whole[:, :frames], atol=1e-6 if container != "MP3" else 0.2)


def test_flac_is_read_to_the_last_whole_block(tmp_path):
    path = save(tmp_path / "a.flac", tone(70000), format="FLAC", subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-2])
    assert read_clip(path).clip.frames >= 70000 - 4608


@pytest.mark.parametrize("claim", [0, 2**36 - 1])
def test_flac_headers_that_lie_about_their_length(tmp_path, claim):
    """Zero means unknown: the last frame says it. A huge claim is refused, but a part of it can be read."""
    path = save(tmp_path / "a.flac", tone(8000), format="FLAC", subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[21] = content[21] & 0xF0 | claim >> 32
    content[22:26] = struct.pack(">I", claim & 0xFFFFFFFF)
    path.write_bytes(content)
    if claim:
        with pytest.raises(InputError, match="limit of 600 s"):
            read_clip(path)
        assert "ends early" in read_clip(path, length=9).notes[0]
    else:
        with pytest.raises(InputError, match="limit of 0.25 s"):
            read_clip(path, limits=replace(LIMITS, seconds=0.25))
        assert probe(path).frames == 8000
        assert read_clip(path).notes == ()
    assert read_clip(path, length=9).clip.frames == 8000


@pytest.mark.parametrize("claim", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_streamed_wav_does_not_know_its_length(tmp_path, claim):
    """What a recorder pipes out has a placeholder for its size; nothing is missing."""
    path = save(tmp_path / "a.wav", tone(), subtype="PCM_16")
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", claim)
    path.write_bytes(content)
    recording = read_clip(path)
    assert recording.clip.frames == 8000 and recording.notes == ()


def test_wav_is_written_bit_for_bit(tmp_path):
    """And the same clip gives the same bytes at any time."""
    samples = np.random.default_rng(0).standard_normal((2, 1001)).astype(np.float32) * 3
    assert write_clip(tmp_path / "a.WAV", Clip(samples, 44100)) == ()
    recording = read_clip(tmp_path / "a.WAV")
    assert recording.clip.samples.tobytes() == samples.tobytes() and recording.clip.sample_rate == 44100
    write_clip(tmp_path / "b.wav", recording.clip)
    assert (tmp_path / "a.WAV").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert soundfile.info(tmp_path / "a.WAV").subtype == "FLOAT"


def test_flac_keeps_24_bits(tmp_path):
    steps = np.random.default_rng(0).integers(-(2**23), 2**23, (2, 70000))
    steps[:, :2] = [-(2**23), 2**23 - 1]
    clip = Clip((steps / 2**23).astype(np.float32), RATE)
    assert write_clip(tmp_path / "a.flac", clip) == ()
    assert soundfile.info(tmp_path / "a.flac").subtype == "PCM_24"
    assert np.array_equal(read_clip(tmp_path / "a.flac").clip.samples, clip.samples)


def test_flac_tells_what_it_clipped(tmp_path):
    samples = tone(100)
    samples[0, 7], samples[0, 9], samples[0, 11] = 1.5, -2, 1.0
    (note,) = write_clip(tmp_path / "a.flac", Clip(samples, RATE))
    assert note.startswith("2 samples lie beyond full scale")
    written = read_clip(tmp_path / "a.flac").clip.samples
    np.testing.assert_allclose(written, samples.clip(-1, 1), atol=2**-23)


@pytest.mark.parametrize("bits", [16, 24])
def test_wav_of_whole_numbers_is_right_to_half_a_step(tmp_path, bits):
    clip = Clip(tone(70000, 2, level=0.99), RATE)
    assert write_clip(tmp_path / "a.wav", clip, bits=bits) == ()
    assert soundfile.info(tmp_path / "a.wav").subtype == f"PCM_{bits}"
    written = read_clip(tmp_path / "a.wav").clip.samples
    np.testing.assert_allclose(written, clip.samples, atol=0.5001 / 2 ** (bits - 1), rtol=0)
    (note,) = write_clip(tmp_path / "loud.wav", Clip(2 * clip.samples, RATE), bits=bits)
    assert f"WAV of {bits} bits cannot hold" in note


def test_ogg_keeps_the_level_beyond_full_scale(tmp_path):
    clip = Clip(tone(70000, 2, level=2.5), RATE)
    assert write_clip(tmp_path / "a.ogg", clip) == ()
    written = read_clip(tmp_path / "a.ogg").clip
    assert written.samples.shape == clip.samples.shape
    assert np.abs(written.samples).max() > 2.3
    np.testing.assert_allclose(written.samples[:, 2000:-2000], clip.samples[:, 2000:-2000], atol=0.25)


def test_names_that_cannot_be_written(tmp_path):
    clip = Clip(tone(), RATE)
    (tmp_path / "folder.wav").mkdir()
    refused = {
        "a.mp3": ".wav, .flac or .ogg",
        "a": ".wav, .flac or .ogg",
        "none/a.wav": "does not exist",
        "folder.wav": "is a folder",
    }
    for name, message in refused.items():
        with pytest.raises(InputError, match=message):
            write_clip(tmp_path / name, clip)
    assert os.listdir(tmp_path) == ["folder.wav"]


def test_formats_that_do_not_take_a_clip(tmp_path):
    with pytest.raises(InputError, match="16 channels.*ends in .wav"):
        write_clip(tmp_path / "a.flac", Clip(tone(channels=16), RATE))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_a_full_disk_leaves_nothing_new_and_nothing_lost(tmp_path, name):
    """A limit on file sizes fails a write as a full disk does, down to its last byte."""
    resource = pytest.importorskip("resource")
    clip = Clip(np.random.default_rng(0).uniform(-1, 1, (1, 40000)), RATE)
    write_clip(tmp_path / name, clip)
    before = (tmp_path / name).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (100, len(before) - 200):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            with pytest.raises(InputError, match="cannot be written"):
                write_clip(tmp_path / name, clip)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / name).read_bytes() == before and os.listdir(tmp_path) == [name]


def test_an_interrupt_leaves_nothing(tmp_path, monkeypatch):
    def begin(file, *_):
        file.write(b"RIFF")
        file.flush()
        assert [path.stat().st_size for path in tmp_path.iterdir()] == [4]
        raise KeyboardInterrupt

    monkeypatch.setattr("core.signal.files.wavfile.write", begin)
    with pytest.raises(KeyboardInterrupt):
        write_clip(tmp_path / "a.wav", Clip(tone(), RATE))
    assert os.listdir(tmp_path) == []
