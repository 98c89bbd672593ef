"""What a quality buys: never more score evaluations than its budget, and refusals that name the choices."""

from types import SimpleNamespace

import pytest

from core.errors import InputError
from core.samplers.presets import BUDGETS, choose_plan

PRIOR = SimpleNamespace(start_level=0.03, levels=(0.5, 0.1, 0.002))


@pytest.mark.parametrize("quality", BUDGETS)
@pytest.mark.parametrize("sampler", ["diffusion", "langevin"])
def test_no_plan_outspends_its_quality(quality, sampler):
    plan = choose_plan(PRIOR, quality, sampler, None)
    spent = 1 + plan.settings["steps"] * plan.settings.get("draws", 1)  # the estimate counts as one
    assert BUDGETS[quality] * 0.9 <= spent <= BUDGETS[quality]


def test_the_diffusion_is_taken_where_no_sampler_is_named():
    assert choose_plan(PRIOR, "draft", None, None).name == "diffusion"


def test_steps_of_ones_own_replace_the_budget():
    assert choose_plan(PRIOR, "draft", "langevin", 7).settings["steps"] == 7


def test_the_original_spends_by_hardness_and_does_not_look_at_the_evidence():
    easy, hard = (
        choose_plan(PRIOR, "draft", "original", None),
        choose_plan(PRIOR, "draft", "original", None, hardness=4),
    )
    assert (easy.settings["steps"], hard.settings["steps"]) == (256, 1024)
    assert not easy.looks


def test_open_questions_start_louder_but_on_the_ladder():
    levels = [choose_plan(PRIOR, "draft", None, None, openness=o).settings["start_level"] for o in (1, 4, 100)]
    assert levels == pytest.approx([0.03, 0.12, 0.5])


@pytest.mark.parametrize(
    ("quality", "sampler", "steps", "told"),
    [
        ("best", None, None, "draft, standard, fine"),
        ("draft", "gibbs", None, "diffusion, langevin, original"),
        ("draft", None, 0, "between 1 and"),
        ("draft", None, 10**9, "between 1 and"),
    ],
)
def test_unknown_choices_are_refused_with_the_known_ones(quality, sampler, steps, told):
    with pytest.raises(InputError, match=told):
        choose_plan(PRIOR, quality, sampler, steps)


def test_draws_whose_phases_are_open_are_not_averaged():
    settings = choose_plan(PRIOR, "standard", None, None, averaged=False).settings
    assert settings["draws"] == 1 and settings["steps"] == 39
