"""How close an estimate is to the truth, in dB: float64, one channel, one definition wherever a figure is printed.

Log-spectral distances have a floor 60 dB under the reference's loudest bin: without one, adding faint noise to an
estimate would halve the distance. Special cases: an estimate equal to the reference has infinite ratios and zero
distance; SI-SDR with silence on either side, and the other ratios to a silent reference, are minus infinite; a
log-spectral distance to a silent reference is NaN (it has no loudest bin).
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

FLOOR_DB = 60.0
BAND_FLOOR = 1e-4  # 94 dB under a full-scale sine
BLOCK_FRAMES = 4096  # in memory at a time


def psnr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Peak signal-to-noise ratio: 10 log10(max |reference|^2 / mean (estimate - reference)^2).

    Args:
        reference, estimate: `[frames]`.

    Raises:
        ValueError: they differ in shape, are empty or not one-dimensional.
    """
    reference, estimate = _pair(reference, estimate)
    return _ratio_db(np.max(reference**2), np.mean((estimate - reference) ** 2))


def sdr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Signal-to-distortion ratio: 10 log10(sum reference^2 / sum (estimate - reference)^2); arguments as `psnr_db`."""
    reference, estimate = _pair(reference, estimate)
    return _ratio_db(np.sum(reference**2), np.sum((estimate - reference) ** 2))


def sdr_of_frames_db(reference: np.ndarray, estimate: np.ndarray, frame: int = 44100) -> np.ndarray:
    """`sdr_db` of whole frames side by side, as museval's BSS-eval v4 has it (its filters cancel out of this figure).

    Args:
        reference, estimate: `[frames]`, as `psnr_db`'s; shorter ones than a frame are one.

    Returns:
        One figure for each; NaN where either is silent or both are the same.
    """
    reference, estimate = _pair(reference, estimate)
    frame = min(frame, len(reference))
    starts = range(0, len(reference) - frame + 1, frame)
    pairs = [(reference[n : n + frame], estimate[n : n + frame]) for n in starts]
    figures = np.array([sdr_db(*pair) if all(map(np.any, pair)) else math.nan for pair in pairs])
    return np.where(np.isfinite(figures), figures, math.nan)


def median_sdr_db(reference: np.ndarray, estimate: np.ndarray, frame: int = 44100) -> float:
    """Over the frames that have a figure; NaN where none has. Arguments as `sdr_of_frames_db`."""
    figures = sdr_of_frames_db(reference, estimate, frame)
    figures = figures[~np.isnan(figures)]
    return float(np.median(figures)) if len(figures) else math.nan


def si_sdr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio (Le Roux et al. 2019); arguments as `psnr_db`.

    Means removed, a = <estimate, reference> / <reference, reference>:
    10 log10(sum (a reference)^2 / sum (estimate - a reference)^2).
    """
    reference, estimate = _pair(reference, estimate)
    return si_sdr_with_means_db(reference - reference.mean(), estimate - estimate.mean())


def si_sdr_with_means_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """`si_sdr_db` without removing the means, as Cone of Silence computes it."""
    reference, estimate = _pair(reference, estimate)
    if np.array_equal(reference, estimate):
        return math.inf
    energy = np.sum(reference**2)
    target = np.sum(estimate * reference) / energy * reference if energy else np.zeros_like(reference)
    return _ratio_db(np.sum(target**2), np.sum((estimate - target) ** 2)) if target.any() else -math.inf


def lsd_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Log-spectral distance over frames of 1024 samples every 256; arguments as `psnr_db`.

    20 log10 of the magnitudes (periodic Hann, whole frames only), raised to the floor; root mean square over bins, mean
    over frames. Levels are not aligned: a wrong level is an error. NaN under 1024 samples or for a silent reference.
    """
    reference, estimate = _pair(reference, estimate)
    return _spectral_distance(reference, estimate, frame=1024, hop=256, start=0, stop=len(reference))


def gap_lsd_db(reference: np.ndarray, estimate: np.ndarray, start: int, stop: int) -> float:
    """Log-spectral distance inside a gap: frames of 512 samples every 64, counted from sample 0, that lie wholly in it.

    The floor is that of the whole reference.

    Args:
        reference, estimate: `[frames]`.
        start, stop: the gap's first sample and the first one after it. NaN where no frame fits in, or in silence.
    """
    return _spectral_distance(*_pair(reference, estimate), frame=512, hop=64, start=start, stop=stop)


def band_lsd(reference: np.ndarray, estimate: np.ndarray, lowest: float = 0.0) -> float:
    """Log-spectral distance as papers on bandwidth extension define it, in log10 of power.

    Frames of 2048 samples every 512 (periodic Hann, whole frames only); root mean square over bins, mean over frames.
    Powers under `BAND_FLOOR` are raised to it: what is quieter nobody hears. NaN under 2048 samples.

    Args:
        reference, estimate: `[frames]`, in [-1, 1].
        lowest: share of half the rate from which on frequencies count.
    """
    reference, estimate = _pair(reference, estimate)
    size, hop = 2048, 512
    first, distances = math.ceil(lowest * size / 2), []
    pairs = zip(*(_spectra(signal, size, hop, 0, len(reference)) for signal in (reference, estimate)), strict=True)
    for r, e in pairs:
        r, e = (np.log10(np.maximum(magnitudes[:, first:] ** 2, BAND_FLOOR)) for magnitudes in (r, e))
        distances.append(np.sqrt(np.mean((r - e) ** 2, axis=1)))
    return float(np.concatenate(distances).mean()) if distances else math.nan


def _pair(reference, estimate) -> tuple[np.ndarray, np.ndarray]:
    reference, estimate = np.asarray(reference, dtype=np.float64), np.asarray(estimate, dtype=np.float64)
    if reference.ndim != 1 or reference.shape != estimate.shape or not reference.size:
        raise ValueError(f"Metrics compare two signals of one channel and length: {reference.shape}, {estimate.shape}.")
    return reference, estimate


def _ratio_db(signal: float, distortion: float) -> float:
    if distortion == 0:
        return math.inf
    return 10 * math.log10(signal / distortion) if signal > 0 else -math.inf


def _spectral_distance(reference, estimate, *, frame: int, hop: int, start: int, stop: int) -> float:
    """Over the frames that lie wholly in start to stop."""
    loudest = max((block.max() for block in _spectra(reference, frame, hop, 0, len(reference))), default=0.0)
    floor = loudest * 10 ** (-FLOOR_DB / 20)
    distances = []
    pairs = zip(*(_spectra(signal, frame, hop, start, stop) for signal in (reference, estimate)), strict=True)
    for r, e in pairs if floor > 0 else ():
        difference = 20 * np.log10(np.maximum(e, floor) / np.maximum(r, floor))
        distances.append(np.sqrt(np.mean(difference**2, axis=1)))
    return float(np.concatenate(distances).mean()) if distances else math.nan


def _spectra(signal: np.ndarray, frame: int, hop: int, start: int, stop: int) -> Iterator[np.ndarray]:
    """Magnitudes `[frames, bins]`, a block at a time: periodic Hann, hops counted from sample 0, whole frames only."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    frames = sliding_window_view(signal, frame)[::hop] if len(signal) >= frame else np.empty((0, frame))
    first, end = -(-start // hop), (stop - frame) // hop + 1
    for block in range(first, end, BLOCK_FRAMES):
        yield np.abs(np.fft.rfft(frames[block : min(block + BLOCK_FRAMES, end)] * window))
