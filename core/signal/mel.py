"""Mel spectrograms as computed by Tacotron 2's and by PnF's vocoders.

Magnitudes (not powers) of a short-time Fourier transform with a periodic Hann window and reflected ends, mel bands on
Slaney's scale with equal areas (librosa), and a logarithm over a floor.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class MelFrontEnd:
    """Parameters of a log mel spectrogram.

    Args:
        sample_rate: in Hz.
        window_length: of the Hann window and the transform, in samples.
        hop_length: samples between frames.
        bands: number of mel bands.
        lowest_hz, highest_hz: their range.
        log: "natural", or "log10".
        floor: smallest band magnitude before the logarithm.
        centred: whether frame t stands around sample t * hop_length; else it does half a hop later, as HiFi-GAN's.
    """

    sample_rate: int
    window_length: int
    hop_length: int
    bands: int
    lowest_hz: float
    highest_hz: float
    log: Literal["natural", "log10"]
    floor: float
    centred: bool = True

    @property
    def padding(self) -> int:
        """Samples that are reflected at each end."""
        return (self.window_length - (0 if self.centred else self.hop_length)) // 2

    @property
    def delay(self) -> float:
        """Of frame t behind sample t * hop_length, in hops."""
        return 0.0 if self.centred else 0.5


FRONT_ENDS = {
    "tacotron": MelFrontEnd(22050, 1024, 256, 80, 0.0, 8000.0, "natural", 1e-5),  # Shen et al. 2018
    "hifi-gan": MelFrontEnd(22050, 1024, 256, 80, 0.0, 8000.0, "natural", 1e-5, centred=False),  # Kong et al. 2020
    "pnf": MelFrontEnd(22050, 1024, 256, 80, 125.0, 7600.0, "log10", 1e-10),  # Jayaram & Thickstun 2021
    "resound-16k": MelFrontEnd(16000, 1024, 128, 80, 0.0, 8000.0, "log10", 1e-5),  # of the fast vocoders
    "pnf-16k": MelFrontEnd(16000, 1024, 256, 80, 125.0, 7600.0, "log10", 1e-10),  # the same for priors of 16 kHz
}
LOGARITHMS = {"natural": 1.0, "log10": np.log(10), "db": np.log(10) / 20}  # unit of each, as a natural logarithm


def name_of(front_end: MelFrontEnd) -> str | None:
    """Its name in FRONT_ENDS, or None."""
    return next((name for name, known in FRONT_ENDS.items() if known == front_end), None)


def mel_spectrogram(waveform: np.ndarray, front_end: MelFrontEnd) -> np.ndarray:
    """Log mel magnitudes.

    Args:
        waveform: `[frames]`, at the front-end's rate.

    Returns:
        float32 `[bands, 1 + frames // hop_length]`, one fewer where frames are not centred.
    """
    bands = np.maximum(mel_filters(front_end) @ magnitudes(waveform, front_end), front_end.floor)
    return (np.log(bands) if front_end.log == "natural" else np.log10(bands)).astype(np.float32)


def magnitudes(waveform: np.ndarray, front_end: MelFrontEnd) -> np.ndarray:
    """Of the short-time spectrum, float32 `[1 + window_length // 2, 1 + frames // hop_length]`; as many as above."""
    import torch  # whose transform, other than librosa's, waits for no compiler at first

    padded = np.pad(np.asarray(waveform, dtype=np.float32), front_end.padding, mode="reflect")
    size, hop = front_end.window_length, front_end.hop_length
    settings = {"window": torch.hann_window(size), "center": False, "return_complex": True}
    return torch.stft(torch.from_numpy(padded), size, hop, **settings).abs().numpy()


def stretch_time(mel: np.ndarray, factor: float) -> np.ndarray:
    """A log mel spectrogram `[bands, frames]` stretched in time by a factor, at the same pitch."""
    frames = mel.shape[1]
    places = np.linspace(0, frames - 1, max(2, round(frames * factor)))
    return np.stack([np.interp(places, np.arange(frames), band) for band in mel]).astype(np.float32)


def shift_pitch(mel: np.ndarray, front_end: MelFrontEnd, semitones: float) -> np.ndarray:
    """A log mel spectrogram `[bands, frames]` shifted in pitch; bands without a source become silent."""
    centres = mel_filters(front_end) @ np.arange(1 + front_end.window_length // 2)
    centres = centres / mel_filters(front_end).sum(axis=1)
    origins = centres / 2 ** (semitones / 12)
    silence = float(mel.min())
    return np.stack([np.interp(origins, centres, frame, silence, silence) for frame in mel.T], axis=1).astype(
        np.float32
    )


def mel_filters(front_end: MelFrontEnd) -> np.ndarray:
    """Weights of every band, float32 `[bands, 1 + window_length // 2]`."""
    import librosa

    return librosa.filters.mel(
        sr=front_end.sample_rate,
        n_fft=front_end.window_length,
        n_mels=front_end.bands,
        fmin=front_end.lowest_hz,
        fmax=front_end.highest_hz,
    )


def mel_edges(front_end: MelFrontEnd) -> np.ndarray:
    """Frequencies in Hz that the triangles of the bands begin at, peak at (the next one) and end at, `[bands + 2]`."""
    import librosa

    return librosa.mel_frequencies(front_end.bands + 2, fmin=front_end.lowest_hz, fmax=front_end.highest_hz)


@dataclass(frozen=True)
class MelScaler:
    """Brings every band to mean 0 and standard deviation 1 over a data set, and back.

    Args:
        mean, scale: float64 `[bands]`; the scale of a constant band is 1.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, spectrograms: Iterable[np.ndarray]) -> "MelScaler":
        """The scaler of log mel spectrograms `[bands, frames]`, in one pass over them."""
        count, mean, squares = 0, 0.0, 0.0
        for mel in spectrograms:
            mel = mel.astype(np.float64)
            frames, own = mel.shape[1], mel.mean(axis=1)
            total, shift = count + frames, own - mean
            squares = squares + ((mel - own[:, None]) ** 2).sum(axis=1) + shift**2 * (count * frames / total)
            mean, count = mean + shift * (frames / total), total
        variance = squares / count
        return cls(mean, np.where(variance > 0, np.sqrt(variance), 1.0))

    def normalise(self, mel: np.ndarray) -> np.ndarray:
        """A normalised spectrogram, float32 `[bands, frames]`."""
        return ((mel - self.mean[:, None]) / self.scale[:, None]).astype(np.float32)

    def restore(self, normalised: np.ndarray) -> np.ndarray:
        """The inverse of `normalise`."""
        return (normalised * self.scale[:, None] + self.mean[:, None]).astype(np.float32)
