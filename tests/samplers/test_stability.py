"""Windows of an update that share samples: how many there may be, and that more of them blow up."""

import pytest
import torch

from core.errors import InputError
from core.observations.mixture import PNF_STRENGTH, Mixture
from core.priors.independent import Independent
from core.samplers.pnf_separation import pnf_separation
from core.samplers.stability import windows_at_once
from core.signal.companding import Linear
from tests.observations.test_mixture import White


class LinearWhite(White):
    domain, levels = Linear(), (5.0,)


def misfit(batch: int) -> float:
    """By how much two sources miss their mixture after thirty updates of windows that cover all of it."""
    observed = 0.2 * torch.sin(torch.arange(400) / 9.0)[None]
    mixture = Mixture(observed, (1.0, 1.0), Linear(), PNF_STRENGTH)
    prior, generator = Independent([LinearWhite(127.5, 1e4)] * 2), torch.Generator().manual_seed(0)
    x = torch.full((2, 400 + 20), 127.5)
    *_, last = pnf_separation(
        prior,
        mixture,
        x,
        sigmas=prior.levels,
        steps=30 * batch,
        generator=generator,
        border=10,
        window=400,
        batch=batch,
    )
    return mixture.residual(last.x[:, 10:-10])


def test_two_windows_over_all_of_a_mixture_blow_up_and_one_does_not():
    assert misfit(1) < 1 and not misfit(2) < 1000


def test_the_batch_is_what_a_clip_has_room_for():
    pull = 0.05 * PNF_STRENGTH * 2  # PnF's separation
    assert windows_at_once(None, 20000, 16000, pull) == 1
    assert windows_at_once(None, 20000, 48000, pull) == 2
    assert windows_at_once(3, 20000, 48000, pull) == 3
    assert windows_at_once(None, 20000, 16000, 0.05) == 2


@pytest.mark.parametrize("batch", [0, 2, 99])
def test_a_batch_that_blows_up_is_refused_with_the_reason(batch):
    with pytest.raises(InputError, match="updates add up, and the chain blows up. Choose a batch of 1 to 1"):
        windows_at_once(batch, 20000, 16000, 1.5)
