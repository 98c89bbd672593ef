"""Spectrograms that come with recordings, such as a text-to-speech system's: found in a folder when these are packed.

The layouts are those of vocoders' authors: `NAME.wav.spec.npy` or `NAME.wav.pt` (DiffWave's), each an array of log mel
magnitudes `[bands, frames]`, and the `NAME.npz` of the command `spectrogram`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.signal.mel import LOGARITHMS, MelFrontEnd, name_of

ENDINGS = (".spec.npy", ".npy", ".pt")  # after the name of the recording
LATE = 2  # samples that a recording's end may move by where it is resampled
FURTHEST = 1.0  # decades that magnitudes may differ by from those of the recording, on average


@dataclass(frozen=True)
class SpectrogramFolder:
    """A folder with a spectrogram for each recording, in the same sub-folders or in none.

    Args:
        front_end: what made them; recordings are packed at its rate.
    """

    folder: Path
    front_end: MelFrontEnd

    def read(self, recording: Path, samples: np.ndarray) -> np.ndarray:
        """The spectrogram of a recording, float32 `[bands, frames]`.

        Args:
            recording: its path, relative to the folder of recordings.
            samples: of it, at the front-end's rate, 16 bit.

        Raises:
            InputError: there is none, it cannot be read, or its bands, frames or values are not those of the recording.
        """
        from core.signal.spectrogram_files import read_spectrogram  # here: it takes what a bare machine lacks

        path, name = self._find(recording), name_of(self.front_end)
        spectrogram = read_spectrogram(path, self.front_end, named=self.front_end)
        if spectrogram.front_end != self.front_end:
            raise InputError(f"{path.name} says that it is of another front-end than {name}; name its own.")
        mel, hop = spectrogram.mel, self.front_end.hop_length
        if abs(mel.shape[1] * hop - len(samples)) > hop + LATE:
            raise InputError(
                f"{path.name} has {mel.shape[1]} frames, but {recording} has {len(samples)} samples at "
                f"{self.front_end.sample_rate} Hz, which are {1 + len(samples) // hop} frames of {name}; make it anew."
            )
        self._check_values(path, mel, samples)
        return mel

    def _find(self, recording: Path) -> Path:
        bases = [self.folder / recording, self.folder / recording.name]
        places = [base.with_name(base.name + ending) for base in bases for ending in ENDINGS]
        places += [base.with_suffix(".npz") for base in bases]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise InputError(
                f"{self.folder} holds no spectrogram of {recording}; put it there as {recording.name}.spec.npy, "
                f"{recording.name}.pt or {recording.stem}.npz."
            )
        return found

    def _check_values(self, path: Path, mel: np.ndarray, samples: np.ndarray) -> None:
        """Refuses what has another logarithm or scale, or is of another recording."""
        import torch

        from core.signal.log_mel import log_mel

        own = log_mel(torch.from_numpy(samples / np.float32(32768))[None], self.front_end)[0].numpy()
        frames = min(own.shape[1], mel.shape[1])
        unit = LOGARITHMS[self.front_end.log] / LOGARITHMS["log10"]
        decades = unit * float(np.abs(own[:, :frames] - mel[:, :frames]).mean())
        if decades > FURTHEST:
            raise InputError(
                f"{path.name} is not what {name_of(self.front_end)} makes of its recording ({decades:.1f} decades off, "
                "on average); name another front-end, or make it anew."
            )
