"""Mel spectrograms of one front-end as those of another: nobody can take a text-to-speech system's anew.

Bands of equal areas are samples of a magnitude over frequency, so those of other bands and frames are interpolated, in
log magnitude; where they stand less densely than those that are given, these are averaged. In a band, a window of W
samples that last T seconds hears a steady tone as loud as W, and noise as loud as W sqrt(T). The gain is that of noise:
voices move, so that their bands follow it nearly as well, but for the lowest harmonics.
"""

import numpy as np

from core.signal.mel import LOGARITHMS, MelFrontEnd, mel_edges
from core.signal.spectrogram_files import MelSpectrogram


def convert(spectrogram: MelSpectrogram, wanted: MelFrontEnd) -> MelSpectrogram:
    """A spectrogram about as another front-end would have made it.

    Bands over the range of its own are at the floor; the few under it are as its lowest.
    """
    own = spectrogram.front_end
    natural = spectrogram.mel.astype(np.float64) * LOGARITHMS[own.log] + _gain(own, wanted)
    natural = _interpolated(natural, *_places_of_frames(natural.shape[1], own, wanted))
    natural = _interpolated(natural.T, *_places_of_bands(own, wanted)).T
    floor = np.log(wanted.floor)
    natural[mel_edges(wanted)[:-2] >= own.highest_hz] = floor
    return MelSpectrogram((np.maximum(natural, floor) / LOGARITHMS[wanted.log]).astype(np.float32), wanted)


def _gain(own: MelFrontEnd, wanted: MelFrontEnd) -> float:
    """As a natural logarithm."""
    samples = wanted.window_length / own.window_length
    seconds = samples * own.sample_rate / wanted.sample_rate
    return float(np.log(samples) + np.log(seconds) / 2)


def _places_of_bands(own: MelFrontEnd, wanted: MelFrontEnd) -> tuple[np.ndarray, np.ndarray]:
    """Of the bands of `wanted` among those of `own`, by their centres; and how far they stand apart there."""
    edges = np.interp(mel_edges(wanted), mel_edges(own), np.arange(-1, own.bands + 1))
    return edges[1:-1], (edges[2:] - edges[:-2]) / 2


def _places_of_frames(frames: int, own: MelFrontEnd, wanted: MelFrontEnd) -> tuple[np.ndarray, np.ndarray]:
    """The same of frames."""
    step = wanted.hop_length / wanted.sample_rate * own.sample_rate / own.hop_length
    hops = (frames - own.centred) / step  # of the wanted front-end, that the sound lasts
    count = max(2, wanted.centred + int(hops + 1e-6))
    return (np.arange(count) + wanted.delay) * step - own.delay, np.full(count, step)


def _interpolated(values: np.ndarray, places: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Means under triangles around places, as wide as the coarser of both grids: where that is the given one, what
    lies between two of its values.

    Args:
        values: `[rows, columns]`, at the places 0 ... columns - 1.
        places, spacing: `[wanted columns]`; places beyond the ends are taken to be at the ends.

    Returns:
        `[rows, wanted columns]`.
    """
    last = values.shape[1] - 1
    places, width = places.clip(0, last), np.maximum(spacing, 1)
    reach, nearest = int(np.ceil(width.max())), np.floor(places).astype(int)
    sums, total = np.zeros((len(values), len(places))), np.zeros(len(places))
    for column in (nearest + offset for offset in range(-reach, reach + 2)):
        weights = np.maximum(0, 1 - abs(column - places) / width) * ((column >= 0) & (column <= last))
        sums, total = sums + weights * values[:, column.clip(0, last)], total + weights
    return sums / total
