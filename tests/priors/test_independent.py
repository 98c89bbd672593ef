"""Several sources, each with a prior of its own."""

import pytest
import torch

from core.errors import InputError
from core.models.spectral import SpectralConfig, SpectralDenoiser
from core.models.wavenet import WaveNet, WaveNetConfig
from core.priors.denoiser import DenoiserPrior
from core.priors.independent import Independent
from core.priors.wavenet import WaveNetPrior
from core.signal.companding import Linear, MuLaw
from core.types import MixtureCondition
from tests.observations.test_mixture import White

SMALL = WaveNetConfig(layers=2, stacks=1, residual=4, gate=8, skip=4, kernel_size=2)


def wavenet(domain, rate=16000):
    torch.manual_seed(0)
    return WaveNetPrior("wavenet", rate, WaveNet(SMALL), domain, "float32")


def test_every_row_is_answered_by_its_own_prior():
    priors = [White(1.0, 1.0), White(-2.0, 0.5)]
    x = torch.randn(6, 20)  # three draws of two sources
    score = Independent(priors).score(x, 0.3)
    for n, prior in enumerate(priors):
        own = prior.score(x[n::2], 0.3)
        assert torch.equal(score.gradient[n::2], own.gradient) and torch.equal(score.log_prob[n::2], own.log_prob)


def test_no_density_where_one_prior_has_none(tiny_prior):
    from core import zoo

    prior = Independent([zoo.load(tiny_prior), White(0, 1)])
    score = prior.score(torch.randn(2, 4096), 0.1)
    assert score.log_prob is None and score.gradient.shape == (2, 4096)


def hearer(**sizes) -> DenoiserPrior:
    torch.manual_seed(0)
    model = SpectralDenoiser(SpectralConfig(channels=8, blocks=1, free_channels=8, **sizes))
    for network in (model.free, model.extractor):
        if network is not None:
            torch.nn.init.normal_(network.head.weight, std=0.1)
    return DenoiserPrior("hearer", 16000, model)


def test_a_mixture_is_shown_to_each_prior_as_loud_as_it_is_beside_its_source():
    prior = hearer(extractor_channels=8)
    both, mixture = Independent([prior, prior]), 0.2 * torch.randn(2, 4096)
    x = 0.1 * torch.randn(2 * 2 * 2, 4096)  # two draws, two channels, two sources
    score = both.score(x, 0.1, MixtureCondition(mixture, (1.0, 0.5)))
    own = prior.score(x[1::2], 0.1, MixtureCondition(mixture * 2))
    assert MixtureCondition in both.conditions and torch.equal(score.gradient[1::2], own.gradient)


def test_how_loud_all_of_it_is_does_not_matter_to_an_extractor():
    prior, mixture, x = hearer(extractor_channels=8), 0.2 * torch.randn(1, 4096), 0.1 * torch.randn(1, 4096)
    loud = prior.denoise(3 * x, 0.3, MixtureCondition(3 * mixture)) / 3
    torch.testing.assert_close(loud, prior.denoise(x, 0.1, MixtureCondition(mixture)), rtol=1e-3, atol=1e-3)
    assert torch.isfinite(prior.denoise(x, 0.1, MixtureCondition(0 * mixture))).all()


def test_a_mixture_says_nothing_to_a_prior_without_an_extractor():
    prior, x = hearer(), 0.1 * torch.randn(1, 4096)
    assert MixtureCondition not in Independent([hearer(extractor_channels=8), prior]).conditions
    assert torch.equal(prior.denoise(x, 0.1, MixtureCondition(x)), prior.denoise(x, 0.1))


def test_linear_wavenets_add_up():
    prior = Independent([wavenet(Linear()), wavenet(Linear())])
    assert prior.receptive_field == SMALL.receptive_field
    assert prior.score(torch.full((2, 50), 128.0), 3.0).log_prob.shape == (2,)


@pytest.mark.parametrize(
    ("priors", "reason"),
    [
        ([White(0, 1)], "at least two sources"),
        ([wavenet(MuLaw()), wavenet(MuLaw())], "spaced as a logarithm"),
        ([White(0, 1), wavenet(MuLaw())], "spaced as a logarithm"),
        ([wavenet(Linear()), wavenet(Linear(), 8000)], "16000 Hz and wavenet at 8000 Hz"),
        ([White(0, 1), wavenet(Linear())], "priors of one kind"),
    ],
)
def test_what_does_not_add_up_is_refused(priors, reason):
    with pytest.raises(InputError, match=reason):
        Independent(priors)
