"""Several sources, each with a prior of its own."""

import pytest
import torch

from core.errors import InputError
from core.models.wavenet import WaveNet, WaveNetConfig
from core.priors.independent import Independent
from core.priors.wavenet import WaveNetPrior
from core.signal.companding import Linear, MuLaw
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
