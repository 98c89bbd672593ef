"""What is shown of a separation among codes: its chains, ranked, how they explain the mixture, where they differ."""

import numpy as np
from torch import Tensor

from core.models.codebooks import likeness
from core.samplers.latent import LatentIterate
from core.signal.masks import spectrum, wiener_masks
from core.tasks.latent_mixture import LatentMixture
from core.tasks.progress import CodeStreams, Sounds


def scores(iterate: LatentIterate) -> Tensor:
    """How likely chains are so far, `[chains]`, in nats, up to a constant."""
    return iterate.log_probs.sum(dim=1) + iterate.log_likelihoods.sum(dim=1)


def streams_so_far(heard: LatentMixture, iterate: LatentIterate) -> CodeStreams:
    """Of chains that are being drawn."""
    return _streams(heard, iterate, scores(iterate).cpu().numpy())


def streams_at_the_end(
    heard: LatentMixture, iterate: LatentIterate, weights: np.ndarray, said: np.ndarray
) -> CodeStreams:
    """Of chains that are drawn; they are ranked by the weights of both sources.

    Args:
        weights: see `CodeStreams`, of the chains as they were drawn.
        said: what their codes say, `[chains, 2, samples]`.
    """
    spread = disagreement(heard, said) if len(said) > 1 else None
    return _streams(heard, iterate, weights.prod(axis=1), weights, spread)


def disagreement(heard: LatentMixture, said: np.ndarray) -> np.ndarray:
    """See `CodeStreams`: of every bin the standard deviation over chains of the first source's Wiener mask, on average
    over frequency by the mixture's power.

    Args:
        said: what the chains' codes say, `[chains, 2, samples]`.

    Returns:
        `[windows]`, 0 where the mixture is silent.
    """
    total = squares = 0.0
    for both in said:
        share = wiener_masks(heard.powers(both))[0]  # [bins, windows]
        total, squares = total + share, squares + share**2
    mean = total / len(said)
    spread = np.sqrt((squares / len(said) - mean**2).clip(min=0))
    power = np.square(np.abs(spectrum(heard.known.mono().samples[0])))
    whole = power.sum(axis=0)
    return np.divide((spread * power).sum(axis=0), whole, out=np.zeros_like(whole), where=whole > 0)


def _streams(
    heard: LatentMixture,
    iterate: LatentIterate,
    ranked_by: np.ndarray,
    weights: np.ndarray | None = None,
    spread: np.ndarray | None = None,
) -> CodeStreams:
    order = np.argsort(-ranked_by, kind="stable")
    codes, model = iterate.x[order.copy()], heard.model

    def say(rank: int) -> Sounds:
        return heard.raw_stems(heard.said(codes[rank]))

    return CodeStreams(
        codes.cpu().numpy(),
        iterate.log_likelihoods.cpu().numpy()[order],
        order,
        iterate.total_steps,
        model.hop() / model.sample_rate,
        likeness(model.codebook().k),
        say,
        iterate.log_probs.cpu().numpy()[order] / iterate.step,
        None if weights is None else weights[order],
        spread,
    )
