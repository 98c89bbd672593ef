"""How each data set is laid out: what of its archives is kept, under which names, and its `metadata.csv`.

Each layout takes the archives, the folder that it fills, and the most bytes that it may write.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from core.choices import DIGITS
from core.errors import InputError
from core.training.data import METADATA, Source, write_metadata
from core.training.datasets.archives import DamagedArchive, read_texts, unpack
from core.training.image_data import read_idx

SPLITS = {"train": "train", "validation": "valid", "test": "test"}
INSTRUMENTS = {"Drums": "drums", "Bass": "bass"}  # Slakh's classes of stems, and our folders of them
SPEECH_COMMANDS_LISTS = {"validation_list.txt": "valid", "testing_list.txt": "test"}  # the others are for training
MICROPHONE = "_mic1"  # of VCTK's two, the one that every speaker has


def lay_out_ljspeech(archives: Sequence[Path], folder: Path, most_bytes: int) -> None:
    """LJ Speech as it unpacks, `wavs/*.wav`; its own table becomes transcripts.csv."""

    def place(path: PurePosixPath) -> PurePosixPath:
        inside = _below_top(path)
        return inside.with_name("transcripts.csv") if inside.name == METADATA else inside

    written = unpack(archives[0], folder, place, most_bytes)
    write_metadata(folder, [Source(Path(path), "", "", "LJ") for path in _recordings(written, ".wav")])


def lay_out_vctk(archives: Sequence[Path], folder: Path, most_bytes: int) -> None:
    """VCTK's first microphone, a folder for each speaker, and the texts that were read beside them."""

    def place(path: PurePosixPath) -> str | None:
        kept = path.name.endswith(f"{MICROPHONE}.flac") or (path.suffix == ".txt" and "txt" in path.parts[:-1])
        return f"{path.parent.name}/{path.name}" if kept else None

    written = unpack(archives[0], folder, place, most_bytes)
    recordings = _recordings(written, ".flac")
    write_metadata(folder, [Source(Path(path), "", "", path.parent.name) for path in recordings])


def lay_out_maestro(archives: Sequence[Path], folder: Path, most_bytes: int) -> None:
    """MAESTRO's recordings by year, with its own table, which names the splits."""

    def place(path: PurePosixPath) -> PurePosixPath | None:
        return _below_top(path) if path.suffix in (".wav", ".csv") or path.name in ("LICENSE", "README") else None

    written = unpack(archives[0], folder, place, most_bytes)
    _recordings(written, ".wav")
    if not any(path.name.startswith("maestro") and path.suffix == ".csv" for path in written):
        raise DamagedArchive(f"{archives[0].name} holds no table of its recordings.")


def lay_out_speech_commands(archives: Sequence[Path], folder: Path, most_bytes: int) -> None:
    """Speech Commands' words, a folder for each; without its background noise, which is no word."""
    _lay_out_words(archives[0], folder, most_bytes, lambda word: not word.startswith("_"))


def lay_out_sc09(archives: Sequence[Path], folder: Path, most_bytes: int) -> None:
    """Speech Commands' ten digits alone, zero to nine."""
    _lay_out_words(archives[0], folder, most_bytes, DIGITS.__contains__)


def lay_out_slakh(archives: Sequence[Path], folder: Path, most_bytes: int) -> None:
    """Slakh's stems of drums and of basses, a folder for each; songs that it leaves out as copies stay out."""
    classes = _stem_classes(archives[0])

    def place(path: PurePosixPath) -> str | None:
        if path.suffix != ".flac" or len(path.parts) < 4 or path.parts[-4] not in SPLITS:
            return None
        song, stem = path.parts[-3], path.stem
        instrument = classes.get((song, stem))
        return f"{instrument}/{SPLITS[path.parts[-4]]}/{song}-{stem}.flac" if instrument else None

    written = _recordings(unpack(archives[0], folder, place, most_bytes), ".flac")
    for instrument in INSTRUMENTS.values():
        paths = [path.relative_to(instrument) for path in written if path.parts[0] == instrument]
        write_metadata(folder / instrument, [Source(Path(path), path.parts[0], instrument) for path in paths])


def lay_out_mnist(archives: Sequence[Path], folder: Path, most_bytes: int) -> None:
    """MNIST's four idx files as they are."""
    for archive in archives:
        try:
            read_idx(archive)
        except InputError as error:
            raise DamagedArchive(str(error)) from None
        shutil.copyfile(archive, folder / archive.name)


def lay_out_audiomnist(archives: Sequence[Path], folder: Path, most_bytes: int) -> None:
    """AudioMNIST's recordings `DIGIT_SPEAKER_TAKE.wav`, a folder for each digit, zero to nine, as SC09's."""

    def place(path: PurePosixPath) -> str | None:
        digit, _, rest = path.stem.partition("_")
        spoken = path.suffix == ".wav" and rest and digit in map(str, range(10))
        return f"{DIGITS[int(digit)]}/{path.name}" if spoken else None

    recordings = _recordings(unpack(archives[0], folder, place, most_bytes), ".wav")
    write_metadata(
        folder, [Source(Path(path), "", path.parent.name, f"am{path.stem.split('_')[1]}") for path in recordings]
    )


def _lay_out_words(archive: Path, folder: Path, most_bytes: int, kept) -> None:
    """Recordings WORD/SPEAKER_nohash_TAKE.wav of some words, split as the archive's lists say."""
    lists = read_texts(archive, lambda path: path.name in SPEECH_COMMANDS_LISTS)
    splits = {line: SPEECH_COMMANDS_LISTS[path.name] for path, text in lists.items() for line in text.split()}

    def place(path: PurePosixPath) -> str | None:
        word = path.parent.name
        return f"{word}/{path.name}" if path.suffix == ".wav" and kept(word) else None

    recordings = _recordings(unpack(archive, folder, place, most_bytes), ".wav")
    write_metadata(
        folder,
        [
            Source(Path(path), splits.get(path.as_posix(), "train"), path.parent.name, path.name.partition("_")[0])
            for path in recordings
        ],
    )


def _stem_classes(archive: Path) -> dict[tuple[str, str], str]:
    """Song and stem -> our folder, of those stems that have one; from the songs' metadata.yaml."""
    import yaml

    classes = {}
    for path, text in read_texts(archive, lambda path: path.name == "metadata.yaml").items():
        try:
            stems = yaml.safe_load(text)["stems"]
            found = {stem: INSTRUMENTS.get(known["inst_class"]) for stem, known in stems.items()}
        except (yaml.YAMLError, KeyError, TypeError, AttributeError):
            raise DamagedArchive(f"{path} in {archive.name} does not say what its stems are.") from None
        classes |= {(path.parent.name, stem): instrument for stem, instrument in found.items() if instrument}
    return classes


def _below_top(path: PurePosixPath) -> PurePosixPath:
    """Without the folder that an archive has at its top."""
    return path.relative_to(path.parts[0]) if len(path.parts) > 1 else path


def _recordings(written: Sequence[PurePosixPath], suffix: str) -> list[PurePosixPath]:
    """Those of what was written.

    Raises:
        DamagedArchive: there are none.
    """
    found = [path for path in written if path.suffix == suffix]
    if not found:
        raise DamagedArchive("The archive holds none of the recordings that it should hold; it may have changed.")
    return found
