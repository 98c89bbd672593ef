"""The sound that a tab works on: what is let in, and how much of it is read."""

import os
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from core.signal.limits import LIMITS
from demos.page.source import Loaded, load, part_ends, read_source, shown_part, shown_stretch

RATE = 16000


def write(path, seconds=2.0, channels=1, **form):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (round(seconds * RATE), channels)).astype(np.float32)
    soundfile.write(path, samples, RATE, **form)
    return samples.T


def test_a_file_and_its_part(tmp_path):
    path = tmp_path / "a.wav"
    samples = write(path, channels=2, subtype="FLOAT")
    loaded = load(str(path))
    assert loaded == Loaded(str(path), "a.wav", 2.0)
    assert np.array_equal(shown_part(loaded, 0.0, 1.0)[0].samples, samples)
    excerpt = read_source(loaded, 0.5, 0.25, None)
    assert np.array_equal(excerpt.clip.samples, samples[:, RATE // 2 : RATE * 3 // 4]) and excerpt.reference is None


def test_a_large_file_is_let_in_and_a_part_of_it_read(tmp_path):
    path = tmp_path / "a.wav"
    write(path, channels=2, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = (250_000_000).to_bytes(4, "little")
    path.write_bytes(content)
    os.truncate(path, at + 4 + 250_000_000)
    loaded = load(str(path))
    assert loaded.seconds == 250_000_000 / 4 / RATE
    assert shown_part(loaded, 3000.0, 900.0)[0].seconds == 60.0
    assert read_source(loaded, 3000.0, 10.0, None).clip.seconds == 10.0
    with pytest.raises(InputError, match="limit"):
        read_source(loaded, None, None, None)


def test_a_long_sound_is_shown_around_its_part():
    assert shown_stretch(30.0, 20.0, 5.0) == (0.0, 30.0), "all of a short one"
    assert shown_stretch(600.0, 300.0, 10.0) == (275.0, 60.0)
    assert shown_stretch(600.0, 5.0, 10.0) == (0.0, 60.0) and shown_stretch(600.0, 590.0, 10.0) == (540.0, 60.0)
    assert shown_stretch(600.0, 100.0, 200.0) == (100.0, 60.0), "the beginning of a longer part"


def test_the_part_ends_within_the_sound():
    assert part_ends(30.0, 5.0, 10.0) == [5.0, 15.0] and part_ends(30.0, 5.0, 0.0) == [5.0, 30.0]
    assert part_ends(30.0, None, 90.0) == [0.0, 30.0] and part_ends(30.0, 40.0, 1.0) == [30.0, 30.0]
    assert part_ends(30.0, -3.0, -1.0) == [0.0, 0.0], "half typed"


@pytest.mark.parametrize("reader", [read_source, shown_part])
def test_more_channels_where_they_are_mixed(tmp_path, reader):
    path = tmp_path / "a.wav"
    samples = write(path, channels=6, subtype="FLOAT")
    with pytest.raises(InputError, match="6 channels; the limit is 2"):
        load(str(path))
    loaded = load(str(path), mixes=True)
    found = reader(loaded, 0.0, 2.0, None).clip if reader is read_source else reader(loaded, 0.0, 2.0)[0]
    np.testing.assert_allclose(found.samples, samples.mean(axis=0, keepdims=True), atol=1e-6)
    write(path, channels=2)
    assert not load(str(path), mixes=True).mono  # two are shown as they are


def test_a_file_of_unknown_length_longer_than_what_is_worked_on(tmp_path, monkeypatch):
    """FLAC from a pipe whose end says nothing: how long it is shows in decoding, and a part of it can be read."""
    monkeypatch.setattr("core.signal.containers.flac.SEARCHED", 10)
    path = tmp_path / "a.flac"
    write(path, seconds=5.0)
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] & 0xF0, 0, 0, 0, 0])
    path.write_bytes(content)
    assert load(str(path), limits=replace(LIMITS, seconds=2.0)).seconds == 5.0
