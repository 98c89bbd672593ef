"""The generation tab: sounds that nobody recorded emerge from noise, several at once, in a grid."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from core.jobs import JOBS
from core.signal.files import read_clip
from core.tasks.generation import (
    COMPARED_STEPS,
    TASK,
    Wish,
    generate,
    generate_at_steps,
    origin_of,
    origins,
    origins_at_steps,
    spoken,
)
from core.tasks.loading import load_prior
from core.tasks.progress import Mels, Progress, Result, Run, Sounds
from core.tasks.settings import Settings
from demos.page import html, menus, recordings, zero_gpu
from demos.page.downloads import Made, keep_generated
from demos.page.grid_panel import GridPanel
from demos.page.history import DrawnIterate, Histories, RunHistory
from demos.page.links import Shared
from demos.page.sampling_panel import checked_seed
from demos.page.sound_grid import GridView, nearest_payload, payload
from demos.page.stream import Throttle
from demos.page.toasts import warn
from demos.tabs.generation_layout import CHAINS, MORPH, SEVERAL, STEPS, build, of_kind, of_prior

TITLE = "Generation"
SENTENCE = "Dreams up sounds that nobody ever recorded, several at once, and lets you watch them emerge from noise."
LONGEST_SECONDS = 10.0
EMERGING_SHARE, HEARD_SHARE = 0.4, 0.2  # of a run's time: what showing it may take, and of that rendering sounds

HOW = r"""
A prior was shown sounds under noise of every strength, and learned to tell what is under it:
$D(x, \sigma) = \mathbb{E}[w \mid w + \sigma\epsilon = x]$. A sampler turns that around. It begins with noise alone,
and goes down a ladder of noise levels by

$$\frac{dx}{d\sigma} = \frac{x - D(x, \sigma)}{\sigma},$$

until no noise is left (Karras et al. 2022). **Heun** looks at each step twice; more steps follow the way more closely.
Each sound begins with noise of its own seed, so the same seed gives the same sound, and noise between that of two seeds
a sound between them: **Morph** turns from one to the other at constant speed.

The model knows what is said and by whom because it was told in training, most of the time. **Guidance** goes from what
it expects of any sound towards, and beyond, what it expects of the one that was asked for (Ho & Salimans 2022): over 1
sounds are plainer and more alike. Where anything may be said, each seed draws what; with a guidance of 0 the model is
told nothing.

Models of spectrograms draw no waveform. What they draw is seen here, and a vocoder plays it.

T. Karras et al.: *Elucidating the Design Space of Diffusion-Based Generative Models*, NeurIPS 2022. J. Ho, T. Salimans:
*Classifier-Free Diffusion Guidance*, 2022.
"""


@dataclass(frozen=True)
class GenerationExample:
    """A chip: one click draws these sounds."""

    label: str
    choices: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """What the chip sets, by name."""
        return {"kind": SEVERAL, "label": "", "count": 4, "seed": 0} | self.choices


EXAMPLES = (
    GenerationExample("Seven, four times", {"label": "7"}),
    GenerationExample("Any digits, six of them", {"count": 6}),
    GenerationExample("From one five to another", {"kind": MORPH, "label": "5", "count": 8, "seed": 3, "second": 9}),
    GenerationExample("A two in 6 to 200 steps", {"kind": STEPS, "label": "2"}),
)


@dataclass(frozen=True)
class Drawing:
    """What is drawn: one of the kinds, with what it takes."""

    kind: str
    wish: Wish
    settings: Settings

    def begin(self) -> Run:
        if self.kind == STEPS:
            return zero_gpu.run(generate_at_steps, COMPARED_STEPS, self.wish, settings=self.settings)
        return zero_gpu.run(generate, self.wish, settings=self.settings)

    @cached_property
    def origins(self) -> list[dict]:
        """What tells each sound from the others."""
        prior = load_prior(TASK, self.settings)
        if self.kind == STEPS:
            return origins_at_steps(COMPARED_STEPS, self.wish, self.settings, prior)
        return origins(self.wish, self.settings, prior)

    @property
    def names(self) -> list[str]:
        """What each sound is called on the page."""
        return [_called(origin, self.kind) for origin in self.origins]

    def origins_so_far(self, progress: Progress) -> list[dict]:
        """What is known of the sounds of a run that was stopped."""
        at = progress.iterate
        known = {"prior": self.settings.prior, "sampler": self.settings.sampler, "steps": at.total_steps}
        known |= {"label": self.wish.label, "speaker": self.wish.speaker, "guidance": self.wish.guidance}
        known |= {"stopped_at_step": at.step}
        return [known | origin for origin in self.origins]


@dataclass
class GridHistory(RunHistory):
    """Knows, too, what is drawn, and when its sounds are to be rendered again."""

    drawing: Drawing | None = None
    heard: Throttle = field(default_factory=lambda: Throttle(share=HEARD_SHARE))


class GenerationPanel(GridPanel):
    """The tab's widgets and what they do.

    Args:
        histories: hold the iterates of every session.
    """

    said_after_stop = "The run was stopped: this is what the model makes of the sounds so far."

    def __init__(self, histories: Histories):
        super().__init__(build(SENTENCE, [example.label for example in EXAMPLES], HOW), TASK, histories)
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        ui.kind.change(of_kind, ui.kind, [ui.count, ui.second, ui.steps], queue=False, **quiet)
        named = [ui.label, ui.speaker, ui.sampler]
        ui.prior.change(of_prior, [ui.prior, *named], [*named, ui.about], **quiet)
        set_by_chips = [
            chip.click(self._setter(example), None, self._chosen, queue=False, **quiet)
            for chip, example in zip(ui.chips, EXAMPLES, strict=True)
        ]
        self.wire_run(ui.inputs, [chosen.then for chosen in set_by_chips])
        ui.grid.nearest(self._nearest, ui.made, ui.grid, concurrency_limit=1, **quiet)

    # ---- what is asked for -------------------------------------------------------------------------------------

    @property
    def _chosen(self) -> set[Component]:
        """What an example sets."""
        ui = self.ui
        return {ui.kind, ui.label, ui.count, ui.seed, ui.second, ui.prior}

    @property
    def subject(self) -> Sequence[Component]:
        return []

    @property
    def shared(self) -> Shared:
        """What of the tab stands in links."""
        ui = self.ui
        names = ("kind", "prior", "label", "count", "seed", "second", "speaker", "guidance", "sampler", "steps")
        settings = {name: getattr(ui, name) for name in (*names, "seconds", "heard")}
        examples = {example.label: example.settings for example in EXAMPLES}
        return Shared(TASK, settings, examples, ui.chips, self._restore, self._chosen | {ui.speaker, ui.about})

    def _restore(self, label: str | None, settings: Mapping[Component, Any], request: gr.Request) -> dict:
        example = next((example for example in EXAMPLES if example.label == label), None)
        return self._setter(example)() if example else {}

    def _setter(self, example: GenerationExample):
        def choose() -> dict:
            ui = self.ui
            chosen = {getattr(ui, name): value for name, value in example.settings.items()}
            known = any(choice.value == JOBS[TASK].priors[0] for choice in menus.model_choices(TASK))
            return chosen | ({ui.prior: JOBS[TASK].priors[0]} if known else {})

        return choose

    def start(self, values: dict):
        drawing = read_drawing({name: values[widget] for name, widget in self.ui.asked.items()})
        history = GridHistory(uuid.uuid4().hex, None, chain=values[self.ui.heard] == CHAINS, keep=DrawnIterate.of)
        history.drawing = drawing
        return drawing.begin(), history, None

    # ---- what is shown -----------------------------------------------------------------------------------------

    def throttle(self) -> Throttle:
        return Throttle(share=EMERGING_SHARE)

    def moment(self, progress: Progress, history: GridHistory) -> dict:
        """Pictures at once; sounds when they are due again, from the second update on."""
        mels = progress.chain_mels if history.chain else progress.mels
        sounds: Sounds = {}
        if len(history.iterates) > 1 and history.heard.ready():
            began = history.heard.now()
            sounds = progress.chains if history.chain else progress.sounds
            history.heard.shown(began)
        return {self.ui.grid: _grid(history, mels, sounds)}

    def past(self, position: int, history: GridHistory) -> dict:
        progress = history.iterates[position].progress
        if history.chain:
            return {self.ui.grid: _grid(history, progress.make_chain_mels(), progress.make_chains())}
        return {self.ui.grid: _grid(history, progress.make_mels(), progress.make_sounds())}

    def conclude(self, result: Result, history: GridHistory, context: Any) -> dict:
        origins = [origin_of(result.report, name) for name in result.sounds]
        return {
            self.ui.status: html.result_html(result),
            self.ui.grid: _grid(history, history.last.mels, result.sounds, over=True),
            self.ui.notes: html.notes_html([*result.notes, _said_of_recordings()]),
            self.ui.made: keep_generated(result.sounds, origins, result.report),
        }

    def so_far(self, progress: Progress, history: GridHistory) -> dict:
        origins = history.drawing.origins_so_far(progress)[: len(progress.sounds)]
        return {
            self.ui.grid: _grid(history, progress.mels, progress.sounds, over=True),
            self.ui.made: keep_generated(progress.sounds, origins, None),
        }

    # ---- the nearest recordings --------------------------------------------------------------------------------

    def _nearest(self, made: Made | None, event: gr.EventData):
        """The recording nearest to a sound of the result."""
        folder, nothing = recordings.recordings_folder(), {"key": None, "asked": uuid.uuid4().hex}
        try:
            if made is None or folder is None:
                raise InputError("There is nothing to compare with any more: draw the sounds again.")
            _, path = made.sounds[int(event.number)]
            sound = read_clip(path).clip
            clips = recordings.training_clips(folder, sound.sample_rate)
            (nearest,) = clips.nearest([sound])
            said = recordings.said_of(nearest), recordings.said_of_usual(clips)
            return gr.update(nearest=nearest_payload(event.key, event.number, nearest.clip, *said))
        except InputError as error:
            warn(str(error))
            return gr.update(nearest=nothing)


def read_drawing(chosen: Mapping[str, Any]) -> Drawing:
    """What was chosen, by name, as it is drawn.

    Raises:
        InputError: a number that is out of range.
    """
    kind, seed = chosen["kind"], checked_seed(chosen["seed"])
    seconds = float(chosen["seconds"] or 0) or None
    if seconds is not None and seconds > LONGEST_SECONDS:
        raise InputError(f"Sounds can last up to {LONGEST_SECONDS:g} s here, not {seconds:g} s.")
    wish = Wish(
        count=int(chosen["count"] or 0),
        seconds=seconds,
        label=chosen["label"] or None,
        speaker=chosen["speaker"] or None,
        guidance=float(chosen["guidance"] or 0),
        morph=(seed, checked_seed(chosen["second"])) if kind == MORPH else None,
    )
    if not chosen["prior"]:
        raise InputError("There is no model for this task here: train or import one, then reload the page.")
    steps = int(chosen["steps"]) if chosen["steps"] else None
    return Drawing(kind, wish, Settings(chosen["prior"], sampler=chosen["sampler"], steps=steps, seed=seed))


def _called(origin: Mapping, kind: str) -> str:
    """A sound's name on the page; where its label was drawn, with that."""
    said = f", {spoken(origin['label'])}" if "label" in origin else ""
    if kind == STEPS:
        return f"{origin['steps']} steps{said}"
    if kind == SEVERAL:
        return f"Seed {origin['seed']}{said}"
    share = origin["place"] / max(origin["of"] - 1, 1)
    return (f"Seed {origin['morph'][round(share)]}" if share in (0, 1) else f"{share:.0%}") + said


def _grid(history: GridHistory, mels: Mels, sounds: Sounds, over: bool = False) -> dict:
    names, drawing = history.drawing.names, history.drawing
    named = dict(zip(mels, names, strict=False))  # of those that are drawn by now
    shown = GridView(named, mels, sounds, history.key, len(names), in_line=drawing.kind == MORPH, over=over)
    return payload(shown)


def _said_of_recordings() -> str:
    return recordings.WHAT_IT_SAYS if recordings.recordings_folder() else recordings.HOW_TO
