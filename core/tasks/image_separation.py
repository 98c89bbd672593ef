"""Overlaid images taken apart by PnF (Jayaram & Thickstun 2021): they add up to x0 + x1, and a pixel prior knows each.

The same observations and samplers as for sounds. What is shown adds up to the mixture wherever pixels stay in [0, 1].
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.observations.mixture import Mixture, SharedSum
from core.priors.independent import Independent
from core.tasks.drawing import TimeLeft
from core.tasks.image_chains import LANGEVIN, check, facts_of, start_chain
from core.tasks.image_runs import MOST_IMAGE_PIXELS, ImageProgress, ImageResult, ImageRun
from core.tasks.loading import load_image_prior
from core.tasks.settings import Settings
from core.tasks.stems import stem_names

TASK = "separate"
STRENGTH = 1.0  # PnF's of images: an update moves two sources onto their sum
DOUBT = math.inf  # equal shares say little of either: as much noise as the prior knows


def separate_images(
    mixture: np.ndarray, priors: Sequence[str], *, settings: Settings, truths: Sequence[np.ndarray] = ()
) -> ImageRun:
    """Takes a sum of images apart.

    Args:
        mixture: the unclipped sum, `[colours, height, width]` in [0, number of priors].
        priors: of each image.
        truths: of each, where they are known; images of one prior may have changed places.

    Yields:
        ImageProgress after every update; then one ImageResult, with an equal share of the mixture as a baseline.

    Raises:
        InputError: priors that do not go together or separate nothing, or a mixture of other size, colours or values.
    """
    prior = _sources(priors, settings)
    _check(mixture, prior, settings)
    observed, names = torch.from_numpy(mixture.astype(np.float32))[None], stem_names(priors)
    kind = Mixture if settings.sampler == LANGEVIN else SharedSum
    evidence, time_left = kind(observed, (1.0,) * len(priors), prior.domain, STRENGTH), TimeLeft(1)
    start = evidence.initialise(torch.Generator())
    for iterate in start_chain(prior, evidence, start, settings, doubt=DOUBT, channels=1, averaged=False):
        images = _adding_up(prior.domain.decode(iterate.denoised), observed[0])
        seen, chains = (
            dict(zip(names, drawn, strict=True)) for drawn in (images, prior.domain.decode(iterate.x).numpy())
        )
        yield ImageProgress(*time_left.update(0, iterate), iterate, seen, chains=chains)
    shares = np.repeat(mixture[None] / len(priors), len(priors), axis=0).clip(0, 1).astype(np.float32)
    figures = {"result": _figures(images, truths, priors), "equal shares": _figures(shares, truths, priors)}
    report = {"task": TASK, "prior": list(priors), **facts_of(settings, averaged=False), "device": str(prior.device)}
    report |= {"seconds": time_left.seconds, "height": mixture.shape[1], "width": mixture.shape[2]}
    report |= {"metrics": figures.pop("result"), "baselines": figures}
    baselines = {"equal shares": dict(zip(names, shares, strict=True))}
    yield ImageResult(dict(zip(names, images, strict=True)), report, baselines)


def _sources(names: Sequence[str], settings: Settings) -> Independent:
    """The priors of these names as one over several images."""
    priors = [load_image_prior(TASK, replace(settings, prior=name)) for name in names]
    kinds = {(prior.domain.levels, prior.network.config.colours) for prior in priors}
    if len(kinds) > 1:
        raise InputError("These priors know images of different levels or colours; choose priors of one kind.")
    return Independent(priors)


def _check(mixture: np.ndarray, prior: Independent, settings: Settings) -> None:
    check(settings)
    colours, count = prior.priors[0].network.config.colours, len(prior.priors)
    if mixture.ndim != 3 or len(mixture) != colours or not mixture.size:
        raise InputError(f"{prior.priors[0].name} knows images of {colours} colours, not a mixture of this shape.")
    if mixture[0].size > MOST_IMAGE_PIXELS:
        raise InputError(f"A mixture has at most {MOST_IMAGE_PIXELS / 1e6:g} megapixels; make it smaller.")
    if not (np.isfinite(mixture).all() and mixture.min() >= 0 and mixture.max() <= count):
        raise InputError(f"A mixture of {count} images has values from 0 to {count}, the unclipped sum of all.")


def _adding_up(images: Tensor, mixture: Tensor) -> np.ndarray:
    """The nearest images that add up to a mixture, in [0, 1]."""
    missing = mixture - images.sum(dim=0)
    return (images + missing / len(images)).clamp(0, 1).numpy()


def _figures(images: np.ndarray, truths: Sequence[np.ndarray], priors: Sequence[str]) -> dict[str, float | None]:
    """The mean PSNR in dB, in the best order of those that share a prior."""
    if not truths:
        return {"psnr_db": None}
    orders = itertools.permutations(range(len(priors)))
    orders = [order for order in orders if all(priors[n] == priors[at] for n, at in enumerate(order))]
    means = [np.mean([_psnr(images[at], truths[n]) for n, at in enumerate(order)]) for order in orders]
    return {"psnr_db": float(max(means))}


def _psnr(image: np.ndarray, truth: np.ndarray) -> float:
    return -10 * math.log10(max(float(np.mean((image - truth) ** 2)), 1e-10))
