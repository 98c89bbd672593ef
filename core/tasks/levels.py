"""Priors know sound at one level: what brings a waveform to it."""

import numpy as np

from core.tasks.blocks import SILENCE
from core.types import Prior

HEADROOM = 0.98  # peak in domains that end at full scale


def level_gain(waveform: np.ndarray, prior: Prior, *, power: float = 1.0, together: bool = False) -> np.ndarray:
    """What brings each row of a waveform to the prior's level, or under full scale where its domain ends.

    Args:
        waveform: [rows, frames].
        power: of the waveform at that level, as a multiple of the prior's.
        together: whether all rows have one gain.

    Returns:
        Factors, float64 [rows, 1]; [1, 1] for all together.
    """
    samples = waveform.astype(np.float64).reshape(1 if together else len(waveform), -1)
    rms = np.sqrt(np.mean(samples**2, axis=1, keepdims=True))
    gain = prior.rms * np.sqrt(power) / np.maximum(rms, SILENCE)
    if not prior.domain.bounded:
        return gain
    return np.minimum(gain, HEADROOM / np.maximum(np.abs(samples).max(axis=1, keepdims=True), SILENCE))
