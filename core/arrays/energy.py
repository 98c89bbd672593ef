"""The level of a voice: the mean over frames of its root mean square.

The Cone of Silence uses librosa, whose result for several channels changed, by a factor of about 2 if they are weakly
correlated. Its cutoffs belong to librosa 0.7, which mixes the channels down first ("mono"); since 0.10 it averages the
levels of all channels ("multichannel").
"""

from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

FRAME, HOP = 2048, 512  # samples

Rms = Literal["mono", "multichannel"]


def mean_rms(voices: np.ndarray, rms: Rms = "mono") -> np.ndarray:
    """Level of every voice: `[..., mics, frames]` -> `[...]`.

    Args:
        rms: "mono" averages the channels and pads by reflection; "multichannel" averages their levels and pads with
            zeros.
    """
    mono = rms == "mono"
    if mono:
        voices = voices.mean(axis=-2, keepdims=True)
    ends = [(0, 0)] * (voices.ndim - 1) + [(FRAME // 2, FRAME // 2)]
    padded = np.pad(voices, ends, mode="reflect" if mono else "constant")
    frames = sliding_window_view(padded, FRAME, axis=-1)[..., ::HOP, :]  # [..., mics, hops, FRAME]
    return np.sqrt(np.mean(frames**2, axis=-1)).mean(axis=(-2, -1))


def loudest_moments(recording: np.ndarray, length: int, count: int) -> np.ndarray:
    """The loudest pieces of a recording [channels, frames], loudest first: [channels, at most count, length]."""
    whole = recording.shape[1] // length * length
    moments = [channel[:whole].reshape(-1, length) for channel in recording]  # views: recordings may be long
    levels = sum(np.einsum("mf,mf->m", own, own) for own in moments)
    loudest = np.argsort(-levels, kind="stable")[:count]
    return np.stack([own[loudest] for own in moments]).astype(np.float32)


def rms(samples: np.ndarray) -> float:
    """Root mean square of all samples, of any shape."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
