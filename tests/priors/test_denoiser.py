"""The bundled denoisers: whatever is missing, and however much of it, they do not blow up."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core import zoo
from core.observations.clipping import Clipping
from core.signal.files import read_clip
from core.types import Condition

pytestmark = pytest.mark.slow

SOUNDS = Path(__file__).parents[2] / "assets" / "sounds"
PRIORS = [("piano-16k", "piano"), ("voice-16k", "speech")]


def at_level(prior, sound):
    samples = read_clip(SOUNDS / f"{sound}.flac").clip.samples[:, 16000:40000]
    return torch.from_numpy(samples * prior.rms / np.sqrt(np.mean(samples**2)))


@pytest.mark.parametrize("density", [1e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 5e-2, 0.2])
@pytest.mark.parametrize(("name", "sound"), PRIORS)
def test_noise_becomes_less_however_many_gaps_there_are(name, sound, density):
    """Training showed it few gaps, or the many of clipping and decimation; nothing between."""
    prior = zoo.load(name, "cpu")
    clean = at_level(prior, sound)
    mask = torch.ones_like(clean, dtype=torch.bool)
    for start in torch.arange(1000, 23_000, max(int(2 / density), 4)).tolist():
        mask[:, start : start + 2] = False
    known = clean * mask
    condition = Condition(clean, known, mask.float(), estimate=clean)
    for level in (0.03, 0.006):
        noisy = clean + level * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
        error = prior.denoise(noisy, level, condition) - clean
        assert error.square().mean().sqrt() < 0.8 * level


@pytest.mark.parametrize("threshold", [1.5, 2.5, 3.0, 3.5, 4.0])
@pytest.mark.parametrize(("name", "sound"), PRIORS)
def test_an_estimate_is_nearer_than_what_was_clipped_however_little(name, sound, threshold):
    prior = zoo.load(name, "cpu")
    clean = at_level(prior, sound)
    limit = threshold * prior.rms
    bounded, high, low = clean.clamp(-limit, limit), clean >= limit, clean <= -limit
    observation = Clipping(bounded, high, low, prior.domain)
    estimate = observation.project(prior.estimate(observation.condition()))
    errors = [(waveform - clean).square().sum() for waveform in (estimate, bounded)]
    assert errors[0] <= errors[1]
