"""Files of spectrograms: what they say of themselves, what they leave open, and what is no spectrogram."""

import contextlib
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.signal.mel import FRONT_ENDS, LOGARITHMS, mel_spectrogram
from core.signal.spectrogram_files import MelSpectrogram, read_spectrogram, write_spectrogram

FRONT_END, TACOTRON = FRONT_ENDS["pnf-16k"], FRONT_ENDS["tacotron"]
MEL = mel_spectrogram(0.1 * np.random.default_rng(0).standard_normal(16000), FRONT_END)


@pytest.fixture
def written(tmp_path):
    def write(**fields):
        about = {"mel": MEL, "sample_rate": 16000, "hop_length": 256, "log": "log10"} | fields
        path = tmp_path / "s.npz"
        np.savez(path, **{key: value for key, value in about.items() if value is not None})
        return path

    return write


@pytest.mark.parametrize("log", LOGARITHMS)
def test_any_logarithm_is_read(written, log):
    scaled = MEL * np.log(10) / LOGARITHMS[log]
    np.testing.assert_allclose(read_spectrogram(written(mel=scaled, log=log), FRONT_END).mel, MEL, rtol=1e-5, atol=1e-5)


def test_bare_arrays_are_the_priors_own(tmp_path):
    np.save(tmp_path / "s.npy", MEL)
    torch.save(torch.from_numpy(MEL)[None], tmp_path / "s.pt")
    for name in ("s.npy", "s.pt"):
        assert np.array_equal(read_spectrogram(tmp_path / name, FRONT_END).mel, MEL)


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".pt"])
def test_damaged_files_get_a_sentence(tmp_path, suffix):
    """Whatever bytes are wrong, and whatever a header claims."""
    path = tmp_path / f"s{suffix}"
    save = {".npz": lambda: np.savez_compressed(path, mel=MEL), ".npy": lambda: np.save(path, MEL)}
    save.get(suffix, lambda: torch.save(torch.from_numpy(MEL), path))()
    whole, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(whole)
        place = random.integers(0, min(len(whole), 400))
        broken[place : place + 4] = random.bytes(4)
        path.write_bytes(broken)
        with contextlib.suppress(InputError):
            read_spectrogram(path, FRONT_END)


def test_a_parameter_is_a_tensor(tmp_path):
    torch.save(torch.nn.Parameter(torch.from_numpy(MEL)), tmp_path / "s.pt")
    assert np.array_equal(read_spectrogram(tmp_path / "s.pt", FRONT_END).mel, MEL)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"sample_rate": 1000}, "sample_rate of 1000; it must be a number from 4000 to 192000"),
        ({"sample_rate": np.nan}, "sample_rate of nan"),
        ({"hop_length": 0}, "hop_length of 0"),
        ({"hop_length": 200.5}, "hop_length of 200.5"),
        ({"hop_length": "many"}, "hop_length of 'many'"),
        ({"window_length": -1}, "window_length of -1"),
        ({"lowest_hz": 5000, "highest_hz": 4000}, "go from 5000 to 4000 Hz"),
        ({"highest_hz": 9000}, "between 0 and 8000 Hz, half its rate"),
        ({"log": "log3"}, "logarithm 'log3'"),
        ({"centred": 0.5}, "centred of 0.5; it must be true or false"),
        ({"mel": np.zeros((3, 50))}, "3 mel bands, which must be 8 to 256"),
        ({"mel": np.zeros((400, 80))}, "400 mel bands, which must be 8 to 256: bands by frames"),
        ({"mel": np.zeros((40, 50)), "hop_length": None}, "does not say its sample_rate and hop_length"),
        ({"mel": np.zeros(50)}, "no spectrogram of bands by frames"),
        ({"mel": np.full((80, 50), np.nan)}, "no numbers"),
        ({"mel": np.full((80, 50), 50.0)}, "no log10 spectrogram of audio"),
        ({"mel": np.zeros((80, 80000), np.float16)}, "at most 600 s"),
        ({"mel": np.array([object()] * 3)}, "more than arrays"),
        ({"mel": None}, "no array `mel`"),
        ({"mel": np.array(["a", "b"])}, "no spectrogram"),
    ],
)
def test_spectrograms_of_another_kind(written, fields, reason):
    with pytest.raises(InputError, match=reason):
        read_spectrogram(written(**fields), FRONT_END)


def test_tacotrons_needs_no_further_words(written):
    """Rate, hop and logarithm are enough for what text-to-speech systems give; its bands go from 0 to 8,000 Hz."""
    found = read_spectrogram(written(sample_rate=22050, log="natural"), FRONT_END)
    assert found.front_end == TACOTRON
    np.testing.assert_allclose(found.mel, MEL, rtol=1e-6)


def test_what_a_file_states_is_believed(written):
    stated = {"sample_rate": 44100, "hop_length": 512, "window_length": 4096, "lowest_hz": 20, "highest_hz": 16000}
    own = read_spectrogram(written(mel=MEL[:64], **stated), FRONT_END).front_end
    assert {name: getattr(own, name) for name in stated} == stated and own.bands == 64
    assert read_spectrogram(written(lowest_hz=50), FRONT_END).front_end == replace(FRONT_END, lowest_hz=50)


def test_what_it_leaves_open_is_as_in_text_to_speech(written):
    """Windows of four hops, bands up to 8,000 Hz or half the rate."""
    own = read_spectrogram(written(sample_rate=8000, hop_length=100, mel=MEL[:40]), FRONT_END).front_end
    assert (own.window_length, own.bands, own.lowest_hz, own.highest_hz) == (400, 40, 0, 4000)


def test_a_front_end_that_is_named_says_what_is_left_open(written, tmp_path):
    np.save(tmp_path / "s.npy", MEL)
    assert read_spectrogram(tmp_path / "s.npy", FRONT_END, TACOTRON).front_end == TACOTRON
    own = read_spectrogram(written(hop_length=200), FRONT_END, FRONT_ENDS["pnf"]).front_end
    assert own == replace(FRONT_ENDS["pnf"], sample_rate=16000, hop_length=200)
    with pytest.raises(InputError, match="40 mel bands, those of tacotron are 80"):
        read_spectrogram(written(mel=MEL[:40]), FRONT_END, TACOTRON)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_what_is_written_is_read_as_what_it_was(tmp_path, name):
    spectrogram = MelSpectrogram(MEL, FRONT_ENDS[name])
    write_spectrogram(tmp_path / "s.npz", spectrogram)
    found = read_spectrogram(tmp_path / "s.npz", FRONT_ENDS["resound-16k"]).front_end
    for field in ("sample_rate", "window_length", "hop_length", "bands", "lowest_hz", "highest_hz"):
        assert getattr(found, field) == getattr(FRONT_ENDS[name], field)


class Poison:
    """What must never come to life: unpickled, it would leave a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".pt"])
def test_code_in_a_file_is_not_run(tmp_path, suffix):
    mark, path = tmp_path / "ran", tmp_path / f"s{suffix}"
    content = pickle.dumps(Poison(mark))
    if suffix == ".npz":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mel.npy", content)
    elif suffix == ".npy":
        np.save(path, np.array([Poison(mark)], dtype=object))  # objects are written as a pickle
    else:
        path.write_bytes(content)
    with pytest.raises(InputError):
        read_spectrogram(path, FRONT_END)
    assert not mark.exists()


def test_a_file_that_unpacks_to_too_much(tmp_path, monkeypatch):
    from core.signal import spectrogram_files

    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, mel=np.zeros((80, 20000)))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(spectrogram_files, "LIMITS", replace(spectrogram_files.LIMITS, file_bytes=1_000_000))
    with pytest.raises(InputError, match="unpacks to more than"):
        read_spectrogram(path, FRONT_END)


def test_a_missing_or_broken_file(tmp_path):
    with pytest.raises(InputError, match="no spectrogram"):
        read_spectrogram(tmp_path / "none.npz", FRONT_END)
    (tmp_path / "broken.npz").write_bytes(b"PK but no more")
    with pytest.raises(InputError, match="more than arrays"):
        read_spectrogram(tmp_path / "broken.npz", FRONT_END)
