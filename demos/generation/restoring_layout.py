"""The widgets of the section "Restored images"; what they do is in `demos/generation/restoring.py`."""

from collections.abc import Sequence
from types import SimpleNamespace

import gradio as gr

from core.choices import parse_boxes
from core.tasks.image_chains import SAMPLERS
from core.tasks.image_restoration import Box
from core.zoo.families import IMAGES
from demos.generation.image_downloads import FILES, RESTORED_FORMATS
from demos.generation.layout import build_scrubber, build_status
from demos.generation.pictures import pictures
from demos.generation.pixelcnn_layout import SUFFIXES
from demos.generation.sketch import LARGEST_SIDE, Sketch, sketch
from demos.page import layout, menus, save_panel

INPAINT, SHARPEN, SEPARATE = "inpaint", "super-resolve", "separate"
KINDS = [("What is hidden", INPAINT), ("What lies between", SHARPEN), ("Two, overlaid", SEPARATE)]
BOXES = "14:28,0:28"  # the lower half of a digit
FACTORS = [("2x", 2), ("4x", 4)]
PLACEHOLDER = "What the sampler sees will appear here, step by step."
SMALL = (
    f'<p class="quiet">Images have up to {LARGEST_SIDE} pixels a side here; larger ones are made smaller, and grey.</p>'
)


def restoring_priors() -> list[menus.Choice]:
    """Those on offer that restore images."""
    return menus.model_choices(INPAINT, IMAGES)


def build(sentence: str, chips: Sequence[str], how: str, first: str, drawn: Sequence[Sketch]) -> SimpleNamespace:
    """Makes the widgets in the current Blocks context.

    Args:
        drawn: the two images that are there at first.
    """
    made = {"chips": layout.build_lead(sentence, list(chips))}
    with gr.Row(elem_classes="bench", equal_height=True):
        with gr.Column(scale=5, min_width=320, elem_classes="pane"):
            layout.build_heading(layout.INPUT)
            made |= _build_input(first, drawn)
        with gr.Column(scale=7, min_width=320, elem_classes="pane live"):
            layout.build_heading(layout.OUTPUT)
            made["status"] = build_status()
            made["grid"] = pictures(PLACEHOLDER)
            made["scrubber"] = build_scrubber("Steps so far")
            made["metrics"] = gr.HTML(elem_classes="figures")
            made["notes"] = gr.HTML()
            with gr.Column(elem_classes="taken"):
                made |= save_panel.build("Download both (ZIP)", RESTORED_FORMATS, FILES)
    made["about"] = layout.build_folds(how, layout.about_html(made["prior"].value))
    return SimpleNamespace(**made)


def _build_input(first: str, drawn: Sequence[Sketch]) -> dict:
    made = {"kind": gr.Radio(KINDS, value=INPAINT, label="What is sought", elem_classes="kinds")}
    made |= _build_image("", drawn[0], "Open an image", parse_boxes(BOXES))
    with gr.Column(visible=False, elem_classes="begun") as made["second_image"]:
        made |= _build_image("second_", drawn[1], "Open the second image")
    gr.HTML(SMALL)
    made["boxes"] = gr.Textbox(
        BOXES,
        label="Hidden (rows, columns)",
        placeholder=f"{BOXES}; 0:5,0:5",
        info="Typed, or dragged over the image with Hide; what is drawn there is the truth to compare with.",
    )
    made["factor"] = gr.Radio(FACTORS, value=2, label="Of every row and column is known one in", visible=False)
    priors = restoring_priors()
    with gr.Row(elem_classes="settings"):
        made["prior"] = menus.menu(priors, menus.first_of(priors, first), "Prior", min_width=160)
        made["quality"] = layout.build_quality(value="draft")
    made |= layout.build_actions()
    with gr.Accordion("Advanced", open=False, elem_classes="advanced"):
        made |= layout.build_advanced(SAMPLERS)
        made["small"] = gr.Checkbox(False, label="The image is all that is known: make it larger", visible=False)
    return made


def _build_image(name: str, drawn: Sketch, label: str, hidden: Sequence[Box] | None = None) -> dict:
    return {
        f"{name}sketch": sketch(drawn, hidden=hidden),
        f"{name}drawn": gr.State(drawn, time_to_live=24 * 3600),
        f"{name}open": gr.UploadButton(label, file_types=SUFFIXES, size="sm"),
    }
