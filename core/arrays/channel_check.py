"""The channel check: faults of an array's channels, each in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.arrays.geometry import ArrayGeometry

SILENT_DB = -80.0  # of full scale: no sound
FAINT_DB = 30.0  # below the median of the others
FULL_SCALE = 0.999
CLIPPED_SHARE = 1e-3  # of the samples
SAME = 1e-3  # largest difference of two copies, relative to their peak
MOST_COMPARED = 200_000  # samples of a channel: copies are alike everywhere
FRAME_SECONDS = 0.01
TAP_SECONDS = 0.3  # from a tap to the next, at least
TAP_DB = 20.0  # over the median level


@dataclass(frozen=True)
class ChannelFault:
    """A fault of one or more channels.

    Args:
        kind: dead, faint, clipping, copied, swapped, misplaced, delayed or unclear.
        microphones: the affected ones, from 0.
        sentence: the fault and its remedy.
    """

    kind: str
    microphones: tuple[int, ...]
    sentence: str


def check_levels(samples: np.ndarray) -> list[ChannelFault]:
    """Finds dead, faint, clipping and copied channels in a few seconds of any sound.

    Args:
        samples: of the microphones, [mics, frames], full scale at 1.
    """
    levels = _decibel(np.mean(np.square(samples, dtype=np.float64), axis=1))
    if (levels < SILENT_DB).all():
        everyone = tuple(range(len(samples)))
        return [
            ChannelFault("dead", everyone, "No microphone hears anything; is the array muted, or the device another?")
        ]
    return [*_weak(levels), *_clipping(samples), *find_copies(samples)]


def find_copies(samples: np.ndarray) -> list[ChannelFault]:
    """Groups of channels that carry the same signal, be it louder or inverted in some; silent ones are left out.

    Args:
        samples: of the microphones, [mics, frames].
    """
    some = samples[:, :: max(samples.shape[1] // MOST_COMPARED, 1)].astype(np.float64)
    some -= some.mean(axis=1, keepdims=True)
    remaining = [int(k) for k in np.flatnonzero(_decibel(np.mean(some**2, axis=1)) >= SILENT_DB)]
    faults = []
    while remaining:
        first, *others = remaining
        group = (first, *(k for k in others if _is_copy(some[k], some[first])))
        remaining = [k for k in others if k not in group]
        if len(group) > 1:
            sentence = f"{_microphones(group)} carry one signal; choose the device's raw channels."
            faults.append(ChannelFault("copied", group, sentence))
    return faults


def _is_copy(signal: np.ndarray, other: np.ndarray) -> bool:
    """Whether a signal is another one times some gain; both without offset."""
    gain = signal @ other / (other @ other)
    return bool(np.abs(signal - gain * other).max() <= SAME * np.abs(signal).max())


def check_order(samples: np.ndarray, sample_rate: int, geometry: ArrayGeometry) -> list[ChannelFault]:
    """Checks the order of the channels by taps on microphones 0, 1, 2, ... one after the other.

    Args:
        samples: of the microphones, [mics, frames].
    """
    tapped, count = tapped_channels(samples, sample_rate), geometry.count
    if sorted(tapped) != list(range(count)):
        order = ", ".join(map(str, tapped)) or "none"
        sentence = (
            f"The microphones were not told apart: the taps were loudest at {order}. Tap each of the {count} "
            "microphones once, in their order, a second apart."
        )
        return [ChannelFault("unclear", tuple(sorted(set(range(count)) - set(tapped))), sentence)]
    wrong = tuple(k for k, other in enumerate(tapped) if other != k)
    if not wrong:
        return []
    stream = geometry.raw_channels or tuple(range(count))
    channels = ",".join(str(stream[k]) for k in tapped)
    taps = ", ".join(f"a tap on {k} was heard as {tapped[k]}" for k in wrong)
    sentence = f"Microphones are swapped: {taps}. Give the channels {channels} instead, in this order."
    return [ChannelFault("swapped", wrong, sentence)]


def tapped_channels(samples: np.ndarray, sample_rate: int) -> list[int]:
    """The loudest channel of every tap, in the order of the taps.

    Args:
        samples: [channels, frames].
    """
    step = max(round(FRAME_SECONDS * sample_rate), 1)
    whole = samples[:, : samples.shape[1] // step * step].reshape(len(samples), -1, step)
    peaks = np.abs(whole).max(axis=-1)  # [channels, times]
    levels = _decibel(np.square(peaks.max(axis=0)))
    if not levels.size:
        return []
    loud = np.flatnonzero(levels > max(np.median(levels) + TAP_DB, SILENT_DB))
    taps = np.split(loud, np.flatnonzero(np.diff(loud) > TAP_SECONDS / FRAME_SECONDS) + 1)
    return [int(peaks[:, tap].max(axis=1).argmax()) for tap in taps if tap.size]


def _weak(levels: np.ndarray) -> list[ChannelFault]:
    dead = levels < SILENT_DB
    faint = ~dead & (levels < np.median(levels[~dead]) - FAINT_DB)
    return [
        *_faults("dead", dead, "{} {} silent: unplugged, muted or no microphone."),
        *_faults(
            "faint", faint, f"{{}} {{}} over {FAINT_DB:g} dB fainter than the others: covered, or hardly connected."
        ),
    ]


def _clipping(samples: np.ndarray) -> list[ChannelFault]:
    clipping = np.mean(np.abs(samples) >= FULL_SCALE, axis=1) > CLIPPED_SHARE
    return _faults("clipping", clipping, "{} {} clipping: turn the gain down, or speak from farther away.")


def _faults(kind: str, affected: np.ndarray, sentence: str) -> list[ChannelFault]:
    microphones = tuple(int(k) for k in np.flatnonzero(affected))
    if not microphones:
        return []
    verb = "is" if len(microphones) == 1 else "are"
    return [ChannelFault(kind, microphones, sentence.format(_microphones(microphones), verb))]


def _microphones(numbers: Sequence[int]) -> str:
    *before, last = map(str, numbers)
    return f"Microphones {', '.join(before)} and {last}" if before else f"Microphone {last}"


def _decibel(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 1e-12))
