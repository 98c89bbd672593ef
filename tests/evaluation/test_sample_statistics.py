"""Statistics of samples, where they are known in closed form."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from core.evaluation.sample_statistics import (
    am_score,
    frechet_distance,
    inception_score,
    modified_inception_score,
    precision_recall,
)

CERTAIN = np.log(0.99 * np.eye(10) + 0.001)  # one sample of each label; rows add up to 1


def exactly(mean, covariance, count=400):
    """Samples whose mean and covariance are exactly these."""
    noise = np.random.default_rng(0).standard_normal((count, len(mean)))
    noise -= noise.mean(axis=0)
    white = noise @ np.linalg.inv(np.linalg.cholesky(np.cov(noise, rowvar=False))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def test_distance_of_gaussians_whose_axes_agree():
    """(m - m')^2 + (s - s')^2 over every axis."""
    one, other = exactly([0, 0], np.diag([1, 4])), exactly([3, 0], np.diag([9, 0.25]))
    assert frechet_distance(one, other) == pytest.approx(9 + (1 - 3) ** 2 + (2 - 0.5) ** 2)
    assert frechet_distance(one, one[::-1]) == pytest.approx(0, abs=1e-9)


def test_distance_of_any_gaussians():
    """As the definition says it, by scipy's square root; and the same from either side."""
    one, other = np.array([[2, 0.8], [0.8, 1]]), np.array([[1, -0.5], [-0.5, 3]])
    wanted = 1 + np.trace(one + other - 2 * sqrtm(one @ other).real)
    for a, b in ((one, other), (other, one)):
        assert frechet_distance(exactly([0, 0], a), exactly([0, 1], b)) == pytest.approx(wanted)


def test_distance_where_a_feature_never_changes():
    flat = exactly([0, 0], np.eye(2)) * [1, 0]
    assert frechet_distance(flat, flat + [0, 2]) == pytest.approx(4)


def test_certain_and_varied_samples_score_the_number_of_labels():
    assert inception_score(np.log(np.eye(10) * (1 - 1e-9) + 1e-10)) == pytest.approx(10, rel=1e-6)
    assert inception_score(np.repeat(CERTAIN[:1], 7, axis=0)) == pytest.approx(1)
    assert inception_score(np.full((7, 10), np.log(0.1))) == pytest.approx(1)


def test_all_pairs_are_compared():
    """The closed form is the mean over all pairs, written out."""
    own = np.random.default_rng(0).dirichlet(np.ones(4), 30)
    pairs = [(p * np.log(p / q)).sum() for p in own for q in own]
    assert modified_inception_score(np.log(own)) == pytest.approx(np.exp(np.mean(pairs)))
    assert modified_inception_score(np.log(own[:1])) == pytest.approx(1)


def test_a_missing_label_raises_the_am_score():
    """To the divergence of the labels' shares, where there is hardly any doubt."""
    entropy = -(0.991 * np.log(0.991) + 9 * 0.001 * np.log(0.001))
    assert am_score(CERTAIN, CERTAIN) == pytest.approx(entropy)
    halves = np.exp(CERTAIN[:5]).mean(axis=0)
    assert am_score(CERTAIN[:5], CERTAIN) == pytest.approx(0.1 * np.log(0.1 / halves).sum() + entropy)


def test_identical_sets_cover_each_other():
    """In every ball lie its own sample and the k - 1 that are nearer than the last."""
    sounds = np.random.default_rng(0).standard_normal((200, 3))
    assert precision_recall(sounds, sounds) == {"precision": 1, "recall": 1, "density": 1, "coverage": 1}


def test_sets_far_apart_have_nothing_in_common():
    sounds = np.random.default_rng(0).standard_normal((50, 3))
    assert set(precision_recall(sounds + 100, sounds).values()) == {0}


def test_one_sound_over_and_over_is_precise_and_covers_little():
    real = np.random.default_rng(0).standard_normal((200, 3))
    figures = precision_recall(np.repeat(real[:1], 200, axis=0), real)
    assert figures["precision"] == 1 and figures["coverage"] < 0.1 and figures["recall"] == 0


def test_two_halves_of_one_distribution_cover_each_other_as_expected():
    one, other = np.random.default_rng(0).standard_normal((2, 1000, 3))
    figures = precision_recall(one, other)
    assert figures["density"] == pytest.approx(1, abs=0.05)
    assert figures["coverage"] == pytest.approx(1 - 2**-5, abs=0.02)
