"""Images restored by PnF (Jayaram & Thickstun 2021): the same observation and sampler as for sound, over a pixel prior.

Inpainting knows all pixels but those of boxes, super-resolution every k-th one in both directions. What is known stays
as it is. Several draws are averaged: what they share is evidence, what differs is guesswork.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import RectBivariateSpline
from torch import Tensor

from core.errors import InputError
from core.observations.masked import Masked
from core.priors.pixelcnn import PixelCNNPrior
from core.samplers.ancestral import ancestral_between
from core.tasks.drawing import TimeLeft
from core.tasks.image_chains import check, draws_of, facts_of, start_chain
from core.tasks.image_runs import MOST_IMAGE_PIXELS, RESULT, ImageProgress, ImageResult, ImageRun
from core.tasks.loading import load_image_prior
from core.tasks.settings import Settings

UNKNOWN, INTERPOLATED, DRAWN = math.inf, 0.3, 0.15  # noise for starts: all that a prior knows, or a share of white
SPLINE_DEGREE = 3
Box = tuple[int, int, int, int]  # first and last (exclusive) row, first and last column


@dataclass(frozen=True)
class _Question:
    """What is known of an image, and what it is begun with.

    Args:
        observed: `[colours, height, width]` in [0, 1]; arbitrary where it is not known.
        known: `[height, width]`.
        start: an estimate of the whole.
        doubt: see `start_chain`.
        goes_on: whether what is not known comes after all that is, in the order in which a prior draws: it is begun
            with what the prior draws then, which is what all of the evidence says already.
        baselines: method -> what it makes of the same evidence.
        truth: the whole image, where there is one.
    """

    observed: np.ndarray
    known: np.ndarray
    start: np.ndarray
    doubt: float
    baselines: Mapping[str, np.ndarray]
    truth: np.ndarray | None = None
    goes_on: bool = False


def inpaint_image(
    image: np.ndarray, boxes: Sequence[Box], *, settings: Settings, reference: np.ndarray | None = None
) -> ImageRun:
    """Fills boxes of an image so that what is around them could have gone on through them.

    Args:
        image: `[colours, height, width]` in [0, 1].
        reference: the truth, for metrics.

    Yields:
        ImageProgress after every update; then one ImageResult, with the mean of what is known as a baseline.

    Raises:
        InputError: a box outside of the image, nothing left around them, a reference of another size, or a prior that
            restores no images.
    """
    if image[0].size > MOST_IMAGE_PIXELS:
        raise InputError(f"An image has at most {MOST_IMAGE_PIXELS / 1e6:g} megapixels; make it smaller.")
    if reference is not None and reference.shape != image.shape:
        height, width = reference.shape[1:]
        raise InputError(
            f"The reference has {width} x {height} pixels and the image {image.shape[2]} x {image.shape[1]}; "
            "bring them to one size."
        )
    known = np.ones(image.shape[1:], dtype=bool)
    for top, bottom, left, right in boxes:
        if not (0 <= top < bottom <= image.shape[1] and 0 <= left < right <= image.shape[2]):
            size = f"rows 0:{image.shape[1]}, columns 0:{image.shape[2]}"
            raise InputError(
                f"Box {top}:{bottom},{left}:{right} lies outside the image ({size}); choose one inside it."
            )
        known[top:bottom, left:right] = False
    if not known.any():
        raise InputError("Nothing is left around the boxes; choose smaller ones.")
    mean = np.where(known, image, image[:, known].mean(axis=1)[:, None, None]).astype(np.float32)
    goes_on = bool((np.diff(known.ravel().astype(int)) <= 0).all())
    doubt = DRAWN if goes_on else UNKNOWN
    question = _Question(image, known, mean, doubt, {"mean": mean}, reference, goes_on)
    yield from _restore("inpaint", question, settings)


def super_resolve_image(image: np.ndarray, factor: int, *, degrade: bool = False, settings: Settings) -> ImageRun:
    """Makes the pixels between the pixels; else as `inpaint_image`, with nearest and cubic interpolation as baselines.

    Args:
        image: every `factor`-th pixel in both directions; with `degrade` the truth, of which these are kept.
    """
    if not 2 <= factor <= min(image.shape[1:]):
        raise InputError(f"The factor must lie between 2 and the image's smaller side, not {factor}.")
    height, width = image.shape[1:] if degrade else (factor * side for side in image.shape[1:])
    if height * width > MOST_IMAGE_PIXELS:
        raise InputError(f"The result would have {height} x {width} pixels, over 4 megapixels; take a smaller factor.")
    kept = image[:, ::factor, ::factor] if degrade else image
    if min(kept.shape[1:]) <= SPLINE_DEGREE:
        raise InputError(f"At least {SPLINE_DEGREE + 1} pixels a side must be known; take a smaller factor.")
    observed, known = np.zeros((len(image), height, width), np.float32), np.zeros((height, width), dtype=bool)
    observed[:, ::factor, ::factor], known[::factor, ::factor] = kept, True
    nearest = kept.repeat(factor, axis=1).repeat(factor, axis=2)[:, :height, :width]
    cubic = _cubic(kept, factor, height, width)
    truth = image if degrade else None
    baselines = {"nearest": nearest, "cubic": cubic}
    question = _Question(observed, known, cubic, INTERPOLATED, baselines, truth)
    yield from _restore("super-resolve", question, settings)


def _restore(task: str, question: _Question, settings: Settings) -> ImageRun:
    prior: PixelCNNPrior = load_image_prior(task, settings)
    colours = prior.network.config.colours
    if len(question.observed) != colours:
        raise InputError(f"{prior.name} knows images of {colours} colours, not {len(question.observed)}.")
    check(settings)
    time_left = TimeLeft(1)
    known, observed = torch.from_numpy(question.known), torch.from_numpy(question.observed)[None] * prior.domain.unit
    evidence = Masked(observed, known.expand(observed.shape), prior.domain)
    if question.goes_on:
        start = _drawn(prior, question, settings)
    else:
        start = torch.from_numpy(question.start)[None] * prior.domain.unit
    run = start_chain(prior, evidence, start, settings, doubt=question.doubt)
    for iterate in run:
        seen, chain = (prior.domain.decode(x[0]).numpy() for x in (iterate.denoised, iterate.x))
        image = np.where(question.known, question.observed, seen.clip(0, 1))
        yield ImageProgress(*time_left.update(0, iterate), iterate, {RESULT: image}, chains={RESULT: chain})
    figures = {name: _figures(question, made) for name, made in {RESULT: image, **question.baselines}.items()}
    report = {"task": task, "prior": prior.name, **facts_of(settings), "device": str(prior.device)}
    report |= {"seconds": time_left.seconds}
    report |= {"height": image.shape[1], "width": image.shape[2], "metrics": figures.pop(RESULT), "baselines": figures}
    yield ImageResult({RESULT: image}, report, {name: {RESULT: made} for name, made in question.baselines.items()})


def _drawn(prior: PixelCNNPrior, question: _Question, settings: Settings) -> Tensor:
    """What the prior draws where nothing is known, given what comes before, `[draws, colours, height, width]`."""
    colours, height, width = question.observed.shape
    model = prior.stepwise(draws_of(settings), height, width)
    classes = prior.domain.encode(torch.from_numpy(question.observed)).permute(1, 2, 0).reshape(1, -1)
    known = torch.from_numpy(question.known).flatten().repeat_interleave(colours)
    told = torch.full((model.streams,), -1) if prior.labels else None
    generator = torch.Generator().manual_seed(settings.seed)
    x = ancestral_between(model, classes.expand(model.streams, -1), known, generator=generator, condition=told)
    return x.unflatten(1, (height, width, colours)).permute(0, 3, 1, 2)


def _figures(question: _Question, image: np.ndarray) -> dict[str, float | None]:
    """Of the pixels that were not known."""
    if question.truth is None:
        return {"psnr_db": None}
    error = (image - question.truth)[:, ~question.known]
    return {"psnr_db": -10 * math.log10(max(float(np.mean(error**2)), 1e-10))}


def _cubic(kept: np.ndarray, factor: int, height: int, width: int) -> np.ndarray:
    """A spline through the known pixels, `[colours, height, width]`; beyond the last of them it stays."""
    rows, columns = (np.arange(side) * factor for side in kept.shape[1:])
    inside = np.arange(height).clip(max=rows[-1]), np.arange(width).clip(max=columns[-1])
    drawn = [RectBivariateSpline(rows, columns, colour)(*inside) for colour in kept]
    return np.clip(np.stack(drawn), 0, 1).astype(np.float32)
