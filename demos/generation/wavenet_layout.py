"""The widgets of the section "WaveNet"; what they do is in `demos/generation/wavenet.py`."""

from collections.abc import Sequence
from types import SimpleNamespace

import gradio as gr

from core import zoo
from core.errors import InputError
from core.tasks.sample_by_sample import HOTTEST
from demos.generation import surprise
from demos.generation.layout import build_scrubber, build_status, names_menu, wavenets
from demos.page import layout, menus, save_panel
from demos.page.scope import scope

LONGEST_SECONDS = 10.0
WELCOME = "Record or choose a sound that is to be gone on from. Without one the WaveNet begins in silence."
PLACEHOLDER = "Sound will be heard here while it is drawn, sample by sample."


def build(sentence: str, chips: Sequence[str], how: str, first: str) -> SimpleNamespace:
    """Makes the widgets in the current Blocks context."""
    made = {"chips": layout.build_lead(sentence, list(chips)), "loaded": gr.State(None, time_to_live=24 * 3600)}
    with gr.Row(elem_classes="bench", equal_height=True):
        with gr.Column(scale=5, min_width=320, elem_classes="pane"):
            layout.build_heading(layout.INPUT)
            made |= _build_input(first)
        with gr.Column(scale=7, min_width=320, elem_classes="pane live"):
            layout.build_heading(layout.OUTPUT)
            made["status"] = build_status()
            made["monitor"] = scope(placeholder=PLACEHOLDER, size="large")
            made["curve"] = gr.Plot(
                surprise.waiting(), label="Surprise over time", show_label=False, container=False, elem_classes="ladder"
            )
            made["scrubber"] = build_scrubber("So far")
            made["notes"] = gr.HTML()
            with gr.Column(elem_classes="taken"):
                made |= save_panel.build("Download both (ZIP)")
    made["about"] = layout.build_folds(how, layout.about_html(made["prior"].value))
    return SimpleNamespace(**made)


def _build_input(first: str) -> dict:
    made = {"prime": scope(placeholder=WELCOME, size="small"), "door": layout.build_door("A sound to be gone on from")}
    made["forget"] = gr.Button("Begin in silence", size="sm", visible=False)
    models = wavenets()
    with gr.Row(elem_classes="settings"):
        made["prior"] = menus.menu(models, menus.first_of(models, first), "Model", min_width=160)
        made["label"] = names_menu(names_of(made["prior"].value), None, label="Who speaks", min_width=128)
    made["seconds"] = gr.Slider(0.5, LONGEST_SECONDS, value=4, step=0.5, label="Seconds")
    made["temperature"] = gr.Slider(0, HOTTEST, value=1, step=0.05, label="Temperature (under 1: more careful)")
    made["seed"] = gr.Number(0, label="Seed", precision=0, min_width=96)
    made |= layout.build_actions()
    with gr.Accordion("Advanced", open=False, elem_classes="advanced"):
        made["onward"] = gr.Number(0.0, label="Go on from (s of the recording; 0: its end)", step=0.1)
    return made


def names_of(prior: str | None) -> Sequence[str]:
    """What a WaveNet can be told; nothing where it cannot be loaded, as Run will say."""
    try:
        return zoo.load(prior).labels if prior else ()
    except InputError:
        return ()
