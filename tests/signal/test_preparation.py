"""PnF's preparation of recordings."""

import numpy as np
import pytest

from core.signal.preparation import low_cut, prepare

RATE = 22050


def tone(hertz, seconds=1.0):
    return 0.2 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def test_silence_is_trimmed_before_the_low_cut():
    """What the filter would silence is no silence yet."""
    silence, hum = np.zeros(RATE), tone(20)
    heard = np.concatenate([hum, tone(1000)])
    prepared = prepare(np.concatenate([silence, heard, silence]), RATE, low_cut_hz=200)
    assert len(prepared) == pytest.approx(len(heard), abs=2048)
    assert np.abs(prepared[512 : RATE // 2]).max() < 0.2 < np.abs(prepared).max()


def test_peaks_are_at_full_scale_and_silence_stays():
    assert np.abs(prepare(tone(440), RATE)).max() == 1
    assert not prepare(np.zeros(1000), RATE).any()


@pytest.mark.parametrize(("hertz", "gain"), [(20, 0.6), (1000, 1.0)])
def test_low_cut(hertz, gain):
    passed = np.abs(low_cut(tone(hertz), 200, RATE)[1000:]).max() / 0.2
    assert passed < gain if hertz == 20 else passed == pytest.approx(gain, abs=0.02)
