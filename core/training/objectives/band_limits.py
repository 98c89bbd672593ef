"""Ways in which sounds lose the band over a cut-off: resamplers of every kind, companding, codecs, and faint noise.

Filters are drawn from the family that resamplers use, windowed sincs from short to long; soxr, MP3 and Opus are the
libraries themselves where they are there.
"""

import io

import numpy as np
import torch
from numpy.random import Generator
from scipy import signal

from core.signal.companding import MuLaw

RATE = 16000
COMMON_RATES, COMMON_SHARE = (8000, 8000, 4000), 0.6
RATIOS = sorted({(p, q) for q in range(2, 17) for p in range(1, q) if np.gcd(p, q) == 1 and 3 / 16 <= p / q <= 15 / 16})
ZEROS, ROLLOFF, BETA = (5, 64), (0.85, 1.0), (3.0, 14.0)  # of windowed sincs: crossings a side, cut-off, Kaiser window
NOISY_SHARE, NOISE_DB = 0.25, (-75.0, -40.0)  # relative to the sound
COMPANDED_SHARE, CODED_SHARE = 0.1, 0.08
CODECS = (("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS"))
CODED_AT = (8000, 12000)  # rates that both codecs know
TRUSTED = 0.92  # share of the kept band that a good resampler leaves as it was
KNOWN = (0.84, 1.0)  # share of the kept band that the extender is told to be there


def lose_band(waveform: np.ndarray, rng: Generator) -> tuple[np.ndarray, float]:
    """A waveform at RATE without what lies over a random cut-off.

    Args:
        waveform: [samples].

    Returns:
        The waveform at RATE, [samples], and the cut-off as a share of half of it: up to there, it is to be trusted.
    """
    up, down = _ratio(rng)
    rate, rolloff = RATE * up // down, 1.0
    if rng.random() < 0.5:
        kept = _soxr(waveform, RATE, RATE * up / down, rng.choice(["VHQ", "HQ", "MQ", "LQ"]))
    elif rng.random() < 0.2:
        kept = signal.resample(waveform, -(-len(waveform) * up // down))
    else:
        kernel, rolloff = _windowed_sinc(up, down, rng)
        kept = signal.resample_poly(waveform, up, down, window=kernel)
    kept = _spoil(kept.astype(np.float32), rate, rng)
    raised = _soxr(kept, RATE * up / down, RATE, "VHQ")
    return _of_length(raised, len(waveform)), float(up / down * rolloff * rng.uniform(*KNOWN))


def thin_out(waveform: np.ndarray, factor: int) -> tuple[np.ndarray, float]:
    """A waveform through every factor-th part of the rate and back, by the best resampler; and its cut-off's share."""
    raised = _soxr(_soxr(waveform, RATE, RATE / factor, "VHQ"), RATE / factor, RATE, "VHQ")
    return _of_length(raised, len(waveform)), TRUSTED / factor


def _ratio(rng: Generator) -> tuple[int, int]:
    if rng.random() < COMMON_SHARE:
        return (1, RATE // int(rng.choice(COMMON_RATES)))
    return RATIOS[rng.integers(len(RATIOS))]


def _windowed_sinc(up: int, down: int, rng: Generator) -> tuple[np.ndarray, float]:
    """A low-pass at `up` times the rate, and its cut-off as a share of the kept band."""
    zeros, rolloff = np.exp(rng.uniform(*np.log(ZEROS))), rng.uniform(*ROLLOFF)
    half = int(zeros * down)
    n = np.arange(-half, half + 1)
    kernel = np.sinc(n * rolloff / down) * np.kaiser(len(n), rng.uniform(*BETA))
    return kernel / kernel.sum(), rolloff


def _spoil(kept: np.ndarray, rate: int, rng: Generator) -> np.ndarray:
    """Some of them companded, coded or noisy."""
    level = np.sqrt(np.mean(kept**2)) + 1e-9
    chance = rng.random()
    if chance < COMPANDED_SHARE:
        return _companded(kept, rng.uniform(0.1, 1.0) / (np.abs(kept).max() + 1e-9))
    if chance < COMPANDED_SHARE + CODED_SHARE and rate in CODED_AT:
        return _coded(kept, rate, *CODECS[rng.integers(len(CODECS))])
    if chance < COMPANDED_SHARE + CODED_SHARE + NOISY_SHARE:
        noise = rng.standard_normal(len(kept), dtype=np.float32)
        return kept + noise * np.float32(level * 10 ** (rng.uniform(*NOISE_DB) / 20))
    return kept


def _companded(kept: np.ndarray, gain: float) -> np.ndarray:
    """Through the classes of mu-law, at a level."""
    domain, x = MuLaw(), torch.from_numpy(kept * np.float32(gain)).clamp(-1, 1)
    return (domain.decode(domain.encode(x)) / gain).numpy()


def _coded(kept: np.ndarray, rate: int, container: str, codec: str) -> np.ndarray:
    """Through a lossy codec, brought back in time to where it was; unchanged where the library lacks it."""
    try:
        import soundfile
    except ImportError:
        return kept
    file, peak = io.BytesIO(), np.abs(kept).max() + 1e-9
    soundfile.write(file, kept / peak / 2, rate, format=container, subtype=codec)
    file.seek(0)
    decoded, decoded_rate = soundfile.read(file, dtype="float32")
    decoded = _soxr(decoded, decoded_rate, rate, "HQ")
    lag = int(np.argmax(signal.correlate(decoded, kept, mode="full", method="fft"))) - len(kept) + 1
    moved = np.zeros_like(kept)
    start, stop = max(0, -lag), min(len(kept), len(decoded) - lag)
    moved[start:stop] = decoded[start + lag : stop + lag]
    return moved * peak * 2


def _of_length(waveform: np.ndarray, samples: int) -> np.ndarray:
    """Cut or zero padded at its end."""
    return np.pad(waveform[:samples], (0, max(0, samples - len(waveform)))).astype(np.float32)


def _soxr(waveform: np.ndarray, old: float, new: float, quality: str) -> np.ndarray:
    """By soxr, or by Fourier's series where it is not installed."""
    try:
        import soxr
    except ImportError:
        return signal.resample(waveform, round(len(waveform) * new / old)).astype(np.float32)
    return soxr.resample(waveform, old, new, quality=str(quality)) if old != new else waveform
