"""The named endpoints that draw what nobody recorded or took: sounds, also from WaveNets, and images; see
`demos.api`."""

from dataclasses import replace
from functools import partial

import gradio as gr

from core.choices import ANCESTRAL, GENERATION_SAMPLERS, parse_seeds
from core.samplers.generation import MOST_STEPS
from core.tasks.generation import SHORTEST_SECONDS, STRONGEST, TASK, Wish, generate
from core.tasks.image_generation import ImageWish, generate_images
from core.tasks.progress import Run
from core.tasks.sample_by_sample import HOTTEST
from core.tasks.settings import Settings
from demos import arguments
from demos.answering import Asked, endpoint, number_argument, text_argument
from demos.arguments import as_sent
from demos.generation.image_downloads import image_files
from demos.generation.pixelcnn import FIRST
from demos.generation.pixelcnn_layout import LARGEST_SIDE
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

    label, speaker: what is said and by whom, of what the prior lists; "" is a label that each seed draws, and anybody.
    With a guidance of 0 the prior is told nothing. seconds, guidance, steps: the prior's and sampler's own where not
    given. sampler: heun, sde, ddim, ddpm, fast or "". morph: two seeds such as "3,9"; the sounds lead from one to the
    other. Of WaveNets, which draw sample by sample: sampler: ancestral or ""; temperature: under 1 more careful;
    prime: an uploaded file that the sounds go on from, of which they are no part.
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
        heard = None if path is None else read_source(load(path, mixes=True), 0.0, None, None).clip
        return generate(replace(wish, prime=heard), settings=settings)

    return Asked(TASK, begin, generated_files)


def _generate_images(count=4, label="", prior="", seed=0, temperature=1.0, height=None, width=None) -> Asked:
    """Draws images with a PixelCNN: one PNG file for each, which says in its metadata what it can be made again with.

    label: what they show, of what the prior lists; "" is one that each seed draws. prior: "" takes pixelcnn-mnist.
    temperature: under 1 more careful. height, width: in pixels; the prior's own where not given.
    """
    number, whole = arguments.number, arguments.whole
    wish = ImageWish(
        count=whole("count", count, 4, 1, MOST_IMAGES),
        label=arguments.text("label", label) or None,
        temperature=number("temperature", temperature, 1.0, 0.0, HOTTEST),
        height=whole("height", height, None, 1, LARGEST_SIDE),
        width=whole("width", width, None, 1, LARGEST_SIDE),
    )
    settings = Settings(arguments.text("prior", prior) or FIRST, seed=whole("seed", seed, 0, 0, LARGEST_SEED))
    return Asked(TASK, partial(generate_images, wish, settings=settings), image_files)
