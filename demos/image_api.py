"""The named endpoints that restore images and take them apart; see `demos.api`."""

from pathlib import Path

import gradio as gr
import numpy as np

from core.choices import parse_boxes
from core.errors import InputError
from core.jobs import JOBS
from core.signal.image_files import read_image, read_sum
from core.tasks.image_restoration import inpaint_image, super_resolve_image
from core.tasks.image_runs import ImageResult, ImageRun
from core.tasks.image_separation import separate_images
from core.tasks.loading import load_image_prior
from core.tasks.settings import Settings
from demos import arguments
from demos.answering import Asked, endpoint, number_argument, text_argument
from demos.arguments import as_sent
from demos.generation.image_downloads import restored_files
from demos.generation.sketch import LARGEST_SIDE
from demos.page import zero_gpu

INPAINT, SHARPEN, SEPARATE = "inpaint", "super-resolve", "separate"
LARGEST_FACTOR = 16


def build() -> None:
    """Adds the endpoints to the current Blocks."""
    image, factor = as_sent(gr.File(label="image")), number_argument("factor", 2)
    shared = [text_argument("prior"), text_argument("quality", "draft"), number_argument("seed", 0)]
    outputs = [gr.File(label="restored"), gr.JSON(label="report")]
    reference, small = as_sent(gr.File(label="reference")), as_sent(gr.Checkbox(True, label="degrade"))
    endpoint("inpaint_image", _inpaint_image, [image, text_argument("boxes"), *shared, reference], outputs)
    endpoint("super_resolve_image", _super_resolve_image, [image, factor, small, *shared], outputs)
    endpoint(
        "separate_images",
        _separate_images,
        [image, as_sent(gr.File(label="other")), *shared],
        [gr.File(label="images", file_count="multiple"), gr.JSON(label="report")],
    )


def _inpaint_image(image, boxes="", prior="", quality="draft", seed=0, reference=None) -> Asked:
    """Fills boxes of an image; every other pixel stays as it is.

    Args:
        image: Image file (PNG, JPEG, BMP or WebP) of up to 128 pixels a side.
        boxes: Text, such as "14:28,0:28; 0:5,0:5": rows, then columns, in pixels.
        reference: Image file of the truth, which the result is measured against; may be left out.

    Returns:
        restored: PNG file
        report: object that says how it was made (prior, sampler, seed) and how well (metrics, baselines)
    """
    hidden, settings = parse_boxes(arguments.text("boxes", boxes)), arguments.settings(prior, quality, seed)
    if not hidden:
        raise InputError("Give boxes such as 14:28,0:28: rows, then columns, in pixels.")
    path = arguments.file_of("image", image)
    truth = None if reference is None else arguments.file_of("reference", reference)

    def begin() -> ImageRun:
        known = None if truth is None else _read(truth, INPAINT, settings)
        given = _read(path, INPAINT, settings)
        return zero_gpu.run(inpaint_image, given, hidden, settings=settings, reference=known)

    return Asked(INPAINT, begin, _first_file)


def _super_resolve_image(image, factor=2, degrade=True, prior="", quality="draft", seed=0) -> Asked:
    """Makes the pixels between the pixels of an image.

    Args:
        image: Image file (PNG, JPEG, BMP or WebP); what is made of it has up to 128 pixels a side.
        factor: Whole number from 2 to 16, k where every k-th pixel of a row and of a column is known.
        degrade: Boolean, whether the image is the truth, of which these are kept; else it is made larger.

    Returns:
        restored: PNG file
        report: object that says how it was made (prior, sampler, seed) and how well (metrics, baselines)
    """
    settings, thinned = arguments.settings(prior, quality, seed), arguments.flag("degrade", degrade)
    times = arguments.whole("factor", factor, 2, 2, LARGEST_FACTOR)
    path = arguments.file_of("image", image)

    def begin() -> ImageRun:
        given = _read(path, SHARPEN, settings, LARGEST_SIDE if thinned else LARGEST_SIDE // times)
        return zero_gpu.run(super_resolve_image, given, times, degrade=thinned, settings=settings)

    return Asked(SHARPEN, begin, _first_file)


def _separate_images(image, other=None, prior="", quality="draft", seed=0) -> Asked:
    """Takes two overlaid images apart: their sum, which is never clipped, or two that are overlaid first.

    Args:
        image: Image file of up to 128 pixels a side; alone it is the sum, a .npy file or a grey PNG of 16 bits.
        other: Image file of the same size, which is laid over the first; may be left out.
        prior: Text, the name of a prior of both images, or "" for the default.

    Returns:
        images: PNG files
        report: object that says how they were made (prior, sampler, seed) and how well (metrics, baselines)
    """
    settings, path = arguments.settings(prior, quality, seed), arguments.file_of("image", image)
    second = None if other is None else arguments.file_of("other", other)
    priors = [settings.prior or JOBS[SEPARATE].image_prior] * 2

    def begin() -> ImageRun:
        if second is None:
            overlaid = _small(read_sum(Path(path), len(priors)))
            return zero_gpu.run(separate_images, overlaid, priors, settings=settings)
        truths = [_read(own, SEPARATE, settings) for own in (path, second)]
        if truths[0].shape != truths[1].shape:
            raise InputError("The images are of two sizes and do not overlay; bring them to one.")
        return zero_gpu.run(separate_images, sum(truths), priors, settings=settings, truths=truths)

    return Asked(SEPARATE, begin, restored_files)


def _read(path: str, task: str, settings: Settings, largest: int = LARGEST_SIDE) -> np.ndarray:
    """An image in the colours of the prior."""
    return _small(read_image(Path(path), load_image_prior(task, settings).network.config.colours), largest)


def _small(image: np.ndarray, largest: int = LARGEST_SIDE) -> np.ndarray:
    """The image itself.

    Raises:
        InputError: it is larger than what is restored here.
    """
    height, width = image.shape[1:]
    if max(height, width) > largest:
        limit = f"here it may have up to {largest} pixels a side"
        raise InputError(f"The image has {width} x {height} pixels; {limit}. Make it smaller, or use the command line.")
    return image


def _first_file(result: ImageResult) -> str:
    return restored_files(result)[0]
