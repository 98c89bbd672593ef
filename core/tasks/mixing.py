"""Sounds at chosen levels, mixed: where the truth of a separation is known."""

from collections.abc import Sequence

import numpy as np

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.resampling import resample

LOUDEST_DB = 60.0


def mix(sources: Sequence[Clip], levels_db: Sequence[float]) -> tuple[Clip, list[Clip], tuple[str, ...]]:
    """Sources at chosen levels, and their sum.

    All are brought to the first one's rate and channels (mono becomes stereo where another is), shorter ones end in
    silence, and each stands `levels_db` over the first in root mean square.

    Returns:
        The mixture, the sources as they are in it, and notes.

    Raises:
        InputError: a silent source, whose level cannot be set, or levels that do not fit.
    """
    if len(sources) < 2:
        raise InputError("A mixture has at least two sources; give another one.")
    rate, channels = sources[0].sample_rate, max(source.channels for source in sources)
    brought = [_with_channels(resample(source, rate), channels) for source in sources]
    frames, notes = max(clip.frames for clip in brought), []
    if min(clip.frames for clip in brought) < frames:
        notes.append("The sources differ in length; the shorter ones end in silence.")
    levels = [0.0, *levels_db]
    if len(levels) != len(sources):
        raise InputError(f"{len(sources)} sources need {len(sources) - 1} levels relative to the first.")
    check_levels(levels)
    first = _rms(brought[0].samples)
    placed = []
    for clip, level in zip(brought, levels, strict=True):
        rms = _rms(clip.samples)
        if min(rms, first) < 1e-7:
            raise InputError("A source is silent, so its level cannot be set; choose another sound.")
        samples = np.zeros((channels, frames), dtype=np.float32)
        samples[:, : clip.frames] = clip.samples * (first / rms * 10 ** (level / 20))
        placed.append(samples)
    peak = float(np.abs(sum(placed)).max())
    if peak > 1:
        notes.append(f"The mixture would have clipped, so all of it was turned down by {20 * np.log10(peak):.1f} dB.")
        placed = [samples / np.float32(peak) for samples in placed]
    return Clip(sum(placed), rate), [Clip(samples, rate) for samples in placed], tuple(notes)


def check_levels(levels: Sequence[float]) -> None:
    """Refuses levels, relative to the first source's, that are out of range."""
    for level in levels:
        if not abs(level) <= LOUDEST_DB:
            raise InputError(f"A level must lie within {LOUDEST_DB:g} dB of the first source's, not at {level:g} dB.")


def _with_channels(clip: Clip, channels: int) -> Clip:
    if clip.channels == channels:
        return clip
    return Clip(np.broadcast_to(clip.mono().samples, (channels, clip.frames)), clip.sample_rate)


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0
