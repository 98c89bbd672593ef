"""Priors of codes as priors that sound is drawn from: codes are numbers, sounds what the LQ-VAE makes of them."""

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.signal.clip import Clip
from core.tasks.generation import Wish, generate
from core.tasks.loading import load_prior
from core.tasks.settings import Settings

HOP = 64


@pytest.fixture
def settings(tiny_code_priors) -> Settings:
    return Settings(tiny_code_priors[0])


@pytest.fixture
def prior(settings):
    return load_prior("generate", settings)


def test_sounds_become_whole_codes_and_codes_sounds(prior):
    waveform = 0.1 * torch.randn(2, 10 * HOP + 7)
    codes = prior.encode(waveform)
    assert codes.shape == (2, 10) and codes.max() < prior.network.config.classes
    assert torch.equal(prior.decode(codes), prior.codec.decode(codes)) and prior.event(0.1) == (25,)
    with pytest.raises(InputError, match="longer sound"):
        prior.encode(waveform[:, : HOP - 1])


def test_predictions_are_those_that_are_drawn_from(prior):
    codes = torch.randint(6, (2, 9))
    steps = prior.stepwise(2)
    told = steps.force(codes)
    torch.testing.assert_close(prior.predict(codes, 0.0)[:, :-1], told[:, 1:], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(prior.predict(codes, 0.0)[:, -1], steps.logits(), rtol=1e-4, atol=1e-5)


def test_codes_have_no_score(prior):
    with pytest.raises(InputError, match="drawn from, and no more"):
        prior.score(torch.zeros(1, 4), 0.1)


def test_sounds_grow_code_by_code_and_a_seed_is_the_same_in_any_company(settings):
    *moments, both = generate(Wish(2, 0.3), settings=settings)
    assert [moment.iterate.step for moment in moments] == [31, 62, 75]
    assert not moments[0].sounds["0001"].samples[:, 31 * HOP :].any() and moments[0].mels["0001"].decades.size
    *_, alone = generate(Wish(1, 0.3), settings=Settings(settings.prior, seed=1))
    np.testing.assert_allclose(alone.sounds["0000"].samples, both.sounds["0001"].samples, atol=1e-6)
    assert both.report["bits_per_code"] > 0 and "bits_per_sample" not in both.report
    *_, usual = generate(Wish(1), settings=settings)
    assert usual.sounds["0000"].frames == 4 * 16000


def test_a_prime_and_another_sampler_are_refused(settings):
    prime = Clip(0.1 * np.ones((1, 4000)), 16000)
    with pytest.raises(InputError, match="leave it out"):
        next(generate(Wish(1, prime=prime), settings=settings))
    with pytest.raises(InputError, match="choose the sampler ancestral"):
        next(generate(Wish(1), settings=Settings(settings.prior, sampler="heun")))
