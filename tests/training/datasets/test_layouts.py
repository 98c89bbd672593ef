"""Every data set is laid out so that what trains recipes reads it, with its splits, labels and speakers."""

import pytest

from core.signal.folders import recordings_by_speaker
from core.training.data import PackedData, find_audio, pack_data
from core.training.datasets.archives import DamagedArchive
from core.training.datasets.registry import DATA_SETS
from core.training.image_data import ImageData
from tests.training.datasets.archives import make_tar, make_zip
from tests.training.datasets.examples import ARCHIVES, slakh


@pytest.fixture
def laid_out(tmp_path):
    """Lays an example of a data set out; gives the folder."""

    def lay_out(name):
        (tmp_path / "archives").mkdir(exist_ok=True)
        folder = tmp_path / name
        folder.mkdir()
        DATA_SETS[name].lay_out(ARCHIVES[name](tmp_path / "archives"), folder, 10_000_000)
        return folder

    return lay_out


def known(folder):
    """Of every recording its path, split, label and speaker."""
    return [(s.path.as_posix(), s.split, s.label, s.speaker) for s in find_audio(folder)]


def test_every_data_set_has_an_example():
    assert set(ARCHIVES) == set(DATA_SETS)


def test_ljspeech(laid_out):
    folder = laid_out("ljspeech")
    assert [(path, label, speaker) for path, _, label, speaker in known(folder)] == [
        (f"wavs/LJ001-000{n}.wav", "wavs", "LJ") for n in range(3)
    ]
    assert (folder / "transcripts.csv").read_bytes().startswith(b"LJ001-0001|")


def test_vctk_is_one_microphone_by_speakers(laid_out):
    folder = laid_out("vctk")
    assert [(path, speaker) for path, _, _, speaker in known(folder)] == [
        ("p225/p225_001_mic1.flac", "p225"),
        ("p280/p280_001_mic1.flac", "p280"),
    ]
    assert set(recordings_by_speaker([folder])) == {"p225", "p280"}
    assert (folder / "p225" / "p225_001.txt").read_text() == "Please call Stella."


def test_maestro_keeps_its_splits_and_no_midi(laid_out):
    folder = laid_out("maestro")
    assert [row[:2] for row in known(folder)] == [("2004/a.wav", "train"), ("2006/b.wav", "valid")]
    assert not list(folder.rglob("*.midi")) and (folder / "LICENSE").exists()


def test_speech_commands_are_words_in_the_splits_of_their_lists(laid_out):
    assert known(laid_out("speech-commands")) == [
        ("bed/cc_nohash_1.wav", "test", "bed", "cc"),
        ("nine/aa_nohash_0.wav", "train", "nine", "aa"),
        ("zero/aa_nohash_0.wav", "train", "zero", "aa"),
        ("zero/bb_nohash_0.wav", "valid", "zero", "bb"),
    ]


def test_sc09_is_their_digits(laid_out):
    assert {label for _, _, label, _ in known(laid_out("sc09"))} == {"zero", "nine"}


def test_slakh_is_drums_and_basses_without_songs_that_are_copies(laid_out):
    folder = laid_out("slakh")
    for instrument, stem in (("drums", "S01"), ("bass", "S02")):
        assert known(folder / instrument) == [
            (f"test/Track01876-{stem}.flac", "test", instrument, ""),
            (f"train/Track00001-{stem}.flac", "train", instrument, ""),
            (f"valid/Track01501-{stem}.flac", "valid", instrument, ""),
        ]
    assert sorted(path.name for path in folder.iterdir()) == ["bass", "drums"]


def test_mnist_is_images_with_labels(laid_out):
    folder = laid_out("mnist")
    images = ImageData(folder, "train")
    assert images.size == (28, 28) and set(images.names) <= set("0123456789")
    assert len(ImageData(folder, "test")) == 5


def test_audiomnist_is_digits_by_speakers(laid_out):
    assert [(path, label, speaker) for path, _, label, speaker in known(laid_out("audiomnist"))] == [
        ("seven/7_01_0.wav", "seven", "am01"),
        ("seven/7_60_49.wav", "seven", "am60"),
        ("zero/0_01_0.wav", "zero", "am01"),
    ]


@pytest.mark.parametrize("name", ["speech-commands", "slakh", "maestro"])
def test_what_is_laid_out_can_be_packed(laid_out, tmp_path, name):
    folder = laid_out(name) / ("drums" if name == "slakh" else "")
    pack_data(folder, tmp_path / "pack", 16000)
    assert PackedData(tmp_path / "pack", "train").recordings and PackedData(tmp_path / "pack", "valid").recordings


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_of_something_else_is_refused(tmp_path, name):
    downloads = DATA_SETS[name].downloads
    make = make_zip if downloads[0].name.endswith("zip") else make_tar
    archives = [make(tmp_path / f"{n}{downloads[0].name}", {"top/other.txt": b"?"}) for n in range(len(downloads))]
    (tmp_path / "out").mkdir()
    with pytest.raises(DamagedArchive):
        DATA_SETS[name].lay_out(archives, tmp_path / "out", 10_000_000)


def test_stems_of_an_unreadable_song_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.training.datasets.examples.SLAKH_SONG", "stems: [1, 2")
    (tmp_path / "out").mkdir()
    with pytest.raises(DamagedArchive, match="does not say what its stems are"):
        DATA_SETS["slakh"].lay_out(slakh(tmp_path), tmp_path / "out", 10_000_000)
