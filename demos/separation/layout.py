"""The widgets of the separation tab, and which of them are seen; their events are in `demos/tabs/separation.py`."""

from collections.abc import Sequence
from types import SimpleNamespace

import gradio as gr
from gradio.components import Component

from core.choices import LATENT, WAVEFORM
from core.tasks import latent_separation
from core.tasks.separation import DEFAULT_PRIORS, TASK
from core.zoo.families import CODE_PRIOR, PRIOR
from demos.page import html, layout, menus
from demos.page.scope import scope
from demos.separation.examples import MIXTURE, SOURCES
from demos.separation.streams import UNSEEN, code_streams

INPUTS = [("One mixture", MIXTURE), ("Two sounds, mixed here", SOURCES)]
NOBODY = "none"
ESTIMATES, CHAINS = "Estimates", "Chains"
MOST_SAMPLES = 32  # of the posterior among codes
FIRST, SECOND, THIRD = "First source", "Second source", "Third source"
METHODS = [
    menus.Choice(WAVEFORM, "As waveforms", "Reverse diffusion of any sources that have a prior of sound."),
    menus.Choice(LATENT, "As codes", "Bayesian inference among the codes of an LQ-VAE: two sources, several samples."),
]
FORMS = [
    menus.Choice("", "Automatic", "Shared, where the priors can look at mixtures."),
    menus.Choice("shared", "Shared", "The priors look at the mixture: the best for those that can."),
    menus.Choice("exact", "Exact", "The last source is what the others leave; for any priors."),
    menus.Choice("soft", "Soft", "A pull towards the mixture, as in the original."),
]


def code_priors() -> list[menus.Choice]:
    """The priors of codes that are here."""
    return menus.model_choices(TASK, CODE_PRIOR)


def build(sentence: str, chips: Sequence[str], how: str) -> SimpleNamespace:
    """Makes the widgets of the tab in the current Blocks context."""
    made = {"chips": layout.build_lead(sentence, chips)}
    with gr.Row(elem_classes="bench", equal_height=True):
        with gr.Column(scale=5, min_width=320, elem_classes="pane"):
            layout.build_heading(layout.INPUT)
            made |= _build_input()
        with gr.Column(scale=7, min_width=320, elem_classes="pane live"):
            layout.build_heading(layout.OUTPUT)
            made |= layout.build_output("stacked")
            made["streams"] = code_streams()
    made |= layout.build_comparison(TASK, "Download stems (ZIP)")
    made["about"] = layout.build_folds(how, about_html(*(prior.value for prior in made["priors"])))
    ui = SimpleNamespace(**made)
    settings = {ui.quality, ui.seed, ui.sampler, ui.steps, ui.form, ui.heard, ui.start, ui.length}
    asked = {ui.method, ui.samples, *ui.priors, *ui.code_priors}
    ui.inputs = {ui.kind, ui.first, ui.second, ui.level} | settings | asked
    return ui


def _build_input() -> dict:
    made = {"first": gr.State(None, time_to_live=24 * 3600), "second": gr.State(None, time_to_live=24 * 3600)}
    made["caption"] = gr.HTML(html.caption_html(), elem_classes="caption")
    made["scope"] = scope(placeholder="Choose an example above, or bring your own.", size="small")
    made |= layout.build_part()
    made["kind"] = gr.Radio(INPUTS, value=MIXTURE, label="Your sound", info="Mixed here, the truth is known.")
    made["door"] = layout.build_door("Mixture, or first sound")
    made["second_door"] = gr.Audio(
        sources=["upload", "microphone"],
        type="filepath",
        label="Second sound",
        show_label=False,
        visible=False,
        elem_classes="door",
    )
    made["level"] = gr.Slider(-20, 20, value=0, step=1, label="Second sound louder by (dB)", visible=False)
    made |= _build_method() | layout.build_actions()
    with gr.Accordion("Advanced", open=False, elem_classes="advanced"):
        made |= layout.build_advanced()
        with gr.Row():
            made["form"] = menus.menu(FORMS, "", "The mixture", min_width=128)
            made["heard"] = gr.Dropdown([ESTIMATES, CHAINS], value=ESTIMATES, label="What is shown", min_width=128)
    return made


def _build_method() -> dict:
    """How sources are drawn, and what each way asks for."""
    models, of_codes = menus.model_choices(TASK, PRIOR), code_priors()
    made = {"method": menus.menu(METHODS, WAVEFORM, "How sources are drawn", visible=bool(of_codes))}
    with gr.Row(elem_classes="settings") as row:
        priors = [_prior_menu(models, name, label) for name, label in zip(DEFAULT_PRIORS, (FIRST, SECOND), strict=True)]
        nobody = menus.Choice(NOBODY, "None", "The mixture is of two.")
        priors.append(menus.menu([nobody, *models], NOBODY, THIRD, min_width=128))
    with gr.Row(elem_classes="settings", visible=False) as code_row:
        names = zip(latent_separation.DEFAULT_PRIORS, (FIRST, SECOND), strict=True)
        code_menus = [_prior_menu(of_codes, name, label) for name, label in names]
    samples = gr.Slider(
        1, MOST_SAMPLES, value=latent_separation.SAMPLES, step=1, label="Samples of the posterior", visible=False
    )
    made |= {"priors": priors, "row": row, "code_priors": code_menus, "code_row": code_row, "samples": samples}
    return made | {"quality": layout.build_quality()}


def _prior_menu(models: Sequence[menus.Choice], name: str, label: str) -> gr.Dropdown:
    return menus.menu(models, menus.first_of(models, name), label, min_width=128)


def priors_of(ui: SimpleNamespace, method: str) -> list[gr.Dropdown]:
    """The menus of the sources' priors."""
    return ui.code_priors if method == LATENT else ui.priors


def by_method(ui: SimpleNamespace) -> set[Component]:
    """What `chosen_method` changes."""
    return {ui.row, ui.quality, ui.sampler, ui.steps, ui.form, ui.code_row, ui.samples}


def chosen_method(ui: SimpleNamespace, method: str) -> dict:
    """The settings of a method are seen, those of the other one are not."""
    of_codes = {ui.code_row, ui.samples}
    return {widget: gr.update(visible=(method == LATENT) == (widget in of_codes)) for widget in by_method(ui)}


def views(ui: SimpleNamespace) -> set[Component]:
    """What `viewed` changes."""
    return {ui.streams, ui.ladder, ui.legend}


def viewed(ui: SimpleNamespace, method: str) -> dict:
    """What is seen under the monitor: code streams, or the noise ladder."""
    of_codes = method == LATENT
    seen = dict.fromkeys((ui.ladder, ui.legend), gr.update(visible=not of_codes))
    return seen | {ui.streams: gr.update(visible=True if of_codes else UNSEEN)}


def chosen_kind(kind: str) -> tuple[gr.Audio, gr.Slider]:
    """The second door and the level, seen where two sounds are mixed."""
    return gr.Audio(visible=kind == SOURCES), gr.Slider(visible=kind == SOURCES)


def about_html(*names: str | None) -> str:
    """The cards of the priors."""
    return "".join(layout.about_html(name) for name in dict.fromkeys(names) if name and name != NOBODY)
