"""Griffin-Lim: waveforms whose spectrograms are those that were asked for."""

import numpy as np
import pytest

from core.signal.griffin_lim import griffin_lim
from core.signal.mel import FRONT_ENDS, mel_spectrogram
from core.signal.spectrogram_files import MelSpectrogram


def glide(rate: int, seconds: float = 0.5) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    return np.float32(0.2 * np.sin(2 * np.pi * (300 * t + 400 * t**2)))


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_waveform_has_the_spectrogram(name):
    front_end = FRONT_ENDS[name]
    spectrogram = MelSpectrogram(mel_spectrogram(glide(front_end.sample_rate), front_end), front_end)
    waveform = griffin_lim(spectrogram)
    assert len(waveform) == spectrogram.samples and waveform.dtype == np.float32
    again = MelSpectrogram(mel_spectrogram(waveform, front_end), front_end).decades
    loud = spectrogram.decades > spectrogram.decades.max() - 1
    assert np.abs(again - spectrogram.decades)[loud].mean() < 0.1
    np.testing.assert_array_equal(griffin_lim(spectrogram), waveform)


@pytest.mark.parametrize("magnitude", [1e-10, 1.0], ids=["silence", "noise"])
def test_two_frames_are_enough(magnitude):
    front_end = FRONT_ENDS["pnf-16k"]
    waveform = griffin_lim(MelSpectrogram(np.full((80, 2), np.log10(magnitude), np.float32), front_end))
    assert waveform.shape == (256,) and np.isfinite(waveform).all()
    assert (np.abs(waveform).max() > 1e-6) == (magnitude == 1.0)
