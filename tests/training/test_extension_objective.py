"""Objective of the band extender: what is taken away, what is measured, and that training makes a band."""

import numpy as np
import pytest
import torch

from core.models.spectral_features import DATA_STD
from core.training.objectives.band_limits import lose_band, thin_out
from core.training.objectives.extension import ExtensionObjective, distance, log_power


def noise(samples=16384, seed=0):
    return (DATA_STD * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def band(waveform, lowest, highest):
    """Its spectrum between two shares of half the rate."""
    spectrum = np.fft.rfft(waveform * np.hanning(len(waveform)))
    return spectrum[int(lowest * len(spectrum)) : int(highest * len(spectrum))]


@pytest.mark.parametrize("seed", range(24))
def test_what_lies_under_the_cutoff_stays(seed):
    waveform = noise()
    limited, cutoff = lose_band(waveform, np.random.default_rng(seed))
    assert limited.shape == waveform.shape and limited.dtype == np.float32 and 0.1 < cutoff < 1
    kept, own = band(limited, 0.02, 0.8 * cutoff), band(waveform, 0.02, 0.8 * cutoff)
    assert np.linalg.norm(kept - own) < 0.7 * np.linalg.norm(own), "codecs and mu-law are the worst"


def test_a_good_resampler_takes_away_the_rest_alone():
    waveform = noise()
    limited, cutoff = thin_out(waveform, 4)
    assert cutoff == pytest.approx(0.23)
    kept, own = band(limited, 0.01, cutoff - 0.01), band(waveform, 0.01, cutoff - 0.01)
    assert np.linalg.norm(kept - own) < 1e-3 * np.linalg.norm(own)
    assert np.linalg.norm(band(limited, 0.26, 1)) < 1e-3 * np.linalg.norm(band(waveform, 0.26, 1))


def test_spectra_that_differ_by_ten_decibels_are_one_apart():
    waveform = torch.from_numpy(noise())[None]
    one, louder = (log_power(w, 1024) for w in (waveform, waveform * 10**0.5))
    over = (torch.arange(513) > 200).float()[None, :, None]
    assert distance(one, louder, over).item() == pytest.approx(1, abs=1e-3)
    assert distance(one, one, over).item() < 0.01


def test_training_makes_a_band():
    objective, generator = ExtensionObjective(), torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    model = objective.build({"channels": 16, "blocks": 1})
    clean = torch.from_numpy(np.stack([noise(seed=seed) for seed in range(2)]))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    before = objective.validate(model, [clean[:1]], torch.Generator().manual_seed(1))
    for _ in range(40):
        loss, figures = objective.loss(model, clean, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = objective.validate(model, [clean[:1]], torch.Generator().manual_seed(1))
    assert figures["far"] > 0 and all(after[name] < 0.6 * before[name] for name in ("lsd 8 kHz", "lsd 4 kHz"))
