"""The layout of the localization tab's widgets; their events are in `demos/tabs/localization.py`."""

from types import SimpleNamespace

import gradio as gr

from core.arrays.doa.counting import SURE
from core.arrays.geometry import ARRAYS
from core.tasks.localization import TASK
from demos.array import connecting, evaluation_charts
from demos.array.live_sources import EVERYWHERE, SIMULATED
from demos.array.polar import polar
from demos.array.room import FIRST_VOICES, NOISE, T60
from demos.array.room_plan import room_plan
from demos.page import html, layout, save_panel
from demos.page.menus import AUTOMATIC, Choice, menu, model_choices
from demos.page.scope import scope

ROOM, RECORDING, LIVE = "room", "recording", "live"
KINDS = [("Simulated room", ROOM), ("Recording", RECORDING), ("Live", LIVE)]
METHODS = [
    Choice(AUTOMATIC, "Automatic", "The cone search, where a separator fits the array."),
    Choice("cone", "Cone search", "Finds voices and takes them apart with a network; the best."),
    Choice("srp-phat", "SRP-PHAT", "For any array: voices are the peaks of a map, and are refined."),
    Choice("music", "MUSIC", "The same with a map that is sharp where there is little echo."),
]
MVDR, SUM = "mvdr", "sum"
BEAMS = [
    Choice(MVDR, "MVDR", "Keeps the direction and quietens everything else."),
    Choice(SUM, "Delay and sum", "Gentle: aligns the microphones and adds them."),
]
ARRAY_CHOICES = [
    Choice("respeaker-4", "ReSpeaker, 4 mics", "A ReSpeaker 4-Mic Array: a square, 6.5 cm across."),
    Choice("circle-6", "Ring of 6 mics", "Six microphones in a ring, 14.5 cm across."),
]
FIRST_ARRAY = "respeaker-4"
COUNTS = [("Automatic", AUTOMATIC), *((str(count), str(count)) for count in range(1, 9))]


def build(sentence: str, chips: list[str], how: str, about: str) -> SimpleNamespace:
    """Makes the widgets of the tab in the current Blocks context."""
    made = {"chips": layout.build_lead(sentence, chips)}
    with gr.Row(elem_classes="bench", equal_height=True):
        with gr.Column(scale=5, min_width=320, elem_classes="pane"):
            layout.build_heading(layout.INPUT)
            made |= _build_input()
        with gr.Column(scale=7, min_width=320, elem_classes="pane live"):
            layout.build_heading("Directions")
            made["status"] = gr.HTML(html.status_html("idle", "Ready"), elem_classes="status-line")
            made["polar"] = polar(ARRAYS[FIRST_ARRAY])
            made |= _build_certainty()
            waiting = "Click a direction in the circle: what comes from there is heard and seen here."
            made["beam"] = scope(placeholder=waiting, size="small", elem_classes="beam")
    made |= _build_results()
    made["about"] = layout.build_folds(how, about, lambda: made.update(_build_charts()))
    ui = SimpleNamespace(**made)
    given = {ui.kind, ui.voices, ui.t60, ui.noise, ui.loaded, ui.source, ui.array, ui.own}
    ui.sound_inputs = given | {ui.start, ui.length, ui.channels}
    ui.inputs = ui.sound_inputs | {ui.count, ui.method, ui.prior, ui.moving, ui.least}
    return ui


def _build_input() -> dict:
    made = {
        "voices": gr.State(FIRST_VOICES, time_to_live=24 * 3600),
        "loaded": gr.State(None, time_to_live=24 * 3600),
        "own": gr.State(None, time_to_live=24 * 3600),
        "kind": gr.Radio(KINDS, value=ROOM, label="What the array hears", show_label=False, container=False),
    }
    with gr.Column(elem_classes="input") as made["room_input"]:
        made["plan"] = room_plan(FIRST_VOICES)
        with gr.Row(elem_classes="settings"):
            made["t60"] = gr.Radio(list(T60), value="Living room", label="Reverberation", min_width=208)
            made["noise"] = gr.Radio(list(NOISE), value="Faint", label="Noise", min_width=176)
    with gr.Column(elem_classes="input", visible=False) as made["recording_input"]:
        made["upload_area"] = gr.Audio(
            sources=["upload"], type="filepath", label="Recording", show_label=False, elem_classes="door"
        )
    with gr.Column(elem_classes="input", visible=False) as made["live_input"]:
        made |= _build_live()
    with gr.Column(elem_classes="input") as made["sound"]:
        made["caption"] = gr.HTML(html.caption_html(), elem_classes="caption")
        made["scope"] = scope(placeholder="What microphone 0 hears will be here.", size="small")
    with gr.Row(elem_classes="settings"):
        made["array"] = menu(ARRAY_CHOICES, FIRST_ARRAY, "Array", min_width=128)
        made["count"] = gr.Dropdown(COUNTS, value=AUTOMATIC, label="How many voices", min_width=128)
    made |= layout.build_actions("Separate")
    return made | _build_advanced() | _build_check()


def _build_live() -> dict:
    made = {}
    with gr.Row(elem_classes="settings sources"):
        made["source"] = gr.Dropdown(EVERYWHERE, value=SIMULATED, label="Listen to", min_width=160, scale=4)
        made["refresh_sources"] = gr.Button("Look again", size="sm", min_width=96, scale=1)
    made["source_note"] = gr.HTML()
    made["command"] = gr.Textbox(
        label="Run this on the machine with the array",
        info="The token is yours alone, for two hours.",
        lines=3,
        interactive=False,
        visible=False,
        buttons=["copy"],
        elem_classes="command",
    )
    made["connect"] = connecting.build()
    return made


def _build_advanced() -> dict:
    made = {}
    with gr.Accordion("Advanced", open=False, elem_classes="advanced"):
        with gr.Row():
            made["method"] = menu(METHODS, AUTOMATIC, "Method", min_width=128)
            fitting = Choice(AUTOMATIC, "Automatic", "The one that was trained for the array.")
            made["prior"] = menu([fitting, *model_choices(TASK)], AUTOMATIC, "Separator", min_width=128)
            made["beamformer"] = menu(BEAMS, MVDR, "A clicked direction", min_width=128)
        with gr.Row():
            made["start"] = gr.Number(0.0, label="Start (s)", step=0.1, min_width=96)
            made["length"] = gr.Number(0.0, label="Length (s)", step=0.1, min_width=96)
            made["channels"] = gr.Textbox("", label="Channels", placeholder="such as 1,2,3,4", min_width=128)
        with gr.Row():
            made["moving"] = gr.Checkbox(False, label="Voices walk", min_width=128)
            made["own_array"] = gr.UploadButton("Open an array (JSON)", file_types=[".json"], size="md", min_width=160)
    return made


def _build_check() -> dict:
    made = {"tapping": gr.State(None), "clock": gr.Timer(0.5, active=False)}
    with gr.Accordion("Are the channels right?", open=False, elem_classes="advanced"):
        gr.HTML(
            '<p class="quiet">Levels need a few seconds of any sound. For the order, tap microphone 0, 1, 2, … once '
            "each, a second apart: while you listen live, or in a recording of it.</p>"
        )
        with gr.Row(elem_classes="actions"):
            made["check_levels"] = gr.Button("Check levels", min_width=96)
            made["check_order"] = gr.Button("Check order", min_width=96)
        made["checked"] = gr.HTML()
    return made


def _build_certainty() -> dict:
    """How sure it must be that something is a voice, and what that comes to."""
    with gr.Column(elem_classes="certainty"):
        least = gr.Slider(
            0,
            100,
            value=round(100 * SURE),
            step=1,
            label="How sure it must be (%)",
            info="More gives fewer voices, and fewer that are none.",
            buttons=[],
        )
        return {"found": gr.State(None, time_to_live=24 * 3600), "least": least, "certainty": gr.HTML()}


def _build_charts() -> dict:
    """What was measured with the array."""
    array = ARRAYS[FIRST_ARRAY]
    measured = gr.HTML(evaluation_charts.caption_html(array))
    with gr.Row(elem_classes="charts", visible=evaluation_charts.is_measured(array)) as row:
        charts = {
            figure: gr.Plot(
                evaluation_charts.chart(array, figure),
                label=title,
                show_label=False,
                container=False,
                min_width=240,
                elem_classes="ladder",
            )
            for figure, title in evaluation_charts.PANELS.items()
        }
    return {"measured": measured, "charts_row": row, "charts": charts}


def _build_results() -> dict:
    with gr.Column(elem_id=html.results_id(TASK), elem_classes="pane after around"):
        gr.HTML('<h2 class="section">Voices</h2>')
        with gr.Row(equal_height=False):
            with gr.Column(scale=7, min_width=320):
                made = {"stems": scope(size="stacked")}
            with gr.Column(scale=5, min_width=288, elem_classes="figures"):
                made["metrics"], made["notes"] = gr.HTML(), gr.HTML()
                made |= save_panel.build("Download voices (ZIP)")
    with gr.Column(elem_classes="pane after around"):
        gr.HTML('<h2 class="section">Compare</h2>')
        made["compare"] = scope(size="large")
    return made
