"""The widgets of the section "PixelCNN"; what they do is in `demos/generation/pixelcnn.py`."""

from collections.abc import Sequence
from types import SimpleNamespace

import gradio as gr
import numpy as np

from core import zoo
from core.errors import InputError
from core.priors.pixelcnn import PixelCNNPrior
from core.tasks.generation import TASK
from core.tasks.image_generation import ImageWish
from core.tasks.sample_by_sample import HOTTEST
from core.zoo.families import IMAGES
from demos.generation.image_downloads import FILES, FORMATS
from demos.generation.layout import build_scrubber, build_status, names_menu
from demos.generation.pictures import pictures
from demos.generation.sketch import Sketch, sketch
from demos.page import layout, menus, save_panel

NEW, FINISH = "new", "finish"
KINDS = [("New images", NEW), ("Mine, finished", FINISH)]
MOST_IMAGES, LARGEST_SIDE = 36, 64
USUAL_SIZE = (28, 28)
PLACEHOLDER = "Images will appear here, row by row."
SUFFIXES = [".png", ".jpg", ".jpeg", ".bmp", ".webp"]


def image_priors() -> list[menus.Choice]:
    """Those on offer that draw images."""
    return menus.model_choices(TASK, IMAGES)


def loaded_prior(name: str | None) -> PixelCNNPrior | None:
    """The model of that name; None where it cannot be loaded, as Run will say."""
    try:
        return zoo.load_model(IMAGES, name, "cpu") if name else None
    except InputError:
        return None


def build(sentence: str, chips: Sequence[str], how: str, first: str) -> SimpleNamespace:
    """Makes the widgets in the current Blocks context."""
    made = {"chips": layout.build_lead(sentence, list(chips))}
    with gr.Row(elem_classes="bench", equal_height=True):
        with gr.Column(scale=4, min_width=320, elem_classes="pane"):
            layout.build_heading(layout.INPUT)
            made |= _build_input(first)
        with gr.Column(scale=8, min_width=320, elem_classes="pane live"):
            layout.build_heading(layout.OUTPUT)
            made["status"] = build_status()
            made["grid"] = pictures(PLACEHOLDER)
            made["scrubber"] = build_scrubber("Rows so far")
            made["notes"] = gr.HTML()
            with gr.Column(elem_classes="taken"):
                made |= save_panel.build("Download all (ZIP)", FORMATS, FILES)
    made["about"] = layout.build_folds(how, layout.about_html(made["prior"].value))
    return SimpleNamespace(**made)


def _build_input(first: str) -> dict:
    made = {"kind": gr.Radio(KINDS, value=NEW, label="What is drawn", elem_classes="kinds")}
    models = image_priors()
    prior = menus.first_of(models, first)
    model = loaded_prior(prior)
    size, labels = (model.size, model.labels) if model else (USUAL_SIZE, ())
    with gr.Row(elem_classes="settings"):
        made["prior"] = menus.menu(models, prior, "Model", min_width=160)
        made["label"] = names_menu(labels, None, label="What is shown", min_width=128)
    made["facts"] = gr.HTML(facts_html(model))
    with gr.Column(visible=False, elem_classes="begun") as made["begun"]:
        made["sketch"] = sketch(Sketch.of(np.zeros(size)), size[0] // 2)
        made["drawn"] = gr.State(None, time_to_live=24 * 3600)
        made["open"] = gr.UploadButton("Open an image", file_types=SUFFIXES, size="sm")
        made["rows"] = gr.Slider(1, size[0] - 1, value=size[0] // 2, step=1, label="Rows that are given")
    made["count"] = gr.Slider(1, MOST_IMAGES, value=16, step=1, label="How many")
    made["seed"] = gr.Number(0, label="Seed", precision=0, min_width=96)
    made |= layout.build_actions()
    with gr.Accordion("Advanced", open=False, elem_classes="advanced"):
        made["guidance"] = gr.Slider(0, 6, value=ImageWish.guidance, step=0.5, label="Guidance (over 1: plainer)")
        made["temperature"] = gr.Slider(0, HOTTEST, value=1, step=0.05, label="Temperature (under 1: more careful)")
        with gr.Row():
            made["height"] = gr.Number(0, label="Height (0: the model's)", precision=0, min_width=128)
            made["width"] = gr.Number(0, label="Width (0: the model's)", precision=0, min_width=128)
    return made


def facts_html(model: PixelCNNPrior | None) -> str:
    """What a model draws, in a line."""
    if model is None:
        return '<p class="quiet">There is no model of images here yet: train or import one, then reload the page.</p>'
    (height, width), config = model.size, model.network.config
    told = "told what it draws" if model.labels else "told nothing"
    colours = "" if config.colours == 1 else ", in colour"
    return f'<p class="quiet">{config.levels} levels, {height} x {width} pixels{colours}, {told}.</p>'
