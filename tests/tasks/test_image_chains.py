"""Chains over images: the ladder begins no louder than the prior knows, and draws are averaged where that means
something."""

import numpy as np
import pytest
import torch
from torch import Tensor

from core.errors import InputError
from core.observations.masked import Masked
from core.signal.images import SignedPixels
from core.tasks.image_chains import DRAWS, LANGEVIN, STEPS, check, facts_of, start_chain
from core.tasks.settings import Settings
from core.types import AnyCondition, Prior, Score


class Flat(Prior):
    """Independent Gaussian pixels around a mean: the posterior of an unknown one is the prior's own."""

    name, domain, levels, mean = "flat", SignedPixels(), (2.0, 0.02), 0.25

    def score(self, x: Tensor, level: float, condition: AnyCondition | None = None) -> Score:
        return Score((self.mean - x) / (level**2 + 0.1**2))


def _iterates(doubt: float, **changes):
    settings = Settings(**{"quality": "fine"} | changes)
    known = torch.zeros(1, 1, 2, 30, dtype=torch.bool)
    known[:, :, 0] = True
    evidence = Masked(torch.full(known.shape, -0.5), known, SignedPixels())
    return list(start_chain(Flat(), evidence, torch.zeros(known.shape), settings, doubt=doubt)), known


@pytest.mark.parametrize("doubt", [np.inf, 0.3])
def test_unknown_pixels_come_to_the_posterior_mean_and_known_ones_stay(doubt):
    iterates, known = _iterates(doubt)
    assert len(iterates) == STEPS["fine"] and iterates[0].level == pytest.approx(min(2.0, 2 * doubt))
    last = iterates[-1].denoised
    assert (last[known] == -0.5).all()
    assert last[~known].mean().item() == pytest.approx(0.25, abs=0.03)
    assert last[~known].std().item() < 0.1 / 2, "averaged draws lie closer to the mean than one does"


def test_langevin_dynamics_draw_one_chain():
    assert facts_of(Settings(sampler=LANGEVIN, steps=5))["score_evaluations"] == 5
    assert facts_of(Settings(steps=5))["score_evaluations"] == 5 * DRAWS["standard"]
    assert facts_of(Settings(steps=5), averaged=False)["score_evaluations"] == 5
    iterates, _ = _iterates(np.inf, sampler=LANGEVIN, steps=5)
    assert len(iterates) == 5


@pytest.mark.parametrize("changes", [{"sampler": "original"}, {"quality": "best"}, {"steps": 0}])
def test_what_makes_no_sense_is_refused(changes):
    with pytest.raises(InputError):
        check(Settings(**changes))
