"""Splines against closed forms and the golden one."""

import numpy as np

from core.signal.interpolation import cubic_through, spline


def test_spline_is_the_golden_one(parity_folder):
    golden = np.load(parity_folder / "metrics" / "inputs.npz", allow_pickle=False)
    reference, expected = golden["reference"].astype(np.float64), golden["spline"]
    ours = spline(reference[::4], 4, len(reference))
    last = (len(reference) - 1) // 4 * 4  # after the last known sample ours holds its value
    np.testing.assert_allclose(ours[: last + 1], expected[: last + 1], atol=1e-6)


def test_spline_is_exact_for_cubics():
    t = np.arange(101) / 100
    cubic = 1 - 2 * t + 3 * t**2 - t**3
    np.testing.assert_allclose(spline(cubic[::5], 5, 101), cubic, atol=1e-12)


def test_cubic_declipping_never_falls_under_the_threshold():
    t = np.arange(150_000) / 16000
    waveform = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 1000 * t + 1)
    clipped = np.clip(waveform, -0.3, 0.3)
    known = np.abs(waveform) < 0.3
    drawn = cubic_through(clipped, known)
    assert np.array_equal(drawn[known], clipped[known]) and (np.abs(drawn[~known]) >= 0.3).all()
    assert np.square(drawn - waveform).sum() < 0.3 * np.square(clipped - waveform).sum()
