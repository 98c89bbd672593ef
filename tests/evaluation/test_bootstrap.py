"""Bootstrap intervals: what is known of them in closed form, and what must hold whatever the examples."""

import numpy as np
import pytest

from core.evaluation import bootstrap
from core.evaluation.bootstrap import bootstrap_interval


def mean(examples: np.ndarray) -> np.ndarray:
    return examples.mean(axis=(-2, -1))


def normal(count: int, values: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, values))


def test_of_a_mean_it_is_that_of_the_normal_distribution():
    """1.96 standard errors to both sides."""
    examples = normal(400)
    low, high = bootstrap_interval(mean, examples)
    reach = 1.96 * examples.std() / np.sqrt(len(examples))
    assert (low, high) == pytest.approx((examples.mean() - reach, examples.mean() + reach), abs=0.15 * reach)


def test_whole_examples_are_drawn():
    """Ten equal values of an example tell no more than one of them."""
    examples = normal(50)
    assert bootstrap_interval(mean, examples) == pytest.approx(bootstrap_interval(mean, examples.repeat(10, axis=1)))


def test_it_covers_the_truth_about_as_often_as_it_says():
    intervals = [bootstrap_interval(mean, normal(40, seed=seed)) for seed in range(200)]
    assert 0.88 < np.mean([low < 0 < high for low, high in intervals]) < 0.99


def test_examples_that_agree_leave_no_room():
    assert bootstrap_interval(mean, np.full((7, 3), 2.5)) == (2.5, 2.5)


def test_the_same_examples_give_the_same_interval_however_much_memory_there_is(monkeypatch):
    """The draws follow one stream, which is cut into other pieces only."""
    examples = normal(30, 4)
    whole = bootstrap_interval(mean, examples)
    monkeypatch.setattr(bootstrap, "VALUES_AT_ONCE", 500)
    assert bootstrap_interval(mean, examples) == pytest.approx(whole)


@pytest.mark.parametrize("examples", [normal(1, 5), np.full((6, 2), np.nan)], ids=["one example", "no figure"])
def test_nobody_knows(examples):
    assert bootstrap_interval(mean, examples) is None
