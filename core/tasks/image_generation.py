"""Images that nobody took, drawn from a PixelCNN pixel by pixel.

Every image has a seed of its own, counted up from that of the settings, and is told a label that its seed draws where
none is asked for, as generated sounds are.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.models.guided import Guided
from core.models.stepwise import StepwiseModel
from core.priors.pixelcnn import PixelCNNPrior
from core.samplers.ancestral import ancestral
from core.tasks.drawing import TimeLeft
from core.tasks.generation import TASK, check_guidance, known_name, label_of
from core.tasks.image_runs import MOST_IMAGE_PIXELS, ImageProgress, ImageResult, ImageRun, named_images
from core.tasks.loading import load_image_prior
from core.tasks.settings import Settings
from core.types import Iterate

MOST_IMAGES, LARGEST_SIDE = 4096, 512
AT_ONCE = 16  # images that are drawn together


@dataclass(frozen=True)
class ImageWish:
    """What is to be drawn.

    Args:
        count: of images.
        label: what they show, a name that the prior lists; None: one that each image's seed draws.
        guidance: how plainly they show it; 1 follows the data, more is clearer and less varied. With 0 nothing is told.
        height, width: in pixels; None: as what the prior was trained on.
        temperature: over 1 more daring, under 1 more careful.
        begun: an image's first rows, which all go on from, in [0, 1], `[colours, rows, width]`.
    """

    count: int = 4
    label: str | None = None
    guidance: float = 2.0
    height: int | None = None
    width: int | None = None
    temperature: float = 1.0
    begun: np.ndarray | None = None


def generate_images(wish: ImageWish = ImageWish(), *, settings: Settings = Settings()) -> ImageRun:  # noqa: B008 (frozen)
    """Draws images row by row.

    Yields:
        ImageProgress after every row, with all images so far, named 0000, 0001, ...; then one ImageResult.

    Raises:
        InputError: a prior that draws no images, a label that it does not know, or a number out of range.
    """
    prior: PixelCNNPrior = load_image_prior(TASK, settings)
    wish, at_once = _for_prior(wish, prior), settings.batch or AT_ONCE
    origins = image_origins(wish, prior, settings)
    images = np.zeros((wish.count, prior.network.config.colours, wish.height, wish.width), np.float32)
    bits = np.full((wish.count, wish.height, wish.width), np.nan, np.float32)
    time_left, log_probs = TimeLeft(-(-wish.count // at_once)), []
    for number, first in enumerate(range(0, wish.count, at_once)):
        part = origins[first : first + at_once]
        for iterate, drawn, spent in _draw(prior, wish, part):
            images[first : first + at_once], bits[first : first + at_once] = drawn, spent
            log_probs.append(iterate.log_prob)
            seen = named_images(images.copy()), named_images(bits.copy())
            yield ImageProgress(*time_left.update(number, iterate), iterate, *seen)
    facts = {"bits_per_dimension": -float(np.mean(log_probs)) / math.log(2), "seconds": time_left.seconds}
    report = _report(wish, prior, settings, origins) | facts
    yield ImageResult(named_images(images), report, surprises=named_images(bits))


def image_origins(wish: ImageWish, prior: PixelCNNPrior, settings: Settings) -> list[dict]:
    """What tells every image from the others: its seed, and its label where the prior is told one."""
    return [_origin(wish, prior, settings.seed + number) for number in range(wish.count)]


def image_origin_of(report: Mapping, name: str) -> dict:
    """All that one image can be made again with, of the report of its run."""
    names = ("prior", "sampler", "height", "width", "temperature", "guidance")
    shared = {key: report[key] for key in names if key in report}
    return shared | report["images"][name]


def _draw(
    prior: PixelCNNPrior, wish: ImageWish, origins: Sequence[dict]
) -> Iterator[tuple[Iterate, np.ndarray, np.ndarray]]:
    """The images of a part after every row, `[images, colours, height, width]`, and the bits that each pixel cost, NaN
    where none is drawn yet."""
    model, per_row = _model(prior, wish, len(origins)), wish.width * prior.network.config.colours
    steps = wish.height * per_row
    classes, log_probs = torch.zeros(len(origins), steps), torch.full((len(origins), steps), torch.nan)
    begun, labels = _begun(prior, wish), [origin.get("label") for origin in origins]
    initial = None if begun is None else begun.expand(len(origins), -1)
    first = 0 if begun is None else begun.shape[1]
    told = torch.tensor([-1 if label is None else prior.labels.index(label) for label in labels])
    run = ancestral(
        model,
        steps=steps - first,
        seeds=[origin["seed"] for origin in origins],
        temperature=wish.temperature,
        condition=told if prior.labels and wish.guidance else None,
        initial=initial,
        chunk=per_row,
    )
    classes[:, :first] = 0 if initial is None else initial
    for iterate in run:
        classes[:, first : first + iterate.step] = iterate.x
        log_probs[:, : first + iterate.step] = iterate.step_log_probs
        drawn, costs = (
            x.unflatten(1, (wish.height, wish.width, -1)) for x in (prior.domain.decode(classes), log_probs)
        )
        yield iterate, drawn.permute(0, 3, 1, 2).numpy(), -costs.sum(dim=-1).numpy() / math.log(2)


def _model(prior: PixelCNNPrior, wish: ImageWish, streams: int) -> StepwiseModel:
    """What draws the images: the network, or two of them between which guidance stands."""
    model = prior.stepwise(streams, wish.height, wish.width)
    if not prior.labels or wish.guidance in (0, 1):
        return model
    return Guided(model, prior.stepwise(streams, wish.height, wish.width), wish.guidance)


def _begun(prior: PixelCNNPrior, wish: ImageWish) -> Tensor | None:
    """The classes of the rows that are there already, `[1, steps]`."""
    if wish.begun is None:
        return None
    return prior.domain.encode(torch.from_numpy(wish.begun)).long().permute(1, 2, 0).reshape(1, -1)


def _origin(wish: ImageWish, prior: PixelCNNPrior, seed: int) -> dict:
    """What tells an image from the others."""
    told = prior.labels and wish.guidance > 0
    label = wish.label or (label_of(seed, prior.labels) if told else None)
    return {"seed": seed} if label is None else {"seed": seed, "label": label}


def _report(wish: ImageWish, prior: PixelCNNPrior, settings: Settings, origins: Sequence[dict]) -> dict:
    size = {"height": wish.height, "width": wish.width}
    made = {"task": TASK, "prior": prior.name, "sampler": "ancestral", "seed": settings.seed, **size}
    chosen = {"device": str(prior.device), "count": wish.count, "label": wish.label, "temperature": wish.temperature}
    chosen |= {"guidance": wish.guidance} if prior.labels else {}
    return made | chosen | {"images": dict(zip(named_images(np.empty(wish.count)), origins, strict=True))}


def _for_prior(wish: ImageWish, prior: PixelCNNPrior) -> ImageWish:
    """The wish with the label as the prior spells it, and a size.

    Raises:
        InputError: see `generate_images`.
    """
    height, width = wish.height or prior.size[0], wish.width or prior.size[1]
    if not 1 <= wish.count <= MOST_IMAGES:
        raise InputError(f"The number of images must lie between 1 and {MOST_IMAGES}, not {wish.count}.")
    if max(height, width) > LARGEST_SIDE or wish.count * height * width > MOST_IMAGE_PIXELS:
        limit = f"{LARGEST_SIDE} pixels a side, and all of a run {MOST_IMAGE_PIXELS / 1e6:g} megapixels"
        raise InputError(f"An image has at most {limit}; ask for fewer or smaller ones.")
    if wish.begun is not None and not (
        len(wish.begun) == prior.network.config.colours and wish.begun.shape[2] == width
    ):
        raise InputError(f"The rows that are there must be {width} pixels wide, in the prior's colours.")
    if wish.begun is not None and not wish.begun.shape[1] < height:
        raise InputError(f"The image begins with {wish.begun.shape[1]} rows of {height}; leave some to be drawn.")
    check_guidance(wish.guidance)
    label = known_name(wish.label, prior.labels, prior, "label")
    return replace(wish, height=height, width=width, label=label)
