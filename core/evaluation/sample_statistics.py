"""How generated samples compare with real ones, by a classifier's features and probabilities; float64 throughout.

The scores are those of DiffWave (Kong et al. 2021) and SaShiMi (Goel et al. 2022), appendix; p(y|x) are the
probabilities that the classifier gives to the labels of x, and KL is in nats. They mean something only beside those of
real samples under the same classifier.
"""

import numpy as np
from scipy.spatial.distance import cdist

NEAREST = 5  # neighbours, as Naeem et al. take them


def frechet_distance(features: np.ndarray, others: np.ndarray) -> float:
    """|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)) of means and covariances (FID, Heusel et al. 2017).

    It grows where samples are few: of n samples of one Gaussian by about the trace of its covariance over n.

    Args:
        features, others: `[samples, features]`, at least two samples each.
    """
    shift = features.mean(axis=0) - others.mean(axis=0)
    covariance, other = (np.atleast_2d(np.cov(own, rowvar=False)) for own in (features, others))
    root = _square_root(covariance)  # tr (C C')^(1/2) = tr (C^(1/2) C' C^(1/2))^(1/2), which is symmetric
    shared = np.trace(_square_root(root @ other @ root))
    return float(shift @ shift + np.trace(covariance) + np.trace(other) - 2 * shared)


def inception_score(log_probabilities: np.ndarray) -> float:
    """exp E_x KL(p(y|x) || E_x' p(y|x')), from 1 to the number of labels (Salimans et al. 2016).

    Args:
        log_probabilities: ln p(y|x), `[samples, labels]`.
    """
    probabilities = np.exp(log_probabilities)
    return float(np.exp(_entropy(probabilities.mean(axis=0)) - _mean_entropy(log_probabilities)))


def modified_inception_score(log_probabilities: np.ndarray) -> float:
    """exp E_x,x' KL(p(y|x) || p(y|x')) over all pairs: variety within labels, too (Gurumurthy et al. 2017).

    The mean over pairs has a closed form, so nothing is drawn; it rises without bound with the classifier's certainty.
    """
    probabilities = np.exp(log_probabilities)
    crossed = -(probabilities.mean(axis=0) * log_probabilities.mean(axis=0)).sum()
    return float(np.exp(crossed - _mean_entropy(log_probabilities)))


def am_score(log_probabilities: np.ndarray, training: np.ndarray) -> float:
    """KL(E_train p(y|x) || E_x p(y|x)) + E_x H(p(y|x)): lower is better (Zhou et al. 2018).

    Args:
        log_probabilities, training: ln p(y|x) of the samples and of the training's, `[samples, labels]`.
    """
    wanted, found = (np.exp(own).mean(axis=0) for own in (training, log_probabilities))
    return float((wanted * np.log(wanted / found)).sum() + _mean_entropy(log_probabilities))


def precision_recall(features: np.ndarray, real: np.ndarray, nearest: int = NEAREST) -> dict[str, float]:
    """Precision, recall, density and coverage (Kynkäänniemi et al. 2019; Naeem et al. 2020).

    A ball around every sample reaches to its k-th nearest neighbour among its own kind. Precision: the share of samples
    in any real ball; density: in how many, over k. Recall: the share of real samples in any ball of the samples;
    coverage: the share of real balls with a sample in them. Sets should be equally large; between two of one
    distribution coverage is about 1 - 2^-k.

    Args:
        features, real: `[samples, features]`, more than `nearest` of each.
    """
    between = cdist(real, features)  # [real samples, samples]
    reach, own_reach = _reach(real, nearest), _reach(features, nearest)
    inside = between < reach[:, None]
    return {
        "precision": float(inside.any(axis=0).mean()),
        "recall": float((between < own_reach).any(axis=1).mean()),
        "density": float(inside.sum(axis=0).mean() / nearest),
        "coverage": float(inside.any(axis=1).mean()),
    }


def _reach(features: np.ndarray, nearest: int) -> np.ndarray:
    """The distance of every sample to its k-th nearest neighbour, itself left out."""
    return np.partition(cdist(features, features), nearest, axis=1)[:, nearest]


def _square_root(matrix: np.ndarray) -> np.ndarray:
    """Of a symmetric matrix without negative eigenvalues, but for rounding."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def _entropy(probabilities: np.ndarray) -> float:
    return -float((probabilities * np.log(probabilities)).sum())


def _mean_entropy(log_probabilities: np.ndarray) -> float:
    return -float((np.exp(log_probabilities) * log_probabilities).sum(axis=1).mean())
