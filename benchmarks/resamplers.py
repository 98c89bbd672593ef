"""Ways in which real programs bring a sound to a k-th of its rate: samples dropped, filters good and bad, codecs.

A way takes samples `[frames]` at RATE and the factor k, and returns samples at RATE / k. Those of programs that are
not installed are left out (`missing_ways`).
"""

import io
import math
import shutil
import subprocess
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.signal
import soundfile
import soxr
import torch
import torch.nn.functional as F

RATE = 16000
CODEC_RATE = 8000  # that the codecs are made for

Thin = Callable[[np.ndarray, int], np.ndarray]


def dropped(samples: np.ndarray, factor: int) -> np.ndarray:
    """Every k-th sample: the only way that leaves plain ones."""
    return samples[::factor]


def averaged(samples: np.ndarray, factor: int) -> np.ndarray:
    """The mean of every k samples."""
    return samples[: len(samples) // factor * factor].reshape(-1, factor).mean(axis=1)


def interpolated(samples: np.ndarray, factor: int) -> np.ndarray:
    """On straight lines between samples, as torch.nn.functional.interpolate counts places."""
    return F.interpolate(torch.tensor(samples)[None, None], scale_factor=1 / factor, mode="linear")[0, 0].numpy()


def by_fourier(samples: np.ndarray, factor: int) -> np.ndarray:
    """scipy.signal.resample of a clip and its mirror image: whole files have no jump from their end to their start."""
    frames = len(samples) // factor
    there_and_back = np.concatenate([samples[: frames * factor], samples[: frames * factor][::-1]])
    return scipy.signal.resample(there_and_back.astype(np.float64), 2 * frames)[:frames]


def torchaudio_sinc(samples: np.ndarray, factor: int, width: int = 6, rolloff: float = 0.99) -> np.ndarray:
    """torchaudio.functional.resample with its defaults: a sinc under a Hann window."""
    cutoff = rolloff / factor  # of half the rate
    half = math.ceil(width / cutoff)
    time = np.clip(np.arange(-half, half + 1) * cutoff, -width, width)
    kernel = np.sinc(time) * np.cos(time * np.pi / width / 2) ** 2 * cutoff
    return np.convolve(samples, kernel, mode="same")[::factor]


def by_soxr(quality: str, samples: np.ndarray, factor: int) -> np.ndarray:
    return soxr.resample(samples, RATE, RATE / factor, quality=quality)


def by_scipy(resample: Callable, samples: np.ndarray, factor: int) -> np.ndarray:
    return resample(samples.astype(np.float64), factor)


def by_program(command: str, samples: np.ndarray, factor: int) -> np.ndarray:
    """Raw float samples into a program and out of it."""
    words = command.format(rate=RATE, low=RATE // factor).split()
    heard = subprocess.run(words, input=samples.astype("<f4").tobytes(), capture_output=True, check=True)
    return np.frombuffer(heard.stdout, dtype="<f4")


def by_codec(container: str, subtype: str, samples: np.ndarray, factor: int) -> np.ndarray:
    """soxr's best, then written and read again."""
    low, file = by_soxr("VHQ", samples, factor), io.BytesIO()
    soundfile.write(file, low, RATE // factor, format=container, subtype=subtype)
    file.seek(0)
    return soundfile.read(file, frames=len(low))[0]


def _sox(option: str) -> Thin:
    raw = "-t raw -e floating-point -b 32 -c 1 -r {}"
    return partial(by_program, f"sox -V1 {raw.format('{rate}')} - {raw.format('{low}')} - rate {option} {{low}}")


def _ffmpeg(options: str) -> Thin:
    pcm = "-v error -f f32le -ac 1 -ar {rate} -i -"
    return partial(by_program, f"ffmpeg {pcm} -af aresample={{low}}{options} -f f32le -")


WAYS: dict[str, Thin] = {
    "every k-th sample": dropped,
    "mean of k samples": averaged,
    "linear interpolation": interpolated,
    **{f"soxr {quality}": partial(by_soxr, quality) for quality in ("VHQ", "HQ", "LQ", "QQ")},
    "scipy resample": by_fourier,
    "scipy resample_poly": partial(by_scipy, lambda x, k: scipy.signal.resample_poly(x, 1, k)),
    "scipy decimate iir": partial(by_scipy, scipy.signal.decimate),
    "scipy decimate fir": partial(by_scipy, lambda x, k: scipy.signal.decimate(x, k, ftype="fir")),
    "torchaudio": torchaudio_sinc,
    "ffmpeg": _ffmpeg(""),
    "ffmpeg soxr": _ffmpeg(":resampler=soxr"),
    **{f"sox rate {option}": _sox(option) for option in ("-l", "-m", "-v", "-s")},
    "16 bit": partial(by_codec, "WAV", "PCM_16"),
    "mu-law": partial(by_codec, "WAV", "ULAW"),
}
CODECS: dict[str, Thin] = {
    "GSM": partial(by_codec, "WAV", "GSM610"),
    "MP3": partial(by_codec, "MP3", "MPEG_LAYER_III"),
    "Opus": partial(by_codec, "OGG", "OPUS"),
}


def ways_at(rate: int) -> dict[str, Thin]:
    """Those that lead to this rate here, by name."""
    known = WAYS | (CODECS if rate == CODEC_RATE else {})
    return {name: way for name, way in known.items() if name not in missing_ways()}


def missing_ways() -> list[str]:
    """Those whose programs are not installed."""
    return [name for name in WAYS if name.split()[0] in ("ffmpeg", "sox") and not shutil.which(name.split()[0])]
