"""The widgets of the generation tab; their events are in `demos/tabs/generation.py`."""

from collections.abc import Sequence
from types import SimpleNamespace

import gradio as gr
from gradio.components import Component

from core.choices import ANCESTRAL
from core.errors import InputError
from core.jobs import JOBS
from core.tasks.generation import SAMPLER, TASK, Wish, spoken
from core.tasks.loading import load_prior
from core.tasks.settings import Settings
from core.types import Prior
from demos.page import html, layout, menus, recordings, save_panel
from demos.page.sound_grid import sound_grid

SEVERAL, MORPH, STEPS = "several", "morph", "steps"
KINDS = [("Several", SEVERAL), ("Morph", MORPH), ("Steps", STEPS)]
MOST_COUNT = 12
CHAINS, ESTIMATES = "The chains, out of noise", "What the model makes of them"
PLACEHOLDER = "Sounds will emerge from noise here. A click on one plays it."


def build(sentence: str, chips: Sequence[str], how: str) -> SimpleNamespace:
    """Makes the widgets of the tab in the current Blocks context; `asked` are those of what is drawn, by name."""
    made = {"chips": layout.build_lead(sentence, list(chips))}
    with gr.Row(elem_classes="bench", equal_height=True):
        with gr.Column(scale=4, min_width=320, elem_classes="pane"):
            layout.build_heading(layout.INPUT)
            asked = _build_choices()
            made |= layout.build_actions() | _build_advanced(asked)
        with gr.Column(scale=8, min_width=320, elem_classes="pane live"):
            layout.build_heading(layout.OUTPUT)
            made |= _build_output()
    made["about"] = layout.build_folds(how, layout.about_html(asked["prior"].value))
    ui = SimpleNamespace(**made, **asked, asked=asked)
    ui.inputs = {*asked.values(), ui.heard}
    return ui


def _build_choices() -> dict[str, Component]:
    models = menus.model_choices(TASK)
    first = menus.first_of(models, JOBS[TASK].priors[0])
    model = _model(first)
    labels, speakers = (model.labels, model.speakers) if model else ((), ())
    told = {"allow_custom_value": True, "min_width": 128}
    made = {"kind": gr.Radio(KINDS, value=SEVERAL, label="What is drawn", elem_classes="kinds")}
    with gr.Row(elem_classes="settings"):
        made["prior"] = menus.menu(models, first, "Model", min_width=160)
        made["label"] = _names_menu(labels, None, "Anything", label="What is said", **told)
    made["count"] = gr.Slider(1, MOST_COUNT, value=4, step=1, label="How many")
    with gr.Row(elem_classes="settings"):
        made["seed"] = gr.Number(0, label="Seed", precision=0, min_width=96)
        made["second"] = gr.Number(9, label="To the seed", precision=0, min_width=96, visible=False)
    made["speaker"] = _names_menu(speakers, None, "Anybody", label="Who says it", render=False, **told)
    return made


def _build_advanced(asked: dict[str, Component]) -> dict[str, Component]:
    """Adds to what is asked; returns the rest."""
    wish = Wish()
    with gr.Accordion("Advanced", open=False, elem_classes="advanced"):
        with gr.Row():
            asked["sampler"] = menus.menu(menus.GENERATION_SAMPLERS, SAMPLER, "Sampler", min_width=128)
            asked["steps"] = gr.Number(0, label="Steps (0: the sampler's own)", precision=0, min_width=128)
        with gr.Row():
            asked["guidance"] = gr.Number(wish.guidance, label="Guidance (over 1: plainer)", step=0.1, min_width=128)
            asked["seconds"] = gr.Number(0.0, label="Seconds (0: the model's own)", step=0.1, min_width=128)
        with gr.Row():
            asked["speaker"].render()
            heard = gr.Dropdown([CHAINS, ESTIMATES], value=CHAINS, label="What is seen on the way", min_width=128)
    return {"heard": heard}


def _build_output() -> dict[str, Component]:
    made = {"status": gr.HTML(html.status_html("idle", "Ready"), elem_classes="status-line")}
    made["grid"] = sound_grid(PLACEHOLDER, recordings.recordings_folder() is not None)
    made["scrubber"] = gr.Slider(
        1, 2, value=1, step=1, label="Iterate", visible=False, interactive=True, buttons=[], elem_classes="scrubber"
    )
    made["notes"] = gr.HTML()
    with gr.Column(elem_classes="taken"):
        made |= save_panel.build("Download all (ZIP)")
    return made


def of_kind(kind: str):
    """What each kind can be asked."""
    return (
        gr.Slider(visible=kind != STEPS),
        gr.Number(visible=kind == MORPH),
        gr.Number(interactive=kind != STEPS),
    )


def of_prior(prior: str | None, label: str | None, speaker: str | None, sampler: str):
    """The names that a model can be told, how it is drawn from, and its card; what it knows as well stays."""
    model = _model(prior)
    labels, speakers = (model.labels, model.speakers) if model else ((), ())
    menus_of_names = _names_menu(labels, label, "Anything"), _names_menu(speakers, speaker, "Anybody")
    by_samples = model is not None and model.autoregressive
    suits = by_samples == (sampler == ANCESTRAL)
    way = gr.skip() if suits else gr.Dropdown(value=ANCESTRAL if by_samples else SAMPLER)
    return *menus_of_names, way, layout.about_html(prior)


def _names_menu(names: Sequence[str], chosen: str | None, nothing: str, **options) -> gr.Dropdown:
    """A menu of what a model can be told, or nothing of it; hidden where it can be told nothing."""
    choices = [(nothing, ""), *((spoken(name), name) for name in names)]
    value = chosen if chosen in names else ""
    return gr.Dropdown(choices, value=value, visible=bool(names), **options)


def _model(prior: str | None) -> Prior | None:
    """The model of that name; None where it cannot be loaded, as Run will say."""
    try:
        return load_prior(TASK, Settings(prior)) if prior else None
    except InputError:
        return None
