"""The sections of the generation tab, tabs within it: sounds out of noise, WaveNet, PixelCNN, the receptive field."""

from collections.abc import Sequence

import gradio as gr

from demos.generation import wavenet
from demos.page.history import Histories
from demos.page.links import Shared
from demos.tabs import generation

SOUNDS = "Sounds"


def build(histories: Histories) -> tuple[gr.Tabs, Sequence[Shared]]:
    """Makes them in the current Blocks context; returns the tabs and what of each stands in links."""
    with gr.Tabs(elem_classes="sections") as sections:
        with gr.Tab(SOUNDS, id=generation.TASK):
            shared = [generation.GenerationPanel(histories).shared]
        with gr.Tab(wavenet.TITLE, id=wavenet.SECTION):
            shared.append(wavenet.WaveNetPanel(histories).shared)
    return sections, shared
