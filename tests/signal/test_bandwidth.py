"""Ends of spectra are found where a filter made them, and bands are put together without a trace."""

import numpy as np
import pytest
import scipy.signal
import soxr

from core.signal.bandwidth import band_end, band_ends, lower_part, splice_bands
from core.signal.clip import Clip

RATE = 44100


def noise(seconds=2.0, rate=RATE, slope=0.0):
    """Gaussian noise whose power falls with frequency to the power of the slope."""
    frames = round(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(frames))
    spectrum *= np.maximum(np.arange(len(spectrum)), 100.0) ** (-slope / 2)
    samples = np.fft.irfft(spectrum, frames)
    return (0.3 * samples / np.abs(samples).max()).astype(np.float32)


def sixteen_bits(samples):
    return np.round(samples * 32767) / 32767


THROUGH = {
    "soxr": lambda samples, low: soxr.resample(soxr.resample(samples, RATE, low), low, RATE),
    "soxr, low quality": lambda samples, low: soxr.resample(soxr.resample(samples, RATE, low), low, RATE, quality="LQ"),
    "scipy's polyphase filter": lambda samples, low: scipy.signal.resample_poly(
        scipy.signal.resample_poly(samples, low // 100, RATE // 100), RATE // 100, low // 100
    ),
    "scipy's Fourier method": lambda samples, low: scipy.signal.resample(
        scipy.signal.resample(samples, round(len(samples) * low / RATE)), len(samples)
    ),
}


@pytest.mark.parametrize("low", [4000, 8000, 16000])
@pytest.mark.parametrize("slope", [0.0, 2.0])
@pytest.mark.parametrize("resampler", THROUGH)
def test_the_end_that_a_resampler_made_is_found(resampler, slope, low):
    samples = sixteen_bits(THROUGH[resampler](noise(slope=slope), low))
    assert 0.75 * low / 2 < band_end(Clip(samples[None], RATE)) < 1.06 * low / 2


def whole_spectra():
    moments = np.arange(2 * RATE) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 440 * moments)
    return {
        "white": noise(),
        "red": noise(slope=3.0),
        "a tone": sixteen_bits(tone),
        "a chord": sixteen_bits(sum(0.2 * np.sin(2 * np.pi * hertz * moments) for hertz in (262, 330, 3520))),
        "silence": np.zeros(RATE),
        "a constant": np.full(RATE, 0.3),
        "too short to say": noise(0.1),
    }


@pytest.mark.parametrize("sound", whole_spectra())
def test_a_spectrum_that_falls_by_nature_is_whole(sound):
    assert band_end(Clip(whole_spectra()[sound][None], RATE)) == RATE / 2


def test_spliced_bands_are_each_ones_own():
    low, high = noise(), noise()[::-1].copy()
    spliced = splice_bands(Clip(low[None], RATE), Clip(high[None], RATE), 6000.0)
    for own, band in ((low, (0, 5400)), (high, (6100, RATE / 2))):
        assert power_between(spliced.samples[0] - own, *band) < 1e-6 * power_between(own, *band)


def test_a_splice_of_one_sound_with_itself_is_that_sound():
    clip = Clip(np.stack([noise(), noise(slope=1.0)]), RATE)
    np.testing.assert_array_equal(splice_bands(clip, clip, 3000.0).samples, clip.samples)
    np.testing.assert_array_equal(splice_bands(clip, Clip(0 * clip.samples, RATE), RATE / 2).samples, clip.samples)


def power_between(samples, lowest, highest):
    power = np.square(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))))
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    return power[(frequencies >= lowest) & (frequencies <= highest)].sum()


def test_a_hum_over_the_end_does_not_hide_it():
    low = THROUGH["soxr"](noise(), 8000)
    hum = 0.05 * np.sin(2 * np.pi * 9000 * np.arange(len(low)) / RATE)
    assert 0.75 * 4000 < band_end(Clip((low + hum)[None], RATE)) < 1.06 * 4000


def test_channels_end_where_they_end():
    low, lower = (THROUGH["soxr"](noise(), rate) for rate in (16000, 8000))
    ends = band_ends(Clip(np.stack([low, lower]), RATE))
    assert ends[0] == pytest.approx(8000, rel=0.2) and ends[1] == pytest.approx(4000, rel=0.2)
    assert len(set(band_ends(Clip(np.stack([low, 0.1 * low]), RATE)))) == 1


def test_a_part_that_ends_lower_is_found():
    whole = noise(10)
    lower = THROUGH["soxr"](noise(5), 8000)
    start, stop, end = lower_part(Clip(np.concatenate([whole, lower])[None], RATE), RATE / 2)
    assert (start, stop) == (10, 15) and end == pytest.approx(4000, rel=0.2)
    assert lower_part(Clip(whole[None], RATE), RATE / 2) is None
