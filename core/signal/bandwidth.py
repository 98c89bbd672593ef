"""Where the spectrum of a sound ends, and sounds put together from the bands of two."""

import numpy as np
from scipy.ndimage import median_filter
from scipy.signal import firwin, get_window, kaiserord, oaconvolve

from core.signal.clip import Clip

FRAME_SECONDS = 0.046
LOWEST_END = 1000.0  # Hz; under it a spectrum ends by nature: hums, whistles, single notes
CLIFF_DB = 20.0  # by which a spectrum falls where a filter ends it; by nature it falls slowly
BRINK_DB = 10.0  # under what lies before a cliff: the end
EDGE = (0.80, 0.93, 1.09)  # shares of an end's frequency: what lies before it from .. to, what lies over it from
LINE_BINS = 31  # spectral lines are narrower than half of it
ENDS = 200  # that are tried
FADE = 0.92  # share of an edge's frequency at which the fade from one band to the other begins
OWN_END = 0.1  # by which share a channel's or a part's end must differ to be its own
PART_SECONDS = 5.0  # of a sound that may be made of several
REJECTION_DB = 80.0


def band_end(clip: Clip) -> float:
    """Where a filter ended the spectrum, in Hz; half the rate where none did.

    Resamplers and codecs leave a cliff: over it there is nothing but rounding. The spectrum's quiet places count as
    much as its peaks (the median before the cliff against everything over it but single lines), so that the highest
    partial of a tone is no end of a band, and a hum over it hides none.
    """
    half = clip.sample_rate / 2
    level = _mean_spectrum_db(clip)
    if level is None:
        return half
    frequencies = np.linspace(0, half, len(level))
    cliff, end = CLIFF_DB, half
    beyond = median_filter(level, LINE_BINS, mode="nearest")
    over = np.maximum.accumulate(beyond[::-1])[::-1]  # the loudest from here on
    for candidate in np.geomspace(LOWEST_END, half * 0.9, ENDS):
        first, last, above = np.searchsorted(frequencies, np.multiply(EDGE, candidate))
        if last - first < 4 or above >= len(level):
            continue
        top = np.median(level[first:last])
        if top - over[above] > cliff:
            cliff = top - over[above]
            end = frequencies[np.flatnonzero(level[:above] > top - BRINK_DB)[-1]]
    return float(end)


def band_ends(clip: Clip) -> list[float]:
    """Where the spectrum of each channel ends; channels that end near each other have the end that is found of all."""
    together = band_end(clip)
    each = [band_end(Clip(channel[None], clip.sample_rate)) for channel in clip.samples]
    return [end if abs(end - together) > OWN_END * together else together for end in each]


def lower_part(clip: Clip, end: float) -> tuple[float, float, float] | None:
    """The longest part whose spectrum ends lower than that of the whole: (start, stop, its end), in seconds and Hz.

    Args:
        end: of the whole.
    """
    length = round(PART_SECONDS * clip.sample_rate)
    parts = [Clip(clip.samples[:, n : n + length], clip.sample_rate) for n in range(0, clip.frames, length)]
    ends = [band_end(part) for part in parts] if len(parts) > 1 else []
    longest, run = [], []
    for number, own in enumerate(ends):
        run = [*run, number] if own < (1 - OWN_END) * end else []
        longest = max(longest, run, key=len)
    if not longest:
        return None
    stop = min((longest[-1] + 1) * PART_SECONDS, clip.seconds)
    return longest[0] * PART_SECONDS, stop, max(ends[number] for number in longest)


def splice_bands(low: Clip, high: Clip, edge: float) -> Clip:
    """One sound under an edge and another one over it, faded into each other just under the edge.

    Args:
        low, high: of the same rate, channels and frames.
        edge: in Hz; from half the rate on, all is `low`'s.
    """
    half = low.sample_rate / 2
    if edge >= half:
        return low
    taps, beta = kaiserord(REJECTION_DB, (1 - FADE) * edge / half)
    kernel = firwin(taps | 1, (1 + FADE) / 2 * edge / half, window=("kaiser", beta)).astype(np.float32)
    samples = high.samples.copy()
    for own, mine in zip(samples, low.samples, strict=True):
        own += oaconvolve(mine - own, kernel, mode="same")[: len(own)]
    return Clip(samples, low.sample_rate)


def _mean_spectrum_db(clip: Clip) -> np.ndarray | None:
    """Mean power of every frequency up to half the rate, relative to the loudest; None of what is too short to say."""
    size = 2 ** round(np.log2(FRAME_SECONDS * clip.sample_rate))
    if clip.frames < 4 * size or not np.ptp(clip.samples):
        return None
    window = get_window("blackmanharris", size).astype(np.float32)
    power = np.zeros(size // 2 + 1)
    for first in range(0, clip.frames - size + 1, size // 2):
        power += np.square(np.abs(np.fft.rfft(window * clip.samples[:, first : first + size]))).sum(axis=0)
    return 10 * np.log10(power / power.max() + 1e-20)
