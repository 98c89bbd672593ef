"""Mel spectrograms in files: plain arrays of bounded size, with checked parameters."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.signal.limits import LIMITS
from core.signal.mel import LOGARITHMS, MelFrontEnd
from core.signal.output import replacing
from core.signal.tensor_files import load_tensors

SUFFIXES = (".npz", ".npy", ".pt")
LOUDEST, QUIETEST = np.log(1e4), np.log(1e-11)  # range of natural log magnitudes that audio can have


@dataclass(frozen=True, eq=False)
class MelSpectrogram:
    """A log mel spectrogram `[bands, frames]` and how it was made."""

    mel: np.ndarray
    front_end: MelFrontEnd

    @property
    def magnitudes(self) -> np.ndarray:
        """Linear magnitudes, float64 `[bands, frames]`."""
        return np.exp(self.mel.astype(np.float64) * LOGARITHMS[self.front_end.log])

    @property
    def decades(self) -> np.ndarray:
        """log10 magnitudes, `[bands, frames]`."""
        return self.mel * (LOGARITHMS[self.front_end.log] / np.log(10))

    @property
    def samples(self) -> int:
        """Length of its waveform."""
        return (self.mel.shape[1] - 1) * self.front_end.hop_length

    @property
    def seconds(self) -> float:
        return self.samples / self.front_end.sample_rate

    def cut(self, start: float, length: float | None) -> "MelSpectrogram":
        """The part from `start` on, `length` seconds or to the end, in whole frames.

        Raises:
            InputError: there is no such part.
        """
        pace = self.front_end.sample_rate / self.front_end.hop_length
        first, stop = round(start * pace), None if length is None else round((start + length) * pace) + 1
        part = self.mel[:, first:stop]
        if start < 0 or part.shape[1] < 2:
            raise InputError(f"The spectrogram lasts {self.seconds:.2f} s; there is nothing from {start:g} s on.")
        return MelSpectrogram(part, self.front_end)


def read_spectrogram(path: Path, front_end: MelFrontEnd) -> MelSpectrogram:
    """Reads a spectrogram for a prior with this front-end; a logarithm to another base is converted.

    Args:
        path: `.npz` with `mel`, `sample_rate`, `hop_length`, `log`; or a bare `.npy` or `.pt` array, taken as the
            front-end's own.

    Raises:
        InputError: not such a file, code in it, too large, or another front-end's.
    """
    if not path.is_file():
        raise InputError(f"There is no spectrogram {path}.")
    if path.stat().st_size > LIMITS.file_bytes:
        raise InputError(f"{path.name} is larger than {LIMITS.file_bytes // 2**20} MB.")
    mel, stated = _READERS[path.suffix.lower()](path)
    if mel.ndim == 3 and len(mel) == 1:
        mel = mel[0]
    if mel.ndim != 2 or not np.issubdtype(mel.dtype, np.number) or np.iscomplexobj(mel) or mel.shape[1] < 2:
        raise InputError(f"{path.name} holds no spectrogram of bands by frames; make one with `spectrogram`.")
    _check_parameters(path, mel, stated, front_end)
    if not np.isfinite(mel).all():
        raise InputError(f"{path.name} holds values that are no numbers (NaN or infinity); mend it first.")
    log = stated.get("log", front_end.log)
    natural = mel.astype(np.float64) * LOGARITHMS[log]
    if natural.max() > LOUDEST or natural.min() < QUIETEST:
        raise InputError(
            f"{path.name} is no {log} spectrogram of audio: its values go from {mel.min():.3g} to {mel.max():.3g}."
        )
    return MelSpectrogram((natural / LOGARITHMS[front_end.log]).astype(np.float32), front_end)


def write_spectrogram(path: Path, spectrogram: MelSpectrogram) -> None:
    """Writes the `.npz` that `read_spectrogram` reads; it appears whole or not at all."""
    front_end = spectrogram.front_end
    about = {"sample_rate": front_end.sample_rate, "hop_length": front_end.hop_length, "log": front_end.log}
    with replacing(path) as file:
        np.savez_compressed(file, mel=spectrogram.mel, **about)


def _check_parameters(path: Path, mel: np.ndarray, stated: dict, front_end: MelFrontEnd) -> None:
    wanted = {"sample_rate": front_end.sample_rate, "hop_length": front_end.hop_length}
    for name, value in wanted.items():
        if stated.get(name, value) != value:
            raise InputError(f"{path.name} has a {name} of {stated[name]}, the prior wants {value}; make it anew.")
    if stated.get("log", "log10") not in LOGARITHMS:
        raise InputError(f"{path.name} has the logarithm {stated['log']!r}; known are {', '.join(LOGARITHMS)}.")
    if mel.shape[0] != front_end.bands:
        raise InputError(f"{path.name} has {mel.shape[0]} mel bands, the prior wants {front_end.bands}; make it anew.")
    seconds = mel.shape[1] * front_end.hop_length / front_end.sample_rate
    if seconds > LIMITS.seconds:
        raise InputError(f"{path.name} lasts {seconds:.0f} s; at most {LIMITS.seconds:g} s are worked on.")


def _read_npz(path: Path) -> tuple[np.ndarray, dict]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > LIMITS.file_bytes:
                raise InputError(f"{path.name} unpacks to more than {LIMITS.file_bytes // 2**20} MB.")
        with np.load(path, allow_pickle=False) as arrays:
            stated = {name: arrays[name].item() for name in ("sample_rate", "hop_length", "log") if name in arrays}
            mel = arrays["mel"]
            if not isinstance(mel, np.ndarray):
                raise ValueError("bytes, not an array")
            return mel, stated
    except InputError:
        raise
    except Exception:  # a damaged archive may fail in any way
        raise InputError(
            f"{path.name} holds no array `mel`, or more than arrays; make one with `spectrogram`."
        ) from None


def _read_npy(path: Path) -> tuple[np.ndarray, dict]:
    try:
        # mapped, not read: the header may claim more than the file holds
        return np.array(np.load(path, allow_pickle=False, mmap_mode="r")), {}
    except Exception:  # a damaged header may fail in any way
        raise InputError(f"{path.name} holds no plain array, so it was not opened further.") from None


def _read_pt(path: Path) -> tuple[np.ndarray, dict]:
    import torch

    try:
        tensor = load_tensors(path)
        if isinstance(tensor, torch.Tensor):
            tensor = tensor.detach()
            return (tensor.float() if tensor.is_floating_point() else tensor).numpy(), {}
    except Exception:  # a damaged file, or a tensor without plain values, may fail in any way
        raise InputError(f"{path.name} holds more than a tensor or is damaged, so it was not opened further.") from None
    raise InputError(f"{path.name} holds no single tensor.")


_READERS = {".npz": _read_npz, ".npy": _read_npy, ".pt": _read_pt}
