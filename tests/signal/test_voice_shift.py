"""The classical way to another voice: pitch and formants apart, loudness kept."""

import numpy as np
import pytest

from core.signal.voice_shift import best_warp, shift_voice, warped

RATE = 16000


def vowel(hertz: float, formant: float) -> np.ndarray:
    """Harmonics, of which those near a formant are loud."""
    t = np.arange(RATE) / RATE
    partials = np.arange(1, int(4000 / hertz)) * hertz
    return (
        sum(np.exp(-(((f - formant) / 300) ** 2)) * np.cos(2 * np.pi * f * t) for f in partials).astype(np.float32)
        * 0.1
    )


def strongest(waveform: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(waveform[2000:-2000] * np.hanning(len(waveform) - 4000)))
    return spectrum.argmax() * RATE / (len(waveform) - 4000)


def test_pitch_is_raised_and_the_formant_stays():
    made = shift_voice(vowel(120, 1000), RATE, 4.0, 1.0)
    assert len(made) == RATE
    peak, raised = strongest(made), 120 * 2 ** (4 / 12)
    assert peak == pytest.approx(1000, abs=raised)
    assert peak / raised == pytest.approx(round(peak / raised), abs=0.05)


def test_the_formant_moves_and_the_pitch_stays():
    made = shift_voice(vowel(100, 1000), RATE, 0.0, 1.3)
    assert strongest(made) == pytest.approx(1300, abs=150)
    assert np.sqrt(np.mean(made**2)) == pytest.approx(np.sqrt(np.mean(vowel(100, 1000) ** 2)), rel=0.01)


def test_the_warp_between_two_voices_is_found():
    bins = np.arange(200.0)
    source = -(((bins - 60) / 20) ** 2) / 10
    target = warped(source[:, None], 1.15)[:, 0] + 3 + 0.002 * bins
    assert best_warp(source, target, np.linspace(0.8, 1.25, 19)) == pytest.approx(1.15, abs=0.03)
