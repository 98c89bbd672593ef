"""Where the widgets of a tab stand. What they do is in `demos/page/restoration_panel.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.components import Component

from core import zoo
from core.choices import SAMPLERS
from core.errors import InputError
from demos.page import html, menus, plots, save_panel
from demos.page.kept import MOST_KEPT
from demos.page.scope import scope
from demos.page.tab import RestorationTab

KEEP = "Keep for the next run"
QUALITIES = [("Draft", "draft"), ("Standard", "standard"), ("Fine", "fine")]
INPUT, OUTPUT = "Input", "Output"
WATCH = "What the sampler hears will appear here, step by step."
LISTEN = "What is made will be seen here, and heard while it is made."
LADDER = (
    "<b>Noise level</b>: how much noise the sampler still hears, less and less to the right. <b>Residual</b>: how far "
    "its estimate is from what was measured, before that is put back; low where both agree. <b>Log-probability</b>, of "
    "WaveNets alone: how likely the prior finds what it hears."
)
FORMULAS = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "$", "right": "$", "display": False},
]


@dataclass
class Widgets:
    """Everything on a tab that events speak of; `choices` and `further` are the tab's own widgets by name."""

    chips: list[gr.Button]
    loaded: gr.State
    door: gr.Audio
    caption: gr.HTML
    scope: gr.HTML
    choices: dict[str, Component]
    prior: gr.Dropdown
    quality: gr.Radio
    run: gr.Button
    stop: gr.Button
    start: gr.Number
    length: gr.Number
    seed: gr.Number
    sampler: gr.Dropdown
    steps: gr.Number
    reference: gr.Audio
    status: gr.HTML
    monitor: gr.HTML
    ladder: gr.Plot
    legend: gr.HTML
    scrubber: gr.Slider
    compare: gr.HTML
    metrics: gr.HTML
    notes: gr.HTML
    made: gr.State
    format: gr.Dropdown
    download: gr.DownloadButton
    report: gr.DownloadButton
    keep: gr.Button
    drops: list[gr.Button]
    about: gr.HTML
    further: dict[str, Component]

    @property
    def inputs(self) -> set[Component]:
        """What a run reads."""
        shared = {self.loaded, self.start, self.length, self.reference, self.prior, self.quality, self.seed}
        return shared | {self.sampler, self.steps} | set(self.choices.values())


def build(tab: RestorationTab) -> Widgets:
    """Makes the widgets of a tab in the current Blocks context."""
    chips = build_lead(tab.sentence, [example.label for example in tab.examples])
    with gr.Row(elem_classes="bench", equal_height=True):
        with gr.Column(scale=5, min_width=320, elem_classes="pane"):
            build_heading(INPUT)
            given = _build_input(tab)
        with gr.Column(scale=7, min_width=320, elem_classes="pane live"):
            build_heading(OUTPUT)
            shown = build_output(samples=tab.samples)
            under = tab.build_under()
    further = under | tab.build_between()
    compared = build_comparison(tab.task, tab.archive, keeps=True, samples=tab.samples)
    about = build_folds(tab.how, about_html(given["prior"].value))
    return Widgets(chips=chips, about=about, further=further, **given, **shown, **compared)


def build_lead(sentence: str, labels: Sequence[str]) -> list[gr.Button]:
    """The sentence that says what a tab does, and the row of its example chips."""
    with gr.Row(elem_classes="lead"):
        gr.HTML(f'<p class="sentence">{escape(sentence)}</p>')
        with gr.Row(elem_classes="chips"):
            return [gr.Button(label, size="sm", min_width=0, elem_classes="chip") for label in labels]


def build_heading(text: str) -> None:
    """A heading for those who find their way by them; the eye sees what it heads."""
    gr.HTML(f"<h2>{escape(text)}</h2>", elem_classes="unseen")


def build_folds(how: str, about: str, build_figures: Callable[[], None] | None = None) -> gr.HTML:
    """The folds at the end; returns the model's card.

    Args:
        build_figures: makes what stands under the words on how it works.
    """
    with gr.Row(elem_classes="folds"):
        with gr.Accordion("How it works", open=False):
            gr.Markdown(how, latex_delimiters=FORMULAS, elem_classes="how")
            if build_figures:
                build_figures()
        with gr.Accordion("About this model", open=False):
            return gr.HTML(about)


def build_door(label: str) -> gr.Audio:
    """Where a sound comes in."""
    return gr.Audio(
        sources=["upload", "microphone"], type="filepath", label=label, show_label=False, elem_classes="door"
    )


def _build_input(tab: RestorationTab) -> dict:
    made = {"loaded": gr.State(None, time_to_live=24 * 3600)}
    made["caption"] = gr.HTML(html.caption_html(), elem_classes="caption")
    hint = "Drag over the waveform to mark a gap." if tab.selects else ""
    welcome = f"Choose an example above, or bring your own. {hint}"
    made["scope"] = scope(placeholder=welcome, size="small", selectable=tab.selects, cuts=tab.cuts)
    made |= build_part()
    made["door"] = build_door("Your sound")
    choices = tab.build_choices()
    priors = menus.model_choices(tab.task)
    with gr.Row(elem_classes="settings"):
        made["prior"] = menus.menu(priors, menus.first_of(priors, tab.prior), "Prior", min_width=160)
        made["quality"] = build_quality(tab.samples)
    made |= build_actions()
    with gr.Accordion("Advanced", open=False, elem_classes="advanced"):
        made |= build_advanced(tab.samplers, tab.samples)
        reference = '<p class="quiet">Reference: the sound as it should be, for the figures</p>'
        gr.HTML(reference, visible=tab.samples)
        made["reference"] = gr.Audio(
            sources=["upload"],
            type="filepath",
            label="Reference",
            show_label=False,
            visible=tab.samples,
            elem_classes="door",
        )
        choices |= tab.build_more()
    return made | {"choices": choices}


def build_quality(visible: bool = True, value: str = "standard") -> gr.Radio:
    return gr.Radio(QUALITIES, value=value, label="Quality", min_width=200, visible=visible)


def build_actions(label: str = "Run") -> dict:
    """Run, or whatever the label says, and Stop."""
    with gr.Row(elem_classes="actions"):
        return {
            "run": gr.Button(label, variant="primary", min_width=96, elem_classes="run"),
            "stop": gr.Button("Stop", interactive=False, min_width=96, elem_classes="stop"),
        }


def build_part() -> dict:
    """The part that is worked on as numbers, beside the player that it is dragged on.

    Numbers have no bounds here: what is out of them gets its sentence from the task, not Gradio's.
    """
    with gr.Row(elem_classes="part"):
        return {
            "start": gr.Number(0.0, label="Start (s)", step=0.1, min_width=96),
            "length": gr.Number(0.0, label="Length (s)", step=0.1, min_width=96),
        }


def chosen_part(event: gr.EventData) -> tuple[float, float]:
    """Start and length of the part that was dragged on a player."""
    return round(event.start, 3), round(event.length, 3)


def build_advanced(samplers: Sequence[str] = SAMPLERS, samples: bool = True) -> dict:
    """What hardly anybody changes; its numbers as those of `build_part`. samples: see `RestorationTab`."""
    of_chains = {"min_width": 128, "visible": samples}
    with gr.Row():
        return {
            "seed": gr.Number(0, label="Seed", precision=0, min_width=96),
            "sampler": menus.menu(menus.sampler_choices(samplers), menus.AUTOMATIC, "Sampler", **of_chains),
            "steps": gr.Number(0, label="Steps (0: by quality)", precision=0, **of_chains),
        }


def build_output(size: str = "large", samples: bool = True) -> dict:
    """What is alive while a run goes on. size: of the monitor, see `scope`; samples: see `RestorationTab`."""
    status = gr.HTML(html.status_html("idle", "Ready"), elem_classes="status-line")
    waiting = (
        "What the sampler hears will appear here, step by step." if samples else "What is made will be heard here."
    )
    monitor = scope(placeholder=waiting, size=size, loop=samples)
    ladder = gr.Plot(
        plots.ladder_figure([], [], []),
        label="Noise ladder",
        show_label=False,
        container=False,
        visible=samples,
        elem_classes="ladder",
    )
    legend = gr.HTML(f'<p class="quiet">{LADDER}</p>', visible=samples)
    scrubber = gr.Slider(
        1, 2, value=1, step=1, label="Iterate", visible=False, interactive=True, buttons=[], elem_classes="scrubber"
    )
    return {"status": status, "monitor": monitor, "ladder": ladder, "legend": legend, "scrubber": scrubber}


def build_comparison(task: str, archive: str = "", *, keeps: bool = False, samples: bool = True) -> dict:
    """What there is after a run of a task.

    Args:
        archive: is on the button where there are several sounds.
        keeps: whether results can be kept for the next runs.
        samples: see `RestorationTab`.
    """
    with gr.Column(elem_id=html.results_id(task), elem_classes="pane after"):
        gr.HTML('<h2 class="section">Compare</h2>')
        with gr.Row(equal_height=False):
            with gr.Column(scale=7, min_width=320):
                compare = scope(size="large", loop=False)
            with gr.Column(scale=5, min_width=288, elem_classes="figures"):
                metrics = gr.HTML()
                notes = gr.HTML()
                taken = save_panel.build(archive)
                shelf = _build_shelf(samples) if keeps else {}
    return {"compare": compare, "metrics": metrics, "notes": notes, **taken, **shelf}


def _build_shelf(visible: bool) -> dict:
    """To keep a result, and to drop each of those that are kept."""
    with gr.Row(elem_classes="shelf", visible=visible):
        return {
            "keep": gr.Button(KEEP, size="sm", min_width=0),
            "drops": [gr.Button("", size="sm", min_width=0, visible=False) for _ in range(MOST_KEPT)],
        }


def about_html(name: str | None) -> str:
    """A model's card from its manifest entry."""
    try:
        entry = next((entry for entry in zoo.catalogue() if entry.name == name), None)
        if entry is not None:
            return html.card_html(zoo.summary(entry))
    except InputError as error:
        return f'<p class="quiet">{escape(str(error))}</p>'
    return '<p class="quiet">There is no model for this task yet: train or import one, then reload the page.</p>'
