"""PnF's preparation of a recording: silence trimmed, optional low cut, peak normalised to full scale."""

import numpy as np
from scipy.signal import firwin, lfilter

TRIM_DB, TRIM_FRAME, TRIM_HOP = 60, 2048, 512
LOW_CUT_TAPS = 255


def prepare(samples: np.ndarray, sample_rate: int, low_cut_hz: float | None = None) -> np.ndarray:
    """The recording as PnF computes spectrograms of it: clipped, trimmed, filtered, at a peak of 1 unless silent.

    Args:
        samples: [frames].
        low_cut_hz: None, as in PnF's presets, for no filter.
    """
    samples = np.clip(samples, -1, 1)
    start, stop = spoken_part(samples)
    samples = samples[start:stop]
    if low_cut_hz:
        samples = low_cut(samples, low_cut_hz, sample_rate)
    peak = np.abs(samples).max(initial=0.0)
    return samples / peak if peak > 0 else samples


def spoken_part(samples: np.ndarray) -> tuple[int, int]:
    """First sample and end of the part whose frames are within 60 dB of the loudest one."""
    import librosa

    _, (start, stop) = librosa.effects.trim(samples, top_db=TRIM_DB, frame_length=TRIM_FRAME, hop_length=TRIM_HOP)
    return int(start), int(stop)


def low_cut(samples: np.ndarray, cutoff_hz: float, sample_rate: int) -> np.ndarray:
    """High-pass filter at the cutoff: causal, 255 taps (Hamming), which delay by 127 samples."""
    taps = firwin(LOW_CUT_TAPS, cutoff_hz / (sample_rate / 2), pass_zero=False)
    return lfilter(taps, [1.0], samples)
