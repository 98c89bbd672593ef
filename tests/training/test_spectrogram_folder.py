"""Spectrograms in a folder: packed with their recordings, told in training, refused where they do not fit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from core.errors import InputError
from core.signal.mel import FRONT_ENDS, mel_spectrogram
from core.signal.spectrogram_files import MelSpectrogram, write_spectrogram
from core.training.data import PackedData, pack_data
from core.training.objectives import find_objective
from core.training.spectrogram_folder import SpectrogramFolder
from core.training.told_recordings import ToldRecordings
from tests.commands import refused, run

FRONT_END = FRONT_ENDS["tacotron"]
RATE, HOP = FRONT_END.sample_rate, FRONT_END.hop_length
SIZES = {"layers": 2, "cycle": 2, "residual": 4, "skip": 4, "embedding": [8, 8, 8], "steps": 50, "betas": [1e-4, 0.05]}
TOLD = {"bands": 80, "upsampling": [16, 16], "front_end": "tacotron"}


def generator():
    return torch.Generator().manual_seed(0)


def write_array(path: Path, mel: np.ndarray) -> None:
    torch.save(torch.from_numpy(mel)[None], path) if path.suffix == ".pt" else np.save(path, mel)


@pytest.fixture
def recordings(tmp_path) -> Path:
    """Three tones that swell, in a folder of their own, with a table of splits."""
    (tmp_path / "data" / "wavs").mkdir(parents=True)
    times = np.arange(20_000) / RATE
    for n in range(3):
        tone = np.float32(0.3 * times * np.sin(2 * np.pi * 300 * (n + 1) * times))
        soundfile.write(tmp_path / "data" / "wavs" / f"{n}.wav", tone, RATE, "PCM_16")
    table = "".join(f"wavs/{n}.wav,{split}\n" for n, split in enumerate(("train", "train", "valid")))
    (tmp_path / "data" / "metadata.csv").write_text("path,split\n" + table)
    return tmp_path / "data"


def mel_of(recordings: Path, n: int) -> np.ndarray:
    return mel_spectrogram(soundfile.read(recordings / "wavs" / f"{n}.wav", dtype="float32")[0], FRONT_END)


def packed(recordings: Path, spectrograms: Path, split: str = "train") -> PackedData:
    pack = recordings.parent / "pack"
    pack_data(recordings, pack, spectrograms=SpectrogramFolder(spectrograms, FRONT_END))
    return PackedData(pack, split)


@pytest.mark.parametrize("ending", [".wav.spec.npy", ".wav.npy", ".wav.pt", ".npz"])
@pytest.mark.parametrize("beside", [True, False], ids=["beside", "parallel"])
def test_spectrograms_are_packed_with_their_recordings(recordings, tmp_path, ending, beside):
    """Those of the files, not others made anew: here they are a little off."""
    folder = recordings if beside else tmp_path / "mels"
    (recordings / "wavs" if beside else folder).mkdir(exist_ok=True)
    for n in range(3):
        mel, path = mel_of(recordings, n) + 0.1, (recordings / "wavs" if beside else folder) / f"{n}{ending}"
        if ending == ".npz":
            write_spectrogram(path, MelSpectrogram(mel, FRONT_END))
        else:
            write_array(path, mel)
    data = packed(recordings, folder)
    assert data.sample_rate == RATE and data.front_end == FRONT_END
    for n, recording in enumerate(data.recordings):
        assert recording.frames == 1 + 20_000 // HOP
        assert np.abs(data.read_mel(n, 0, recording.frames).numpy() - mel_of(recordings, n) - 0.1).max() < 1e-4


def test_a_segment_has_the_frames_of_its_own_time_and_then_silence(recordings):
    for n in range(3):
        np.save(recordings / "wavs" / f"{n}.wav.npy", mel_of(recordings, n))
    data = ToldRecordings(packed(recordings, recordings))
    training = {"batch": 2, "segment": 10 * HOP, "quietest": 0.0}
    batch = data.batch(training, generator())
    assert batch.waveform.shape == (2, 2560) and batch.mel.shape == (2, 80, 11)
    places = data.pack.loud_places(training, generator(), HOP)
    assert all(start % HOP == 0 for _, start in places) and any(start for _, start in places)
    for row, (n, start) in zip(batch.mel, places, strict=True):
        own = mel_of(recordings, n)[:, start // HOP : start // HOP + 11]
        np.testing.assert_array_equal(row[:, : own.shape[1]].numpy(), own)
    (beyond,) = data.held_out(1, 100 * HOP, generator())
    assert beyond.mel.shape == (1, 80, 101) and (beyond.mel[..., -1] == np.float32(np.log(1e-5))).all()


def test_what_a_network_is_told_is_what_was_packed(recordings, tmp_path):
    for n in range(3):
        np.save(recordings / "wavs" / f"{n}.wav.npy", mel_of(recordings, n) + 0.1)
    packed(recordings, recordings)
    objective = find_objective("diffwave")()
    data = {split: objective.open_data(tmp_path / "pack", split) for split in ("train", "valid")}
    model = objective.build(SIZES | TOLD)
    (example,) = data["valid"].held_out(1, 16 * HOP, generator())
    _, told = objective._parts(example)
    assert torch.equal(told, example.mel)
    loss, _ = objective.loss(
        model, data["train"].batch({"batch": 2, "segment": 4096, "quietest": 0.0}, generator()), generator()
    )
    assert loss.item() == pytest.approx(1, abs=0.2), "a fresh network predicts no noise"
    objective.build(SIZES)  # told nothing
    assert objective._parts(example)[1] is None
    with pytest.raises(InputError, match="those of tacotron; set model.front_end"):
        objective.build(SIZES | TOLD | {"front_end": "pnf"})


UNFIT = {
    "bands": (lambda mel: mel[:40], "40 mel bands"),
    "short": (lambda mel: mel[:, :70], "has 70 frames, but wavs/0.wav has 20000 samples at 22050 Hz, which are 79"),
    "another hop": (lambda mel: np.repeat(mel, 2, axis=1), "frames"),
    "NaN": (lambda mel: np.where(mel == mel.max(), np.nan, mel), "no numbers"),
    "log10": (lambda mel: mel / np.log(10), "decades off"),
    "DiffWave's own scale": (lambda mel: np.clip((20 * mel / np.log(10) + 80) / 100, 0, 1), "decades off"),
    "a row": (lambda mel: mel[0], "no spectrogram of bands by frames"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_spectrograms_that_do_not_fit_are_refused_and_leave_no_pack(recordings, tmp_path, name):
    change, sentence = UNFIT[name]
    for n in range(3):
        np.save(recordings / "wavs" / f"{n}.wav.spec.npy", np.float32(change(mel_of(recordings, n))))
    with pytest.raises(InputError, match=sentence):
        packed(recordings, recordings)
    assert not (tmp_path / "pack").exists()


def test_one_of_another_front_end_a_missing_one_and_code_are_refused(recordings):
    other = replace(FRONT_END, lowest_hz=125.0)
    write_spectrogram(recordings / "wavs" / "0.npz", MelSpectrogram(mel_of(recordings, 0), other))
    with pytest.raises(InputError, match="another front-end than tacotron"):
        packed(recordings, recordings)
    (recordings / "wavs" / "0.npz").unlink()
    with pytest.raises(InputError, match="holds no spectrogram of wavs/0.wav"):
        packed(recordings, recordings)
    torch.save({"mel": pytest.approx(1)}, recordings / "wavs" / "0.wav.pt")
    with pytest.raises(InputError, match="more than a tensor"):
        packed(recordings, recordings)


@pytest.mark.cli
def test_the_command_packs_them_at_the_rate_of_their_front_end(recordings, tmp_path, capsys):
    for n in range(3):
        write_array(recordings / "wavs" / f"{n}.wav.pt", mel_of(recordings, n))
    command = ("pack-data", recordings, tmp_path / "pack", "--spectrograms", recordings)
    assert run(*command) == 0
    assert PackedData(tmp_path / "pack", "valid").front_end == FRONT_END
    capsys.readouterr()
    assert "of 22050 Hz" in refused(capsys, *command, "--sample-rate", "16000")
    assert "--spectrograms" in refused(capsys, "pack-data", recordings, tmp_path / "other", "--front-end", "pnf")
