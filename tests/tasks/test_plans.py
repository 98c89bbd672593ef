"""What a quality buys: never more score evaluations than its budget, and refusals that name the choices."""

import numpy as np
import pytest

from core.choices import QUALITIES
from core.errors import InputError
from core.samplers.presets import BUDGETS, PNF_STEPS
from core.tasks.restoration import Problem, choose_plan
from core.tasks.settings import PNF_WINDOW, Settings
from core.types import Prior


class Ladder(Prior):
    """What a plan looks at, and no network: to plan asks for no score."""

    sample_rate, start_level, levels = 16000, 0.03, (0.5, 0.1, 0.002)

    def score(self, x, level, condition=None):
        raise AssertionError("a plan was made, not drawn from")


def plan(settings: Settings, **problem):
    return choose_plan(Problem(np.zeros((1, 100)), [(0, 100)], None, **problem), Ladder(), settings)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("sampler", ["diffusion", "langevin"])
def test_no_plan_outspends_its_quality(quality, sampler):
    for averaged in (True, False):
        settings = plan(Settings(quality=quality, sampler=sampler), averaged=averaged).settings
        spent = 1 + len(settings["sigmas"]) * settings.get("draws", 1)  # the estimate counts as one
        assert spent <= BUDGETS[quality]
        assert spent >= 0.9 * BUDGETS[quality] or (averaged and sampler == "diffusion"), "a mean is had for less"


def test_the_diffusion_is_taken_where_no_sampler_is_named():
    assert plan(Settings(quality="draft")).name == "diffusion"


@pytest.mark.parametrize("sampler", ["diffusion", "langevin"])
def test_steps_of_ones_own_replace_the_budget(sampler):
    own = plan(Settings(quality="draft", sampler=sampler, steps=7))
    assert own.steps == len(own.settings["sigmas"]) == 7


def test_pnf_spends_by_hardness_on_every_level():
    easy, hard = (plan(Settings(sampler="original"), hardness=n) for n in (1, 4))
    assert (easy.steps, hard.steps) == (PNF_STEPS, 4 * PNF_STEPS)
    assert easy.settings["sigmas"] == Ladder.levels and easy.settings["window"] == PNF_WINDOW


def test_the_length_of_pnfs_windows_is_the_users():
    assert plan(Settings(sampler="original", window_seconds=0.5)).settings["window"] == 8000


def test_open_questions_start_louder_but_on_the_ladder():
    starts = [plan(Settings(), openness=o).settings["sigmas"][0] for o in (1, 4, 100)]
    assert starts == pytest.approx([0.03, 0.12, 0.5])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (Settings(quality="best"), "draft, standard, fine"),
        (Settings(sampler="gibbs"), "diffusion, langevin, original"),
        (Settings(steps=0), "between 1 and"),
        (Settings(steps=10**9), "between 1 and"),
        (Settings(batch=2), "other samplers have none"),
        (Settings(window_seconds=float("nan")), "at least 0.1 s"),
    ],
)
def test_unknown_choices_are_refused_with_the_known_ones(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        plan(settings)


def test_draws_whose_phases_are_open_are_not_averaged():
    settings = plan(Settings(), averaged=False).settings
    assert settings["draws"] == 1 and len(settings["sigmas"]) == 39 and settings["stochasticity"] < 1
