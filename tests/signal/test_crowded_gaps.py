"""Gaps near each other: against a posterior mean in closed form, tones that are known, and crackle in music."""

from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import toeplitz
from scipy.signal import lfilter

from core.signal.crowded_gaps import crowded, fill_together
from core.signal.files import read_clip
from core.signal.linear_prediction import fill_gaps, interpolate_gap, interpolate_gaps, refill_crowds

SOUNDS = Path(__file__).parents[2] / "assets" / "sounds"


def tones(frames=16000):
    t = np.arange(frames) / 16000
    return 0.3 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 1000 * t + 1)


def crackle(frames, length, apart, seed=0):
    """Gaps of so many samples, one in every `apart`."""
    rng = np.random.default_rng(seed)
    starts = [n + int(rng.integers(0, apart // 2)) for n in range(2000, frames - 2000, apart)]
    return [(start, start + length) for start in starts]


def inside(gaps, frames):
    mask = np.zeros(frames, dtype=bool)
    for start, stop in gaps:
        mask[start:stop] = True
    return mask


def psnr_in(gaps, truth, filled):
    mask = inside(gaps, len(truth))
    return -10 * np.log10(np.mean((filled - truth)[mask] ** 2))


def test_a_crowd_is_what_stands_near_another():
    assert crowded([(0, 10), (500, 600), (5000, 5010), (9000, 9010), (9100, 9110)]) == [
        *[(0, 10), (500, 600)],
        *[(9000, 9010), (9100, 9110)],
    ]
    assert crowded([(3, 5)]) == crowded([]) == []


@pytest.mark.slow
def test_a_crowd_comes_close_to_the_conditional_mean_of_a_gaussian_process():
    """Of all gaps given all known samples, also those between and beyond the neighbours: no estimate can beat it."""
    poles, frames = [1, -1.2, 0.6], 4000
    process = lfilter([1], poles, np.random.default_rng(1).standard_normal(2 * frames))[frames:]
    impulse = lfilter([1], poles, np.eye(1, frames)[0])
    covariance = toeplitz(np.correlate(impulse, impulse, "full")[frames - 1 :])
    gaps = [(start, start + 12) for start in range(400, 3600, 40)]
    free = inside(gaps, frames)
    mean = covariance[np.ix_(free, ~free)] @ np.linalg.solve(covariance[np.ix_(~free, ~free)], process[~free])
    best = np.mean((mean - process[free]) ** 2)
    assert best <= np.mean((fill_together(process, gaps)[0] - process)[free] ** 2) < 1.5 * best


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sound", "length", "apart"),
    [("piano", 8, 80), ("speech", 16, 160), ("piano", 80, 400)],
    ids=["0.5ms", "1ms", "5ms"],
)
def test_crackle_is_filled_better_than_gap_by_gap(sound, length, apart):
    samples = read_clip(SOUNDS / f"{sound}.flac").clip.samples[0].astype(np.float64)[16000:40000]
    gaps = crackle(len(samples), length, apart)
    assert len(gaps) >= 50
    one_by_one = fill_gaps(samples, gaps)
    together = refill_crowds(one_by_one, gaps)
    made = interpolate_gaps(samples, gaps)
    assert psnr_in(gaps, samples, together) > psnr_in(gaps, samples, one_by_one) + 3
    assert psnr_in(gaps, samples, made.mean) > psnr_in(gaps, samples, one_by_one) + 3
    mask = inside(gaps, len(samples))
    assert np.array_equal(together[~mask], samples[~mask]) and not made.doubt[~mask].any()
    error, doubt = (np.sqrt(np.mean(np.square(w[mask]))) for w in (made.mean - samples, made.doubt))
    assert 0.4 < error / doubt < 2.5


def test_gaps_that_stand_alone_stay_as_they_were():
    gaps = [(2000, 2100), (6000, 6100), (10_000, 10_100)]
    made, filled = interpolate_gaps(tones(), gaps), refill_crowds(fill_gaps(tones(), gaps), gaps)
    assert np.array_equal(filled, fill_gaps(tones(), gaps))
    alone = interpolate_gap(tones()[2100:10_000], 3900, 4000)
    assert np.array_equal(made.mean[6000:6100], alone.mean) and np.array_equal(made.forward[6000:6100], alone.forward)


@pytest.mark.parametrize("island", [1, 2, 4, 20])
def test_tones_go_on_through_gaps_with_a_few_samples_between(island):
    gaps = [(8000, 8160), (8160 + island, 8320 + island)]
    for filled in (refill_crowds(tones(), gaps), interpolate_gaps(tones(), gaps).mean):
        assert np.abs(filled - tones()).max() < 1e-3


def test_crowds_at_the_ends_in_silence_and_of_nothing_else():
    gaps = [(0, 40), (100, 140), (15_800, 15_840), (15_960, 16_000)]
    filled, doubt = fill_together(tones(), gaps)
    assert np.abs(filled - tones()).max() < 0.05 and np.isfinite(doubt).all()
    assert not fill_together(np.zeros(4000), [(100, 120), (200, 220)])[0].any()
    assert not fill_together(np.ones(10), [(0, 10)])[0].any()
    assert np.array_equal(fill_together(tones(), [])[0], tones())


def test_what_stands_in_the_gaps_is_not_looked_at():
    gaps = [*crackle(8000, 20, 150), (7500, 7600), (9000, 9020), (9100, 9500)]
    spoiled = np.where(inside(gaps, 16000), 1e3, tones())
    for name in ("mean", "doubt", "joint", "forward", "backward"):
        assert np.array_equal(*(getattr(interpolate_gaps(waveform, gaps), name) for waveform in (spoiled, tones())))
    assert np.abs(interpolate_gaps(spoiled, gaps).mean - tones()).max() < 1e-3
