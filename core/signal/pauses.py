"""Where speech can be cut: at its quietest moments."""

import numpy as np

SMOOTHED_SECONDS = 0.06


def cut_at_pauses(
    waveform: np.ndarray, sample_rate: int, shortest: float, longest: float, grid: int = 1
) -> list[tuple[int, int]]:
    """Consecutive parts of a waveform `[frames]` that begin where it is quiet.

    Args:
        shortest, longest: in seconds; the last part may be shorter.
        grid: all but the last end on a multiple of it.

    Returns:
        First and last (exclusive) sample of each.
    """
    frames, width = len(waveform), max(1, round(SMOOTHED_SECONDS * sample_rate))
    summed = np.concatenate([[0.0], np.cumsum(waveform.astype(np.float64) ** 2)])
    least, most = (max(1, int(seconds * sample_rate) // grid) * grid for seconds in (shortest, longest))
    ends = [0]
    while frames - ends[-1] > most:
        candidates = np.arange(ends[-1] + least, ends[-1] + most + 1, grid)
        around = np.stack([candidates - width // 2, candidates + width // 2]).clip(0, frames)
        ends.append(int(candidates[np.argmin(summed[around[1]] - summed[around[0]])]))
    return list(zip(ends, [*ends[1:], frames], strict=True))
