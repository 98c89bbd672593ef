"""The super-resolution tab says before a run where a sound's band ends, and what will be made of it."""

import numpy as np
import pytest
import soundfile
import soxr

from demos.page.source import load
from demos.tabs.super_resolution import FACTOR, LOWPASS, RESTORE, _foresee


@pytest.fixture
def loaded(tmp_path):
    """Makes a loaded file of noise that once was at a lower rate."""

    def make(rate, low):
        noise = 0.1 * np.random.default_rng(0).standard_normal(2 * rate).astype(np.float32)
        samples = soxr.resample(soxr.resample(noise, rate, low), low, rate) if low < rate else noise
        soundfile.write(tmp_path / "sound.wav", samples, rate)
        return load(str(tmp_path / "sound.wav"))

    return make


def foreseen(sound, kind=RESTORE, factor="auto", evidence="auto", cutoff=None, prior="tiny"):
    line, menu = _foresee(sound, 0.0, 2.0, prior, kind, factor, evidence, cutoff)
    return line["cutoff"], menu["info"]


def test_the_end_of_a_band_is_a_line_and_a_sentence(loaded, tiny_prior):
    hertz, said = foreseen(loaded(44100, 8000))
    assert hertz == pytest.approx(3900, abs=200) and said.startswith(f"The spectrum ends at {hertz / 1000:.3g} kHz")
    assert foreseen(loaded(44100, 8000), cutoff=3000) == (3000, said.replace(f"{hertz / 1000:.3g}", "3"))


def test_a_whole_spectrum_has_no_line(loaded, tiny_prior):
    hertz, said = foreseen(loaded(44100, 44100))
    assert hertz is None and said.startswith("Nothing is missing")


def test_evidence_that_is_chosen_is_believed(loaded, tiny_prior):
    hertz, said = foreseen(loaded(44100, 8000), evidence="plain")
    assert hertz is None and said.startswith("One of 2 samples is there")


@pytest.mark.parametrize(
    "choice", [{"kind": LOWPASS}, {"factor": 4}, {"cutoff": -5.0}, {"prior": None}], ids=lambda choice: str(choice)
)
def test_nothing_is_foreseen_where_nothing_is_looked_for(choice, loaded, tiny_prior):
    assert foreseen(loaded(44100, 8000), **choice) == (None, FACTOR)
    assert _foresee(None, 0.0, 0.0, "tiny", RESTORE, "auto", "auto", None)[0]["cutoff"] is None
