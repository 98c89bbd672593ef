"""The named endpoints that draw what nobody recorded or took: sounds, also from WaveNets, and images; see
`demos.api`."""

from dataclasses import replace
from functools import partial

import gradio as gr

from core.choices import ANCESTRAL, GENERATION_SAMPLERS, parse_seeds
from core.samplers.generation import MOST_STEPS
from core.signal.clip import Clip
from core.tasks.generation import SHORTEST_SECONDS, STRONGEST, TASK, Wish, generate
from core.tasks.image_generation import ImageWish, generate_images
from core.tasks.progress import Run
from core.tasks.sample_by_sample import HOTTEST, check_prime
from core.tasks.settings import Settings
from demos import arguments
from demos.answering import Asked, endpoint, number_argument, text_argument
from demos.arguments import as_sent
from demos.generation.image_downloads import image_files
from demos.generation.pixelcnn import FIRST
from demos.generation.pixelcnn_layout import LARGEST_SIDE
from demos.page import zero_gpu
from demos.page.downloads import generated_files
from demos.page.sampling_panel import LARGEST_SEED
from demos.page.source import load, read_source
from demos.tabs.generation import LONGEST_SECONDS

MOST_SOUNDS, MOST_IMAGES = 64, 64  # that are drawn at a time


def build() -> None:
    """Adds the endpoints to the current Blocks."""
    number, text = number_argument, text_argument
    told = [text("label"), text("prior"), number("seed", 0), number("seconds", None), number("guidance", None)]
    way = [text("sampler"), number("steps", None), text("speaker"), text("morph"), number("temperature", 1.0)]
    prime = as_sent(gr.Audio(type="filepath", label="prime"))
    several = {"file_count": "multiple"}
    endpoint(
        "generate",
        _generate,
        [number("count", 4), *told, *way, prime],
        [gr.File(label="sounds", **several), gr.JSON(label="report")],
    )
    size = [number("height", None), number("width", None)]
    endpoint(
        "generate_images",
        _generate_images,
        [number("count", 4), text("label"), text("prior"), number("seed", 0), number("temperature", 1.0), *size],
        [gr.File(label="images", **several), gr.JSON(label="report")],
    )


def _generate(
    count=4,
    label="",
    prior="",
    seed=0,
    seconds=None,
    guidance=None,
    sampler="",
    steps=None,
    speaker="",
    morph="",
    temperature=1.0,
    prime=None,
) -> Asked:
    """Draws new sounds: one file for each, which says in its metadata what it can be made again with.

    Args:
        count: Whole number from 1 to 64, how many.
        label: Text, what is said, of what the prior lists; "" for one that each seed draws.
        seconds: Number from 0.05 to 10, how long each is; the prior's own where not given.
        guidance: Number from 0 to 20, how closely the label is kept to; at 0 the prior is told nothing.
        sampler: Text, "heun", "sde", "ddim", "ddpm", "fast", of WaveNets "ancestral"; "" for the prior's own.
        steps: Whole number from 1 to 1000; the sampler's own where not given.
        speaker: Text, by whom, of what the prior lists; "" for anybody.
        morph: Text, two seeds such as "3,9": the sounds lead from one to the other; "" for none.
        temperature: Number from 0 to 2, of WaveNets alone: under 1 more careful.
        prime: Audio file that sounds of a WaveNet go on from, of which they are no part; may be left out.

    Returns:
        sounds: WAV files
        report: object that says how they were made (prior, sampler, seed of each)
    """
    number, whole = arguments.number, arguments.whole
    wish = Wish(
        count=whole("count", count, 4, 1, MOST_SOUNDS),
        label=arguments.text("label", label) or None,
        speaker=arguments.text("speaker", speaker) or None,
        seconds=number("seconds", seconds, None, SHORTEST_SECONDS, LONGEST_SECONDS),
        guidance=number("guidance", guidance, Wish.guidance, 0.0, STRONGEST),
        morph=parse_seeds(arguments.text("morph", morph)),
        temperature=number("temperature", temperature, 1.0, 0.0, HOTTEST),
    )
    path = None if prime is None else arguments.file_of("prime", prime)
    settings = Settings(
        arguments.text("prior", prior) or None,
        sampler=arguments.choice("sampler", sampler, (*GENERATION_SAMPLERS, ANCESTRAL)),
        steps=whole("steps", steps, None, 1, MOST_STEPS),
        seed=whole("seed", seed, 0, 0, LARGEST_SEED),
    )

    def begin() -> Run:
        heard = replace(wish, prime=None if path is None else _heard(path))
        return zero_gpu.run(generate, heard, settings=settings)

    return Asked(TASK, begin, generated_files)


def _heard(path: str) -> Clip:
    """What sounds go on from."""
    loaded = load(path, mixes=True)
    check_prime(loaded.seconds)
    return read_source(loaded, 0.0, None, None).clip


def _generate_images(
    count=4, label="", prior="", seed=0, temperature=1.0, height=None, width=None, guidance=2.0
) -> Asked:
    """Draws images with a PixelCNN: one file for each, which says in its metadata what it can be made again with.

    Args:
        count: Whole number from 1 to 64, how many.
        label: Text, what they show, of what the prior lists; "" for one that each seed draws.
        prior: Text, the name of a PixelCNN; "" for pixelcnn-mnist.
        temperature: Number from 0 to 2: under 1 more careful.
        height: Whole number from 1 to 64, in pixels; the prior's own where not given.
        width: Whole number from 1 to 64, in pixels; the prior's own where not given.
        guidance: Number from 0 to 20, how closely the label is kept to; at 0 the prior is told nothing.

    Returns:
        images: PNG files
        report: object that says how they were made (prior, seed of each)
    """
    number, whole = arguments.number, arguments.whole
    wish = ImageWish(
        count=whole("count", count, 4, 1, MOST_IMAGES),
        label=arguments.text("label", label) or None,
        temperature=number("temperature", temperature, 1.0, 0.0, HOTTEST),
        height=whole("height", height, None, 1, LARGEST_SIDE),
        width=whole("width", width, None, 1, LARGEST_SIDE),
        guidance=number("guidance", guidance, ImageWish.guidance, 0.0, STRONGEST),
    )
    settings = Settings(arguments.text("prior", prior) or FIRST, seed=whole("seed", seed, 0, 0, LARGEST_SEED))
    return Asked(TASK, partial(zero_gpu.run, generate_images, wish, settings=settings), image_files)
