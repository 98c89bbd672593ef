"""The sections of the generation tab, tabs within it: sounds out of noise, WaveNet, PixelCNN, restored images, the
receptive field."""

from collections.abc import Sequence

import gradio as gr

from demos.generation import field, pixelcnn, restoring, wavenet
from demos.page.history import Histories
from demos.page.links import Shared
from demos.tabs import generation

SOUNDS = "Sounds"


def build(histories: Histories, concurrency: dict) -> tuple[gr.Tabs, Sequence[Shared]]:
    """Makes them in the current Blocks context; returns the tabs and what of each stands in links.

    Args:
        concurrency: of events that are looks, and wait for no run.
    """
    with gr.Tabs(elem_classes="sections", overflow_behavior="wrap") as sections:
        with gr.Tab(SOUNDS, id=generation.TASK):
            shared = [generation.GenerationPanel(histories).shared]
        with gr.Tab(wavenet.TITLE, id=wavenet.SECTION):
            shared.append(wavenet.WaveNetPanel(histories).shared)
        with gr.Tab(pixelcnn.TITLE, id=pixelcnn.SECTION):
            shared.append(pixelcnn.PixelCNNPanel(histories).shared)
        with gr.Tab(restoring.TITLE, id=restoring.SECTION):
            shared.append(restoring.RestoringPanel(histories).shared)
        with gr.Tab(field.TITLE, id=field.SECTION):
            shared.append(field.build(concurrency))
    return sections, shared
