"""Archives as the publishers of the data sets lay them out, with a few short sounds in each."""

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import soundfile

from tests.training.datasets.archives import make_tar, make_zip

SLAKH_SONG = """
UUID: 1a2b
stems:
  S00: {inst_class: Guitar, is_drum: false, audio_rendered: true}
  S01: {inst_class: Drums, is_drum: true, audio_rendered: true}
  S02: {inst_class: Bass, is_drum: false, audio_rendered: true}
  S03: {inst_class: Bass, is_drum: false, audio_rendered: false}
"""


def sound(kind: str = "WAV", seconds: float = 0.2, sample_rate: int = 16000, seed: int = 0) -> bytes:
    """A file of noise."""
    file = io.BytesIO()
    noise = np.random.default_rng(seed).uniform(-0.3, 0.3, round(seconds * sample_rate))
    soundfile.write(file, noise, sample_rate, format=kind, subtype="PCM_16")
    return file.getvalue()


def ljspeech(folder: Path) -> list[Path]:
    files = {f"LJSpeech-1.1/wavs/LJ001-000{n}.wav": sound(seed=n) for n in range(3)}
    files |= {"LJSpeech-1.1/README": b"LJ", "LJSpeech-1.1/metadata.csv": b'LJ001-0001|"a, b|c\n'}
    return [make_tar(folder / "LJSpeech-1.1.tar.bz2", files)]


def vctk(folder: Path) -> list[Path]:
    files = {"speaker-info.txt": b"ID", "README.txt": b"VCTK", "txt/p225/p225_001.txt": b"Please call Stella."}
    for speaker, microphones in (("p225", (1, 2)), ("p280", (1,))):
        names = [f"wav48_silence_trimmed/{speaker}/{speaker}_001_mic{n}.flac" for n in microphones]
        files |= {name: sound("FLAC") for name in names}
    return [make_zip(folder / "VCTK-Corpus-0.92.zip", files)]


def maestro(folder: Path) -> list[Path]:
    table = "canonical_composer,split,audio_filename\nA,train,2004/a.wav\nB,validation,2006/b.wav\n"
    files = {"maestro-v3.0.0/maestro-v3.0.0.csv": table.encode(), "maestro-v3.0.0/LICENSE": b"CC"}
    files |= {f"maestro-v3.0.0/{year}.wav": sound(seed=n) for n, year in enumerate(("2004/a", "2006/b"))}
    return [make_zip(folder / "maestro-v3.0.0.zip", files | {"maestro-v3.0.0/2004/a.midi": b"MThd"})]


def speech_commands(folder: Path) -> list[Path]:
    names = ["zero/aa_nohash_0", "zero/bb_nohash_0", "nine/aa_nohash_0", "bed/cc_nohash_1"]
    files = {f"./{name}.wav": sound(seed=n) for n, name in enumerate(names)}
    files |= {"./_background_noise_/pink_noise.wav": sound(), "./LICENSE": b"CC"}
    files |= {"./validation_list.txt": b"zero/bb_nohash_0.wav\n", "./testing_list.txt": b"bed/cc_nohash_1.wav\n"}
    return [make_tar(folder / "speech_commands_v0.02.tar.gz", files)]


def slakh(folder: Path) -> list[Path]:
    files = {}
    for place in ("train/Track00001", "validation/Track01501", "test/Track01876", "omitted/Track00002"):
        top = f"slakh2100_flac_redux/{place}"
        files |= {f"{top}/stems/S0{n}.flac": sound("FLAC", seed=n) for n in range(3)}
        files |= {f"{top}/mix.flac": sound("FLAC"), f"{top}/metadata.yaml": SLAKH_SONG.encode()}
    return [make_tar(folder / "slakh2100_flac_redux.tar.gz", files)]


def mnist(folder: Path) -> list[Path]:
    archives, random = [], np.random.default_rng(0)
    for start, count in (("train", 40), ("t10k", 5)):
        for kind, axes in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            values = random.integers(0, 10, axes, dtype=np.uint8)
            head = struct.pack(f">HBB{len(axes)}I", 0, 8, len(axes), *axes)
            archives.append(folder / f"{start}-{kind}-ubyte.gz")
            archives[-1].write_bytes(gzip.compress(head + values.tobytes()))
    return archives


def audiomnist(folder: Path) -> list[Path]:
    names = ["01/0_01_0", "01/7_01_0", "60/7_60_49"]
    files = {f"AudioMNIST-master/data/{name}.wav": sound(seed=n) for n, name in enumerate(names)}
    files |= {"AudioMNIST-master/README.md": b"", "AudioMNIST-master/data/audioMNIST_meta.txt": b"{}"}
    return [make_zip(folder / "master.zip", files)]


ARCHIVES = {
    "ljspeech": ljspeech,
    "vctk": vctk,
    "maestro": maestro,
    "speech-commands": speech_commands,
    "sc09": speech_commands,
    "slakh": slakh,
    "mnist": mnist,
    "audiomnist": audiomnist,
}
