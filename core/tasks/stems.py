"""Stems: separated sources at the mixture's rate, by names, that add up to it."""

import itertools
from collections.abc import Sequence

import numpy as np

from core.signal.clip import Clip
from core.signal.resampling import resample
from core.tasks.progress import Sounds


def stem_names(priors: Sequence[str]) -> tuple[str, ...]:
    """A stem is called as its prior; a second one of the same prior gets "-2"."""
    names: list[str] = []
    for prior in priors:
        numbered = (f"{prior}-{n}" for n in itertools.count(2))
        names.append(next(name for name in itertools.chain([prior], numbered) if name not in names))
    return tuple(names)


def stems_of(mixture: Clip, known: Clip, names: Sequence[str], sources: np.ndarray) -> Sounds:
    """Stems at the mixture's rate that add up to it.

    Args:
        known: the mixture at the prior's rate.
        names: of the stems.
        sources: [sources, channels, frames] at the prior's rate.
    """
    if mixture.sample_rate == known.sample_rate:
        stems = [source.copy() for source in sources]
    else:
        lower = [resample(Clip(s, known.sample_rate), mixture.sample_rate, frames=mixture.frames) for s in sources]
        stems = [clip.samples.copy() for clip in lower]
    if mixture.sample_rate > known.sample_rate:
        over = mixture.samples - resample(known, mixture.sample_rate, frames=mixture.frames).samples
        shares = _shares_of_the_upper_band(stems, mixture.sample_rate, known.sample_rate)
        stems = [stem + over * share for stem, share in zip(stems, shares, strict=True)]
    # rounding leaves a little: the last stem takes it
    stems[-1] = mixture.samples - sum(stems[:-1])
    return {name: Clip(stem, mixture.sample_rate) for name, stem in zip(names, stems, strict=True)}


def _shares_of_the_upper_band(sources: Sequence[np.ndarray], sample_rate: int, prior_rate: int) -> np.ndarray:
    """Each source's share of the power in the upper half of the prior's band over time, [sources, 1, frames]."""
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import butter, sosfiltfilt

    highpass = butter(4, prior_rate / 4, "highpass", fs=sample_rate, output="sos")
    pad = min(sources[0].shape[-1] - 1, 512)
    powers = np.stack([np.square(sosfiltfilt(highpass, s, padlen=pad)).mean(axis=0, keepdims=True) for s in sources])
    smooth = uniform_filter1d(powers, max(1, sample_rate // 20), mode="nearest", axis=-1) + 1e-12
    return (smooth / smooth.sum(axis=0)).astype(np.float32)
