"""What the sections of the generation tab share: a section's folds, its slider back through the run, its menu of
names."""

from collections.abc import Sequence

import gradio as gr
from gradio.components import Component

from core.tasks.generation import TASK, spoken
from core.zoo.families import SAMPLE_BY_SAMPLE
from demos.page import html, menus

NOTHING = "Anything"


def wavenets() -> list[menus.Choice]:
    """Those on offer that draw sound from its own past."""
    return menus.model_choices(TASK, architectures=SAMPLE_BY_SAMPLE)


def build_status() -> gr.HTML:
    return gr.HTML(html.status_html("idle", "Ready"), elem_classes="status-line")


def build_scrubber(label: str) -> gr.Slider:
    """Goes back through what was drawn."""
    return gr.Slider(
        1, 2, value=1, step=1, label=label, visible=False, interactive=True, buttons=[], elem_classes="scrubber"
    )


def names_menu(names: Sequence[str], chosen: str | None, **options) -> Component:
    """A menu of what a model can be told; hidden where it can be told nothing."""
    choices = [(NOTHING, ""), *((spoken(name), name) for name in names)]
    value = chosen if chosen in names else ""
    return gr.Dropdown(choices, value=value, visible=bool(names), allow_custom_value=True, **options)
