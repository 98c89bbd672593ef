"""The prior inspector: shows what a prior expects of a sound, moment by moment and at any noise level."""

import logging
import uuid
from collections.abc import Mapping
from html import escape
from types import SimpleNamespace

import gradio as gr

from core.errors import InputError
from core.tasks.inspection import LONGEST_SECONDS, Prediction, inspect, over_levels, rungs
from core.zoo.families import PRIOR
from demos.page import html, layout, menus
from demos.page.examples import SOUNDS
from demos.page.links import Shared
from demos.page.panel import accept
from demos.page.runner import APOLOGY
from demos.page.sampling_panel import LARGEST_SEED
from demos.page.scope import Track, View, payload, scope
from demos.page.source import Loaded, load, read_source
from demos.page.toasts import warn
from demos.tabs import inspector_plots

TITLE, TASK = "Prior inspector", "inspect"
SENTENCE = "Shows what a prior expects of your sound, moment by moment, and how that changes with the noise it hears."
EXAMPLES = {
    "Piano, WaveNet": ("piano", "piano-16k-wavenet", 1.05),
    "Voice, WaveNet": ("speech", "voice-16k-wavenet", 0.55),
    "Piano, spectral": ("piano", "piano-16k", 0.0),
    "Voice, spectral": ("speech", "voice-16k", 0.0),
}
FIRST_RUNG, MOST_RUNGS = 8, 24

HOW = r"""
A **WaveNet** writes the probability of a sound as a product over its samples, $p(x) = \prod_t p(x_t \mid x_{<t})$, each
factor a distribution over 256 classes: the heat map shows it for every moment of the window, the white line is the
class that came. The sample cost $-\log_2 p(x_t \mid x_{<t})$ bits; a good prior is seldom surprised. With noise of
standard deviation $\sigma$ (in classes) on its past it predicts the clean class more and more vaguely: this is the
ladder that Langevin dynamics climbs down.

A **spectral prior** hears the clean sound in the noise, $D(x) = \mathbb{E}[w \mid w + \sigma\epsilon = x]$. The heat
map is its filter's gain over time and frequency: what it takes for noise is dark. Its score is $(D(x) - x) / \sigma^2$
(Tweedie).
"""

log = logging.getLogger(__name__)


def build(concurrency: dict) -> Shared:
    """Makes the tab in the current Blocks context; returns what of it stands in links."""
    ui = _build()
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    shown = [ui.status, ui.scope, ui.heat, ui.time, ui.ladder, ui.about, ui.curve]
    asked = [ui.loaded, ui.prior, ui.rung, ui.start, ui.at, ui.seed, ui.curve]
    emptied = [ui.status, ui.scope, ui.heat, ui.time, ui.ladder]
    chosen = [ui.loaded, ui.prior, ui.start, ui.at, *emptied]
    for chip, example in zip(ui.chips, EXAMPLES.items(), strict=True):
        begun = chip.click(_choose(*example), None, chosen, **quiet)
        begun.then(_look, asked, shown, **quiet, **concurrency)
    doors = [ui.door.upload, ui.door.stop_recording]
    gr.on(doors, _open, [ui.door, ui.loaded], [ui.loaded, ui.door, *emptied], **quiet)
    triggers = [ui.look.click, ui.rung.input, ui.prior.input]
    gr.on(triggers, _look, asked, shown, trigger_mode="always_last", **quiet, **concurrency)

    def restore(label: str | None, settings: Mapping, request: gr.Request) -> dict:
        return dict(zip(chosen, _choose(label, EXAMPLES[label])(), strict=True)) if label else {}

    settings = {name: getattr(ui, name) for name in ("prior", "rung", "start", "at", "seed")}
    examples = {label: {"prior": prior, "start": 0.0, "at": at} for label, (_, prior, at) in EXAMPLES.items()}
    return Shared(TASK, settings, examples, ui.chips, restore, set(chosen), [ui.door])


def _build() -> SimpleNamespace:
    made = {"chips": layout.build_lead(SENTENCE, list(EXAMPLES)), "loaded": gr.State(None, time_to_live=24 * 3600)}
    made["curve"] = gr.State(None, time_to_live=24 * 3600)
    priors = menus.model_choices(kind=PRIOR)
    with gr.Row(elem_classes="bench", equal_height=True):
        with gr.Column(scale=4, min_width=320, elem_classes="pane"):
            layout.build_heading(layout.INPUT)
            made["scope"] = scope(placeholder="Choose an example above, or bring your own.", size="small")
            made["door"] = layout.build_door("Your sound")
            made["prior"] = menus.menu(priors, menus.first_of(priors), "Prior")
            made["rung"] = gr.Slider(1, MOST_RUNGS, value=FIRST_RUNG, step=1, label="Rung of the noise ladder")
            with gr.Row():
                made["start"] = gr.Number(0.0, label="Start (s)", step=0.1, min_width=88)
                made["at"] = gr.Number(0.0, label="Window at (s)", step=0.01, min_width=88)
                made["seed"] = gr.Number(0, label="Seed", precision=0, min_width=88)
            with gr.Row(elem_classes="actions"):
                made["look"] = gr.Button("Look", variant="primary", elem_classes="run")
        with gr.Column(scale=8, min_width=320, elem_classes="pane"):
            layout.build_heading(layout.OUTPUT)
            made["status"] = gr.HTML(html.status_html("idle", "Ready"), elem_classes="status-line")
            named = {
                "heat": "What the prior expects",
                "time": "Surprise over time",
                "ladder": "Surprise over the noise",
            }
            for (name, label), figure in zip(named.items(), inspector_plots.waiting(), strict=True):
                made[name] = gr.Plot(figure, label=label, show_label=False, container=False, elem_classes="ladder")
    made["about"] = layout.build_folds(HOW, layout.about_html(made["prior"].value))
    return SimpleNamespace(**made)


def _accept(path: str | None, held: Loaded | None) -> tuple:
    return accept(path, held, mixes=True)


def _choose(label: str, example: tuple[str, str, float]):
    sound, prior, at = example

    def choose():
        return load(str(SOUNDS / f"{sound}.flac"), label), prior, 0.0, at, *_emptied()

    return choose


def _open(path: str | None, held: Loaded | None):
    """What the door lets in; pictures of anything else go."""
    loaded, door = accept(path, held)
    unchanged = not path or loaded is held
    return loaded, door, *([gr.skip()] * 5 if unchanged else _emptied())


def _emptied() -> tuple:
    """Status, player and pictures before there is anything to see."""
    return html.status_html("idle", "Ready"), None, *inspector_plots.waiting()


def _look(loaded: Loaded | None, prior: str, rung: float, start: float, at: float, seed: float, known: tuple | None):
    """Yields the view at once, then the curve over the ladder as it grows.

    Args:
        known: the last curve that was finished, and what it is of: a move along the ladder leaves it as it is.
    """
    try:
        source = read_source(loaded, start, LONGEST_SECONDS, None)
        seed = min(max(int(seed or 0), 0), LARGEST_SEED)
        rung = min(int(rung), len(rungs(prior)))
        view = inspect(source.clip, prior, rung, start=max((at or 0.0) - source.start, 0.0), seed=seed)
        subject = (loaded, prior, start, seed)
        curve: list[tuple[float, float]] = list(known[1]) if known and known[0] == subject else []
        pictures = [inspector_plots.expectation(view, source.start), inspector_plots.over_time(view, source.start)]
        scope_value = payload(View(_tracks(view), uuid.uuid4().hex, offset=source.start))
        about = layout.about_html(prior)
        ladder = inspector_plots.over_ladder(curve, view)
        yield _status(view, loaded.name, "running"), scope_value, *pictures, ladder, about, gr.skip()
        for point in () if curve else over_levels(source.clip, prior, seed=seed):
            curve.append(point)
            ladder = inspector_plots.over_ladder(curve, view)
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), ladder, gr.skip(), gr.skip()
        yield _status(view, loaded.name, "done"), *(gr.skip(),) * 5, (subject, curve)
    except InputError as error:
        warn(str(error))
        yield html.status_html("idle", "Nothing to show"), *(gr.skip(),) * 6
    except Exception:
        log.exception("inspection failed")
        warn(APOLOGY)
        yield html.status_html("idle", "Nothing to show"), *(gr.skip(),) * 6


def _tracks(view) -> list[Track]:
    tracks = [Track("With noise", view.noisy), Track("Clean", view.clean)]
    return tracks if isinstance(view, Prediction) else [*tracks, Track("Estimate", view.estimate)]


def _status(view, name: str, state: str) -> str:
    unit = f"{view.figure:.2f} bits a sample" if isinstance(view, Prediction) else f"error {view.figure:.1f} dB"
    text = f"<b>{unit}</b><span>noise {view.level:.3g}</span><span>{escape(name)}</span>"
    return html.status_html(state, text, float(state == "done"))
