"""The section "Receptive field" of the generation tab: from a sample or a pixel, what each layer of a model sees."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np

from core.errors import InputError
from core.signal.image_files import read_image
from core.tasks.image_generation import ImageWish, generate_images
from core.tasks.receptive_field import look_at_image, look_at_sound
from core.tasks.settings import Settings
from demos.generation.field_view import field_view, image_payload, sound_payload
from demos.generation.layout import build_status, wavenets
from demos.generation.pixelcnn_layout import SUFFIXES, image_priors, loaded_prior
from demos.generation.sketch import Sketch, fitted
from demos.page import html, layout, menus
from demos.page.examples import SOUNDS
from demos.page.links import Shared
from demos.page.panel import accept
from demos.page.runner import APOLOGY
from demos.page.source import Loaded, load, read_source
from demos.page.toasts import warn

TITLE, SECTION = "Receptive field", "generate-field"
SENTENCE = "Shows what each layer can see when it predicts a sample of a sound or a pixel of an image."
LONGEST_SECONDS = 4.0
HOW = r"""
WaveNet and PixelCNN share one idea: the probability of the whole is a product of predictions, each from what came
before it, and **masked convolutions** make all of them at once. Nothing may see what it is to predict, or what comes
after it.

The pictures are not drawn from kernel sizes. At the place that you chose the channels $h_k$ of a layer $k$ are added up
with random weights $r$, and the sum is differentiated with respect to the input,

$$\Big|\, \frac{\partial\, r^\top h_k}{\partial x_i} \Big|,$$

in the trained network, on this sound or image. Where a layer cannot look, that is exactly zero and stays dark; where it
can, the colour says how much an input matters there, over six decades.

A **WaveNet**'s layers look back by 1, 2, 4, ... samples: each layer doubles what it sees, up to
$1 + \sum_k d_k$ for dilations $d_k$ and two taps. It starts again at 1 in the next stack, and sees further still.

A **PixelCNN** has two stacks: one sees the rows above, one what is to the left in the row, too, and is told what the
first one sees. Together they have no blind spot: what they see of each row is one piece. Each block sees further, but
for the near right: every block's upper stack begins a row higher, so of the row just above nothing beyond three
columns to the right is ever seen.

A. van den Oord et al.: *WaveNet*, 2016; *Conditional Image Generation with PixelCNN Decoders*, NeurIPS 2016.
"""
PLACEHOLDER = "Choose an example above: what each layer sees is drawn here, one after the other."
EXAMPLES = {
    "Piano, WaveNet": {"prior": "piano-16k-wavenet", "sound": "piano", "at": 1.05},
    "Voice, WaveNet": {"prior": "voice-16k-wavenet", "sound": "speech", "at": 1.3},
    "A digit, PixelCNN": {"prior": "pixelcnn-mnist", "row": 14, "column": 14},
}

log = logging.getLogger(__name__)


def build(concurrency: dict) -> Shared:
    """Makes the section in the current Blocks context; returns what of it stands in links."""
    models = [*wavenets(), *image_priors()]
    offered = _offered(models)
    ui, quiet = _build(models, list(offered)), {"show_progress": "hidden", "api_visibility": "private"}
    asked = [ui.prior, ui.loaded, ui.image, ui.at, ui.row, ui.column]
    shown = [ui.status, ui.view, ui.image]
    chosen = [*asked, ui.of_sounds, ui.of_images]
    for chip, example in zip(ui.chips, offered.items(), strict=True):
        begun = chip.click(_choose(*example), None, chosen, **quiet)
        begun.then(_look, asked, shown, trigger_mode="always_last", **quiet, **concurrency)
    doors = [ui.door.upload, ui.door.stop_recording]
    opened = gr.on(doors, _open_sound, [ui.door, ui.loaded], [ui.loaded, ui.door], **quiet)
    opened.then(_look, asked, shown, **quiet, **concurrency)
    opened = ui.open.upload(_open_image, [ui.open, ui.prior], ui.image, **quiet)
    opened.then(_look, asked, shown, **quiet, **concurrency)
    picked = ui.view.pick(_picked, None, [ui.at, ui.row, ui.column], queue=False, **quiet)
    picked.then(_look, asked, shown, trigger_mode="always_last", **quiet, **concurrency)
    ui.prior.change(_of_prior, ui.prior, [ui.of_sounds, ui.of_images, ui.about], **quiet)
    gr.on([ui.look.click], _look, asked, shown, trigger_mode="always_last", **quiet, **concurrency)

    def restore(label: str | None, settings: Mapping, request: gr.Request) -> dict:
        return dict(zip(chosen, _choose(label, offered[label])(), strict=True)) if label else {}

    settings = {name: getattr(ui, name) for name in ("prior", "at", "row", "column")}
    examples = {label: {k: v for k, v in choice.items() if k in settings} for label, choice in offered.items()}
    return Shared(SECTION, settings, examples, ui.chips, restore, set(chosen), [ui.door])


def _offered(models: Sequence[menus.Choice]) -> dict[str, dict[str, Any]]:
    """The examples whose model is here."""
    names = {choice.value for choice in models}
    return {label: example for label, example in EXAMPLES.items() if example["prior"] in names}


def _build(models: Sequence[menus.Choice], examples: Sequence[str]) -> SimpleNamespace:
    made: dict[str, Any] = {"chips": layout.build_lead(SENTENCE, examples)}
    made |= {name: gr.State(None, time_to_live=24 * 3600) for name in ("loaded", "image")}
    first = menus.first_of(models)
    pictures = _draws_images(first)
    with gr.Row(elem_classes="bench", equal_height=False):
        with gr.Column(scale=4, min_width=320, elem_classes="pane"):
            layout.build_heading(layout.INPUT)
            made["prior"] = menus.menu(models, first, "Model", min_width=160)
            with gr.Column(visible=not pictures, elem_classes="begun") as made["of_sounds"]:
                made["door"] = layout.build_door("Your sound")
                made["at"] = gr.Number(1.0, label="The sample at (s)", step=0.01)
            with gr.Column(visible=pictures, elem_classes="begun") as made["of_images"]:
                made["open"] = gr.UploadButton("Open an image", file_types=SUFFIXES, size="sm")
                with gr.Row():
                    made["row"] = gr.Number(14, label="Row, from 0", precision=0, min_width=96)
                    made["column"] = gr.Number(14, label="Column, from 0", precision=0, min_width=96)
            with gr.Row(elem_classes="actions"):
                made["look"] = gr.Button("Look", variant="primary", elem_classes="run")
        with gr.Column(scale=8, min_width=320, elem_classes="pane live"):
            layout.build_heading(layout.OUTPUT)
            made["status"] = build_status()
            made["view"] = field_view(PLACEHOLDER)
    made["about"] = layout.build_folds(HOW, layout.about_html(first))
    return SimpleNamespace(**made)


def _draws_images(prior: str | None) -> bool:
    return any(choice.value == prior for choice in image_priors())


def _choose(label: str, example: Mapping[str, Any]):
    def choose() -> tuple:
        sound = load(str(SOUNDS / f"{example['sound']}.flac"), label) if "sound" in example else gr.skip()
        places = (example.get(name, gr.skip()) for name in ("at", "row", "column"))
        pictures = "sound" not in example
        shown = gr.Column(visible=not pictures), gr.Column(visible=pictures)
        return example["prior"], sound, None, *places, *shown

    return choose


def _of_prior(prior: str | None) -> tuple:
    pictures = _draws_images(prior)
    return gr.Column(visible=not pictures), gr.Column(visible=pictures), layout.about_html(prior)


def _open_sound(path: str | None, held: Loaded | None) -> tuple:
    return accept(path, held, mixes=True)


def _open_image(path: str | None, prior: str | None):
    try:
        model = loaded_prior(prior)
        if model is None:
            raise InputError("There is no model of images here: train or import one, then reload the page.")
        return fitted(read_image(Path(path), 1)[0], model.size)
    except InputError as error:
        warn(str(error))
        return gr.skip()


def _picked(event: gr.EventData) -> tuple:
    """The place that was clicked, as the page sent it."""
    try:
        place = [float(part) for part in event.place]
        if len(place) == 1:
            return round(place[0], 6), gr.skip(), gr.skip()
        row, column = map(int, place)
        return gr.skip(), row, column
    except (TypeError, ValueError, OverflowError):
        return (gr.skip(),) * 3


def _look(prior: str | None, loaded: Loaded | None, image: Sketch | None, at, row, column) -> Iterator[tuple]:
    """Yields what is seen, layer after layer."""
    try:
        if _draws_images(prior):
            yield from _look_at_image(prior, image, int(row or 0), int(column or 0))
        else:
            yield from _look_at_sound(prior, loaded, float(at or 0))
    except InputError as error:
        warn(str(error))
        yield html.status_html("idle", "Nothing to show"), gr.skip(), gr.skip()
    except Exception:
        log.exception("looking failed")
        warn(APOLOGY)
        yield html.status_html("idle", "Nothing to show"), gr.skip(), gr.skip()


def _look_at_sound(prior: str | None, loaded: Loaded | None, at: float) -> Iterator[tuple]:
    if not prior:
        raise InputError("There is no model for this here: train or import one, then reload the page.")
    source = read_source(loaded, 0.0, min(loaded.seconds, LONGEST_SECONDS) if loaded else None, None)
    look, sights = look_at_sound(source.clip, prior, at), []
    for sight in look.sights():
        sights.append(sight)
        yield _status(sight.layer, "running"), sound_payload(look, sights), gr.skip()
    seen = int((sights[-1].weight > 0).sum())
    said = f"{seen:,} samples are seen, {1000 * seen / look.clip.sample_rate:.0f} ms"
    yield _status(said, "done"), gr.skip(), gr.skip()


def _look_at_image(prior: str, image: Sketch | None, row: int, column: int) -> Iterator[tuple]:
    model = loaded_prior(prior)
    if model is None:
        raise InputError(f"The model {prior} cannot be loaded here; choose another one.")
    pixels = _drawn(prior, model.size) if image is None else image
    grey = np.repeat(pixels.image[None], model.network.config.colours, axis=0)
    sights = []
    for sight in look_at_image(grey, model, row, column):
        sights.append(sight)
        yield _status(sight.layer, "running"), image_payload(grey, (row, column), sights), pixels
    seen = int((sights[-1].weight > 0).sum())
    yield _status(f"{seen} of {grey[0].size} pixels are seen", "done"), gr.skip(), gr.skip()


def _drawn(prior: str, size: tuple[int, int]) -> Sketch:
    """An image by the model itself, for a visitor who brings none."""
    *_, result = generate_images(ImageWish(1, height=size[0], width=size[1]), settings=Settings(prior))
    return Sketch.of(result.images["0000"].mean(axis=0))


def _status(text: str, state: str) -> str:
    return html.status_html(state, f"<b>{text}</b>", float(state == "done"))
