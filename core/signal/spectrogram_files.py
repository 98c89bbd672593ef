"""Mel spectrograms in files: plain arrays of bounded size, with checked parameters."""

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.signal.limits import LIMITS
from core.signal.mel import FRONT_ENDS, LOGARITHMS, MelFrontEnd, name_of
from core.signal.output import replacing
from core.signal.tensor_files import load_tensors

SUFFIXES = (".npz", ".npy", ".pt")
LOUDEST, QUIETEST = np.log(1e4), np.log(1e-11)  # range of natural log magnitudes that audio can have
BANDS = (8, 256)
COMMONEST = FRONT_ENDS["tacotron"]  # what is not said of a file
RANGES = {  # of the numbers that a file may state
    "sample_rate": (LIMITS.lowest_rate, LIMITS.highest_rate),
    "hop_length": (1, 2**16),
    "window_length": (2, 2**18),
    "lowest_hz": (0, LIMITS.highest_rate / 2),
    "highest_hz": (1, LIMITS.highest_rate / 2),
}
FURTHER = ("log", "centred")  # what it may state beside them


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
        return (self.mel.shape[1] - self.front_end.centred) * self.front_end.hop_length

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


def read_spectrogram(path: Path, front_end: MelFrontEnd, named: MelFrontEnd | None = None) -> MelSpectrogram:
    """Reads a spectrogram for a vocoder or prior; one of another front-end comes as it is, see `mel_conversion`.

    Args:
        path: `.npz` with `mel` and, as far as known, `sample_rate`, `hop_length`, `log`, `window_length`, `lowest_hz`,
            `highest_hz` and `centred`; or a bare `.npy` or `.pt` array.
        front_end: of the vocoder or prior. What a file leaves open is as there where the rest is, else as of Tacotron.
        named: what a file leaves open is as there in any case.

    Raises:
        InputError: not such a file, code in it, too large, or too little known of it.
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
    own = _front_end_of(path.name, len(mel), stated, front_end, named)
    seconds = mel.shape[1] * own.hop_length / own.sample_rate
    if seconds > LIMITS.seconds:
        raise InputError(f"{path.name} lasts {seconds:.0f} s; at most {LIMITS.seconds:g} s are worked on.")
    if not np.isfinite(mel).all():
        raise InputError(f"{path.name} holds values that are no numbers (NaN or infinity); mend it first.")
    log = stated.get("log", own.log)
    natural = mel.astype(np.float64) * LOGARITHMS[log]
    if natural.max() > LOUDEST or natural.min() < QUIETEST:
        raise InputError(
            f"{path.name} is no {log} spectrogram of audio: its values go from {mel.min():.3g} to {mel.max():.3g}."
        )
    return MelSpectrogram((natural / LOGARITHMS[own.log]).astype(np.float32), own)


def write_spectrogram(path: Path, spectrogram: MelSpectrogram) -> None:
    """Writes the `.npz` that `read_spectrogram` reads; it appears whole or not at all."""
    front_end = spectrogram.front_end
    about = {name: getattr(front_end, name) for name in (*RANGES, *FURTHER)}
    with replacing(path) as file:
        np.savez_compressed(file, mel=spectrogram.mel, **about)


def _front_end_of(name: str, bands: int, stated: dict, wanted: MelFrontEnd, named: MelFrontEnd | None) -> MelFrontEnd:
    """What made a file: as it says, and what it leaves open as is assumed.

    The logarithm is that which the values are to be converted to.
    """
    if stated.get("log", "log10") not in LOGARITHMS:
        raise InputError(f"{name} has the logarithm {stated['log']!r}; known are {', '.join(LOGARITHMS)}.")
    if not isinstance(stated.get("centred", True), bool):
        raise InputError(f"{name} has a centred of {stated['centred']!r:.40}; it must be true or false.")
    numbers = {key: _number(name, key, stated[key]) for key in RANGES if key in stated}
    if named is not None:
        if bands != named.bands:
            raise InputError(
                f"{name} has {bands} mel bands, those of {name_of(named)} are {named.bands}; name another."
            )
        assumed = named
    elif bands == wanted.bands and all(
        numbers.get(key, getattr(wanted, key)) == getattr(wanted, key) for key in ("sample_rate", "hop_length")
    ):
        assumed = wanted
    else:
        assumed = _assumed(name, bands, numbers)
    own = replace(assumed, **numbers, centred=stated.get("centred", assumed.centred))
    if not own.lowest_hz < own.highest_hz <= own.sample_rate / 2:
        raise InputError(
            f"{name} says that its bands go from {own.lowest_hz:g} to {own.highest_hz:g} Hz; they must lie between 0 "
            f"and {own.sample_rate / 2:g} Hz, half its rate."
        )
    return own


def _assumed(name: str, bands: int, numbers: dict) -> MelFrontEnd:
    """A front-end of a stated rate and hop, by the custom of text-to-speech systems."""
    if not {"sample_rate", "hop_length"} <= numbers.keys():
        raise InputError(
            f"{name} has {bands} mel bands and does not say its sample_rate and hop_length; write both into an .npz, "
            "or name its front-end (--front-end)."
        )
    if not BANDS[0] <= bands <= BANDS[1]:
        raise InputError(f"{name} has {bands} mel bands, which must be {BANDS[0]} to {BANDS[1]}: bands by frames.")
    highest = min(COMMONEST.highest_hz, numbers["sample_rate"] / 2)
    return replace(COMMONEST, window_length=4 * numbers["hop_length"], bands=bands, highest_hz=highest)


def _number(name: str, key: str, value: object) -> float | int:
    """A number that a file states, whole where it counts samples.

    Raises:
        InputError: it is none, or none that makes sense.
    """
    least, most = RANGES[key]
    whole = not key.endswith("_hz")
    if not isinstance(value, (int, float)) or not least <= value <= most or (whole and value != int(value)):
        raise InputError(f"{name} has a {key} of {value!r:.40}; it must be a number from {least:g} to {most:g}.")
    return int(value) if whole else float(value)


def _read_npz(path: Path) -> tuple[np.ndarray, dict]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > LIMITS.file_bytes:
                raise InputError(f"{path.name} unpacks to more than {LIMITS.file_bytes // 2**20} MB.")
        with np.load(path, allow_pickle=False) as arrays:
            stated = {name: arrays[name].item() for name in (*RANGES, *FURTHER) if name in arrays}
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
