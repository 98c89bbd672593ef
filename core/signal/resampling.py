"""Resampling of clips by band-limited interpolation (libsoxr, very high quality)."""

import numpy as np

from core.signal.clip import Clip


def resample(clip: Clip, sample_rate: int, *, frames: int | None = None) -> Clip:
    """The clip at another rate.

    Args:
        clip: at any rate.
        sample_rate: wanted, in Hz.
        frames: wanted length, such as the original one after a round trip; the end is cut or zero padded. None for
            round(frames * new rate / old rate), at least 1.

    Returns:
        The clip itself if rate and length are already the wanted ones.
    """
    if frames is None:
        frames = max(1, (2 * clip.frames * sample_rate + clip.sample_rate) // (2 * clip.sample_rate))
    if (sample_rate, frames) == (clip.sample_rate, clip.frames):
        return clip
    samples = np.zeros((clip.channels, frames), dtype=np.float32)
    for target, channel in zip(samples, clip.samples, strict=True):
        if sample_rate != clip.sample_rate:
            channel = _soxr(channel, clip.sample_rate, sample_rate)
        length = min(frames, len(channel))
        target[:length] = channel[:length]
    return Clip(samples, sample_rate)


def _soxr(channel: np.ndarray, old_rate: int, new_rate: int) -> np.ndarray:
    import soxr

    return soxr.resample(channel, old_rate, new_rate, quality="VHQ")
