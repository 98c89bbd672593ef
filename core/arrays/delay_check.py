"""The delay check: whether a sound reaches two microphones farther apart in time than they stand apart."""

from itertools import combinations

import numpy as np
from scipy.fft import irfft, rfft
from scipy.signal.windows import hann

from core.arrays.channel_check import ChannelFault
from core.arrays.doa.spatial_spectra import BAND_HZ, SILENCE
from core.arrays.energy import loudest_moments
from core.arrays.geometry import SPEED_OF_SOUND, ArrayGeometry

MOMENT = 4096  # samples: twice the longest delay that is looked for
LOUDEST = 64  # moments of a recording
HIGHEST_HZ = 7500.0
TOLERANCE_SECONDS = 1.25e-4  # half a peak of that band
CONTRADICTED = 2.5  # times as high as the highest peak of a delay that the array can have
FAINTEST = 0.1  # correlation that is a delay at all


def check_delays(samples: np.ndarray, sample_rate: int, geometry: ArrayGeometry) -> list[ChannelFault]:
    """Finds the two microphones whose delay, by cross-correlation with phase transform, their distance allows least.

    Such are those of a channel that lags behind, of another device, or of an array that is far larger than it says.

    Args:
        samples: of the microphones, [mics, frames].
    """
    phases, used = _phases(samples, sample_rate)
    if not phases.shape[1] or not used:
        return []
    lags = np.arange(-MOMENT // 2, MOMENT // 2 + 1)
    worst, found = CONTRADICTED, None
    for i, k in combinations(range(geometry.count), 2):
        cross = np.mean(phases[i] * phases[k].conj(), axis=0)
        correlation = irfft(cross, 2 * MOMENT)[lags] * MOMENT / used
        distance = float(np.linalg.norm(geometry.xy[i] - geometry.xy[k]))
        possible = np.abs(lags) <= (distance / SPEED_OF_SOUND + TOLERANCE_SECONDS) * sample_rate
        if possible.all():
            continue
        outside = np.where(possible, -np.inf, correlation)
        ratio = outside.max() / max(correlation[possible].max(), FAINTEST / CONTRADICTED)
        if ratio > worst:
            worst, found = ratio, (i, k, abs(lags[outside.argmax()]) / sample_rate, distance)
    return [_fault(geometry, *found)] if found else []


def _fault(geometry: ArrayGeometry, i: int, k: int, delay: float, distance: float) -> ChannelFault:
    sentence = (
        f"Sound reaches microphones {i} and {k} {1000 * delay:.2g} ms apart, but the array {geometry.name} has them "
        f"{100 * distance:.2g} cm apart, at most {1000 * distance / SPEED_OF_SOUND:.2g} ms, so directions are wrong. "
        "Check the channels and the positions."
    )
    return ChannelFault("delayed", (i, k), sentence)


def _phases(samples: np.ndarray, sample_rate: int) -> tuple[np.ndarray, int]:
    """Phases of the loudest moments, [mics, moments, bins], zero outside a band; and its number of bins."""
    loudest = loudest_moments(samples, MOMENT, LOUDEST)
    spectra = rfft(loudest * hann(MOMENT).astype(np.float32), 2 * MOMENT)
    frequencies = np.fft.rfftfreq(2 * MOMENT, 1 / sample_rate)
    band = (frequencies >= BAND_HZ[0]) & (frequencies <= min(HIGHEST_HZ, 0.47 * sample_rate))
    phases = np.where(band, spectra / np.maximum(np.abs(spectra), SILENCE), 0)
    return phases, int(band.sum())
