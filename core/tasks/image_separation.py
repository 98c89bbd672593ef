"""Overlaid images taken apart: they add up to x0 + x1, and a pixel prior knows each.

Two are drawn pixel by pixel, by particles that both priors and the sum steer. More, very large ones, and any by choice
come out of noise as PnF has it (Jayaram & Thickstun 2021), by the observations and samplers of sounds. What is shown
adds up to the mixture wherever pixels stay in [0, 1].
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.observations.mixture import Mixture, SharedSum
from core.priors.independent import Independent
from core.samplers.pixel_pairs import pixel_pairs
from core.tasks.drawing import TimeLeft
from core.tasks.image_chains import LANGEVIN, SAMPLERS, check, facts_of, start_chain
from core.tasks.image_runs import MOST_IMAGE_PIXELS, ImageProgress, ImageResult, ImageRun
from core.tasks.loading import load_image_prior
from core.tasks.settings import Settings
from core.tasks.stems import stem_names
from core.types import Iterate

TASK = "separate"
PARTICLES = "particles"  # the sampler that draws pixel by pixel
COUNTS = {"draft": 16, "standard": 64, "fine": 256}  # of particles
MOST_DRAWN = 2**16  # pixels of a mixture that are drawn one after the other: two minutes, at standard quality
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
    settings = _with_sampler(settings, mixture, priors)
    observed, names, time_left = torch.from_numpy(mixture.astype(np.float32)), stem_names(priors), TimeLeft(1)
    drawn = settings.sampler == PARTICLES
    for iterate in (_drawn if drawn else _out_of_noise)(prior, observed, priors, settings):
        made, chain = (prior.domain.decode(x) for x in (iterate.denoised, iterate.x))
        images, chains = _adding_up(made, observed), {} if drawn else dict(zip(names, chain.numpy(), strict=True))
        yield ImageProgress(
            *time_left.update(0, iterate), iterate, dict(zip(names, images, strict=True)), chains=chains
        )
    shares = np.repeat(mixture[None] / len(priors), len(priors), axis=0).clip(0, 1).astype(np.float32)
    figures = {"result": _figures(images, truths, priors), "equal shares": _figures(shares, truths, priors)}
    report = {"task": TASK, "prior": list(priors), **_facts(settings), "device": str(prior.device)}
    report |= {"seconds": time_left.seconds, "height": mixture.shape[1], "width": mixture.shape[2]}
    report |= {"metrics": figures.pop("result"), "baselines": figures}
    baselines = {"equal shares": dict(zip(names, shares, strict=True))}
    yield ImageResult(dict(zip(names, images, strict=True)), report, baselines)


def _with_sampler(settings: Settings, mixture: np.ndarray, priors: Sequence[str]) -> Settings:
    """The settings with a sampler; who asks for steps asks for a chain.

    Raises:
        InputError: one that does not take this mixture apart.
    """
    drawable = len(priors) == 2 and mixture[0].size <= MOST_DRAWN
    if settings.sampler == PARTICLES and not drawable:
        raise InputError(f"Particles draw two images of at most {MOST_DRAWN} pixels; choose the sampler diffusion.")
    if settings.sampler == PARTICLES and settings.steps is not None:
        raise InputError("Particles take a step for each pixel; leave the number of steps out.")
    if settings.sampler is None and settings.steps is None and drawable:
        return replace(settings, sampler=PARTICLES)
    return settings


def _drawn(prior: Independent, observed: Tensor, priors: Sequence[str], settings: Settings) -> Iterator[Iterate]:
    """Both images row by row, `[2, colours, height, width]` in the prior's classes; equal shares of what is to come."""
    colours, height, width = observed.shape
    models = tuple(own.stepwise(COUNTS[settings.quality], height, width) for own in prior.priors)
    for own, model in zip(prior.priors, models, strict=True):
        model.begin(torch.full((model.streams,), -1) if own.labels else None)
    shares = (observed / 2 * prior.domain.unit).expand(2, -1, -1, -1)

    def image(classes: Tensor) -> Tensor:
        flat = shares.permute(0, 2, 3, 1).flatten(1).clone()
        flat[:, : classes.shape[1]] = classes
        return flat.unflatten(1, (height, width, colours)).permute(0, 3, 1, 2)

    chosen = {"levels": prior.domain.levels, "alike": priors[0] == priors[1], "chunk": width * colours}
    generator = torch.Generator().manual_seed(settings.seed)
    for iterate in pixel_pairs(models, observed.permute(1, 2, 0).flatten(), generator=generator, **chosen):
        yield replace(iterate, x=image(iterate.x), denoised=image(iterate.denoised))


def _out_of_noise(prior: Independent, observed: Tensor, priors: Sequence[str], settings: Settings) -> Iterator[Iterate]:
    """Images at every noise level, `[images, colours, height, width]` in the prior's classes."""
    kind = Mixture if settings.sampler == LANGEVIN else SharedSum
    evidence = kind(observed[None], (1.0,) * len(priors), prior.domain, STRENGTH)
    start = evidence.initialise(torch.Generator())
    return start_chain(prior, evidence, start, settings, doubt=DOUBT, channels=1, averaged=False)


def _facts(settings: Settings) -> dict:
    """What the report says of how the images were drawn."""
    if settings.sampler != PARTICLES:
        return dict(facts_of(settings, averaged=False))
    chosen = {"sampler": PARTICLES, "quality": settings.quality, "seed": settings.seed}
    return chosen | {"particles": COUNTS[settings.quality]}


def _sources(names: Sequence[str], settings: Settings) -> Independent:
    """The priors of these names as one over several images."""
    priors = [load_image_prior(TASK, replace(settings, prior=name)) for name in names]
    kinds = {(prior.domain.levels, prior.network.config.colours) for prior in priors}
    if len(kinds) > 1:
        raise InputError("These priors know images of different levels or colours; choose priors of one kind.")
    return Independent(priors)


def _check(mixture: np.ndarray, prior: Independent, settings: Settings) -> None:
    check(settings, (PARTICLES, *SAMPLERS))
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
