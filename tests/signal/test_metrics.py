"""Metrics in closed form."""

import math

import numpy as np
import pytest

from core.signal.metrics import gap_lsd_db, lsd_db, median_sdr_db, psnr_db, sdr_db, sdr_of_frames_db, si_sdr_db

RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal(16000)


def orthogonal(reference, ratio_db):
    """Noise without mean, orthogonal to the reference, `ratio_db` under its energy."""
    noise = RNG.standard_normal(len(reference))
    noise -= noise.mean()
    noise -= noise @ reference / (reference @ reference) * reference
    return noise * np.linalg.norm(reference) / np.linalg.norm(noise) * 10 ** (-ratio_db / 20)


@pytest.mark.parametrize("ratio_db", [-10, 0, 23.5])
@pytest.mark.parametrize("gain", [-2, 0.1, 1])
def test_si_sdr_of_orthogonal_noise(ratio_db, gain):
    """Is the ratio of energies, whatever the gain and the offset."""
    reference = NOISE - NOISE.mean()
    estimate = gain * (reference + orthogonal(reference, ratio_db)) + 7
    assert si_sdr_db(reference, estimate) == pytest.approx(ratio_db, abs=1e-9)


def test_sdr_and_psnr_of_a_gain():
    """An estimate of half the level is 6.02 dB away; the peak lies above the root mean square by the crest factor."""
    crest_db = 20 * np.log10(np.abs(NOISE).max() / np.sqrt(np.mean(NOISE**2)))
    assert sdr_db(NOISE, NOISE / 2) == pytest.approx(20 * np.log10(2))
    assert psnr_db(NOISE, NOISE / 2) == pytest.approx(20 * np.log10(2) + crest_db)


@pytest.mark.parametrize("gain_db", [-6, 3])
def test_lsd_of_a_gain_is_the_gain(gain_db):
    """Where every bin of both lies over the floor."""
    louder = NOISE * 10 ** (gain_db / 20)
    assert lsd_db(NOISE, louder) == pytest.approx(abs(gain_db), rel=1e-3)
    assert gap_lsd_db(NOISE, louder, 5000, 7000) == pytest.approx(abs(gain_db), rel=1e-3)


def test_lsd_hears_nothing_under_the_floor():
    tone = np.sin(np.arange(16000) * np.pi / 8)
    assert lsd_db(tone, tone + 1e-6 * NOISE) < 1e-6
    assert lsd_db(tone, np.zeros(16000)) < 60


def test_lsd_does_not_depend_on_the_level_of_both():
    estimate = NOISE + 0.1 * RNG.standard_normal(16000)
    assert lsd_db(1e-3 * NOISE, 1e-3 * estimate) == pytest.approx(lsd_db(NOISE, estimate))


def test_gap_lsd_looks_only_inside():
    """And only at frames that lie wholly in the gap: one of 512 samples on a grid of 64."""
    estimate = NOISE.copy()
    estimate[:6400] = 0
    estimate[6912:] = 0
    assert gap_lsd_db(NOISE, estimate, 6400, 6912) == 0
    assert gap_lsd_db(NOISE, estimate, 6337, 6975) == 0
    assert gap_lsd_db(NOISE, estimate, 6336, 6912) > 0
    assert math.isnan(gap_lsd_db(NOISE, estimate, 6400, 6911))


def test_long_signals_are_measured_in_blocks(monkeypatch):
    whole = lsd_db(NOISE, NOISE[::-1])
    monkeypatch.setattr("core.signal.metrics.BLOCK_FRAMES", 7)
    assert lsd_db(NOISE, NOISE[::-1]) == pytest.approx(whole, rel=1e-12)


def test_silence():
    """Ratios to silence are infinite, distances to it are none."""
    silence, sound = np.zeros(2000), NOISE[:2000]
    for ratio_db in (psnr_db, sdr_db, si_sdr_db):
        assert ratio_db(silence, silence) == ratio_db(sound, sound) == math.inf
        assert ratio_db(silence, sound) == -math.inf
    assert si_sdr_db(sound, silence) == -math.inf
    assert math.isnan(lsd_db(silence, sound)) and math.isnan(gap_lsd_db(silence, sound, 0, 1000))
    assert math.isfinite(lsd_db(sound, silence))


def test_too_short_for_a_spectrum():
    assert math.isnan(lsd_db(NOISE[:1023], NOISE[:1023])) and lsd_db(NOISE[:1024], NOISE[:1024]) == 0
    assert math.isnan(gap_lsd_db(NOISE[:100], NOISE[:100], 10, 90))


@pytest.mark.parametrize("metric", [psnr_db, sdr_db, si_sdr_db, lsd_db])
def test_shapes_that_do_not_fit(metric):
    for reference, estimate in ((NOISE, NOISE[1:]), (np.zeros(0), np.zeros(0)), (np.ones((2, 9)), np.ones((2, 9)))):
        with pytest.raises(ValueError, match="one channel and length"):
            metric(reference, estimate)


@pytest.mark.parametrize("ratio_db", [-3, 12])
def test_sdr_of_frames(ratio_db):
    """Whole frames have a figure each; silent and equal ones have none, and are left out of the median."""
    reference = np.concatenate([NOISE[:3000], np.zeros(1000), NOISE[3000:4500]])
    estimate = np.concatenate(
        [
            reference[:1000] + orthogonal(reference[:1000], ratio_db),
            reference[1000:2000],
            reference[2000:3000] + orthogonal(reference[2000:3000], ratio_db - 4),
            np.ones(1000),
            NOISE[:1500],
        ]
    )
    figures = sdr_of_frames_db(reference, estimate, frame=1000)
    assert figures[:4] == pytest.approx([ratio_db, math.nan, ratio_db - 4, math.nan], nan_ok=True)
    assert len(figures) == 5
    assert median_sdr_db(reference[:4000], estimate[:4000], frame=1000) == pytest.approx(ratio_db - 2)
    assert math.isnan(median_sdr_db(np.zeros(2000), estimate[:2000], frame=1000))
    assert sdr_of_frames_db(reference[:500], estimate[:500]).shape == (1,)
