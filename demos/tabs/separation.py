"""The separation tab: takes a mixture apart, or mixes two sounds first so that the truth is known."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import duration
from core.tasks.mixing import mix
from core.tasks.progress import Progress, Result, Sounds
from core.tasks.separation import DEFAULT_PRIORS, TASK, separate
from core.zoo.families import PRIOR
from demos.page import html, layout, menus, plots
from demos.page.downloads import keep, keep_so_far
from demos.page.examples import SOUNDS
from demos.page.history import Histories, RunHistory
from demos.page.links import Shared
from demos.page.panel import Panel, accept
from demos.page.scope import Track, View, payload, scope
from demos.page.source import SHOWN_SECONDS, Loaded, first_part, load, part_ends, read_source, shown_stretch
from demos.page.toasts import warn

TITLE = "Separation"
SENTENCE = "Takes a mixture apart into sounds that each have a prior of their own; together they are the mixture again."
MIXTURE, SOURCES = "mixture", "sources"
INPUTS = [("One mixture", MIXTURE), ("Two sounds, mixed here", SOURCES)]
NOBODY = "none"
ESTIMATES, CHAINS = "Estimates", "Chains"
FORMS = [
    menus.Choice("", "Automatic", "Shared, where the priors can look at mixtures."),
    menus.Choice("shared", "Shared", "The priors look at the mixture: the best for those that can."),
    menus.Choice("exact", "Exact", "The last source is what the others leave; for any priors."),
    menus.Choice("soft", "Soft", "A pull towards the mixture, as in the original."),
]

HOW = r"""
The sources add up to what was heard, $y = x_1 + \dots + x_N$, and each has a prior of its own. The sampler draws from

$$p(x_1, \dots, x_N \mid y) \propto p(y \mid x_1, \dots, x_N) \prod_i p_i(x_i).$$

**Shared**: each prior is shown the mixture and says what it hears of its own kind in it and in its noisy chain,
$\hat x_i(x_i, y)$; it learned that from random other sounds, not from the other sources' priors. What the estimates
miss is shared out, $\hat x_i \leftarrow \hat x_i + (y - \sum_j \hat x_j) / N$, at every step down the ladder.

In the other forms no prior ever heard a mixture. **Exact**: the last source is what the others leave,
$x_N = y - x_1 - \dots - x_{N-1}$, so that only these are drawn, with the score
$\nabla \log p_i(x_i) - \nabla \log p_N(x_N)$. **Soft**: every update pulls the sources towards their
sum by $\gamma\, (y - \sum_i x_i)$ with $\gamma = 15 / \sigma^2$, as in the original. At high noise the priors settle
whose the loud parts are, at low noise the details. Several draws are averaged: what they agree on is evidence.

The **ratio mask** and the **binary mask** know the truth; no mask can do better. **NMF** factors the spectrogram and is
told which factor belongs to whom. A mu-law WaveNet cannot separate: its classes are spaced as a logarithm, and classes
of sources do not add up to the mixture's.

V. Jayaram, J. Thickstun: *Parallel and Flexible Sampling from Autoregressive Models via Langevin Dynamics*, ICML 2021,
section 4.2. G. Mariani et al.: *Multi-Source Diffusion Models*, ICLR 2024.
"""


@dataclass(frozen=True)
class MixtureExample:
    """A chip: sounds to mix, or one mixture, and the level of the second one."""

    label: str
    sounds: tuple[str, ...]
    level_db: float = 0.0

    @property
    def paths(self) -> list[str]:
        return [str(SOUNDS / f"{sound}.flac") for sound in self.sounds]

    @property
    def settings(self) -> dict[str, Any]:
        """What the chip sets, by name."""
        kind = SOURCES if len(self.sounds) > 1 else MIXTURE
        return {"kind": kind, "level": self.level_db, "start": 0.0, "length": round(min(map(duration, self.paths)), 3)}


EXAMPLES = (
    MixtureExample("Piano and voice", ("piano", "speech")),
    MixtureExample("Voice, quiet piano", ("piano", "speech"), 8.0),
    MixtureExample("A mixture", ("piano-and-speech",)),
)


class SeparationPanel(Panel):
    """The tab's widgets and what they do; arguments as `demos.page.restoration_panel.RunPanel` has them."""

    def __init__(self, histories: Histories):
        super().__init__(_build(), TASK, histories)
        self._wire_input()
        self.wire_run(self.ui.inputs)

    # ---- input -------------------------------------------------------------------------------------------------

    def _wire_input(self) -> None:
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        shown = {ui.scope, ui.caption} | self.outdated
        for chip, example in zip(ui.chips, EXAMPLES, strict=True):
            chip.click(self._example_loader(example), None, self._chosen | shown, **quiet)
        ui.kind.change(_show_kind, ui.kind, [ui.second_door, ui.level], **quiet)
        preview = {ui.kind, ui.first, ui.second, ui.level, ui.start, ui.length}
        for door, held in ((ui.door, ui.first), (ui.second_door, ui.second)):
            let_in = self._acceptor(door, held)
            taken = shown | {held, door, ui.start, ui.length}
            gr.on([door.upload, door.stop_recording], let_in, preview | {door}, taken, **quiet)
        changed = [ui.kind.input, ui.level.input]
        gr.on(changed, self._preview, preview, shown, trigger_mode="always_last", **quiet)
        ui.scope.choose(layout.chosen_part, None, [ui.start, ui.length], queue=False, **quiet)
        part = [ui.start.change, ui.length.change]
        gr.on(part, self._show_part, preview, ui.scope, trigger_mode="always_last", **quiet)
        gr.on([prior.change for prior in ui.priors], _about, ui.priors, ui.about, **quiet)

    @property
    def _chosen(self) -> set[Component]:
        """What an example sets."""
        ui = self.ui
        return {ui.kind, ui.first, ui.second, ui.start, ui.length, ui.second_door, ui.level}

    @property
    def subject(self) -> Sequence[Component]:
        return [self.ui.kind, self.ui.first, self.ui.second, self.ui.level]

    @property
    def shared(self) -> Shared:
        """What of the tab stands in links."""
        ui = self.ui
        names = ("kind", "level", "quality", "start", "length", "seed", "sampler", "steps", "form", "heard")
        settings = {name: getattr(ui, name) for name in names} | dict(
            zip(("first", "second", "third"), ui.priors, strict=True)
        )
        examples = {example.label: example.settings for example in EXAMPLES}
        shows = self._chosen | {ui.scope, ui.caption} | self.outdated
        return Shared(TASK, settings, examples, ui.chips, self._restore, shows, [ui.door, ui.second_door])

    def _restore(self, label: str | None, settings: Mapping[Component, Any], request: gr.Request) -> dict:
        example = next((example for example in EXAMPLES if example.label == label), None)
        return self._example_loader(example, autoplay=False)(request) if example else {}

    def _example_loader(self, example: MixtureExample, autoplay: bool = True):
        def choose(request: gr.Request) -> dict:
            ui = self.ui
            held = [load(path, sound) for path, sound in zip(example.paths, example.sounds, strict=True)]
            first, second = held[0], held[1] if len(held) > 1 else None
            kind = SOURCES if second else MIXTURE
            chosen = {ui.kind: kind, ui.first: first, ui.second: second, ui.level: example.level_db, ui.start: 0.0}
            chosen[ui.length] = round(min(loaded.seconds for loaded in held), 3)
            shown = self._preview(chosen, request, autoplay=autoplay)
            door, _ = _show_kind(kind)
            level = gr.Slider(value=example.level_db, visible=kind == SOURCES)
            return shown | chosen | {ui.second_door: door, ui.level: level}

        return choose

    def _acceptor(self, door: gr.Audio, held: gr.State):
        def let_in(values: dict, request: gr.Request) -> dict:
            loaded, emptied = accept(values[door], values[held])
            if not values[door] or loaded is values[held]:
                return {door: emptied}
            chosen = {held: loaded, self.ui.start: 0.0}
            chosen[self.ui.length] = first_part(_seconds(self._given(values | chosen)))
            taken = self.forget_results(request.session_hash, values | chosen) | chosen | {door: None}
            return taken | self._preview(values | chosen, request)

        return let_in

    def _given(self, values: dict) -> list[Loaded]:
        """The sounds that are taken apart together; none where one is missing."""
        ui = self.ui
        given = [values[ui.first], values[ui.second]] if values[ui.kind] == SOURCES else [values[ui.first]]
        return [] if None in given else given

    def _preview(self, values: dict, request: gr.Request, autoplay: bool = False) -> dict:
        """What stands to be taken apart, and its caption; results of anything else are forgotten."""
        ui, given = self.ui, self._given(values)
        try:
            clip, shown = self._shown(given, values, autoplay=autoplay)
        except InputError as error:
            warn(str(error))
            return {ui.scope: gr.skip()}
        if clip is None:
            return {ui.scope: shown}
        caption = html.caption_html(" + ".join(loaded.name for loaded in given), _seconds(given), clip)
        return self.forget_results(request.session_hash, values) | {ui.scope: shown, ui.caption: caption}

    def _show_part(self, values: dict):
        given = self._given(values)
        if _seconds(given) <= SHOWN_SECONDS:
            return gr.update(part=_part(given, values, self.ui)) if given else gr.skip()
        try:
            return self._shown(given, values)[1]
        except InputError:
            return gr.skip()  # Run says what is wrong

    def _shown(self, given: list[Loaded], values: dict, *, autoplay: bool = False) -> tuple[Clip | None, dict]:
        """What stands to be taken apart, and an update of its player; nothing where a sound is missing."""
        if not given:
            return None, gr.skip()
        start, stop = part = _part(given, values, self.ui)
        offset, shown = shown_stretch(_seconds(given), start, stop - start)
        clips = [read_source(loaded, offset, shown, None).clip for loaded in given]
        tracks = [Track("Mixture", clips[0])]
        if len(clips) > 1:
            mixture, sources, _ = mix(clips, [values[self.ui.level]])
            tracks = [Track(*named) for named in zip(("Mixture", "First", "Second"), (mixture, *sources), strict=True)]
        view = View(tracks, uuid.uuid4().hex, offset=offset, file_seconds=_seconds(given), autoplay=autoplay)
        return tracks[0].clip, gr.update(value=payload(view), part=part)

    # ---- run ---------------------------------------------------------------------------------------------------

    def start(self, values: dict):
        ui = self.ui
        priors = [name for name in (values[widget] for widget in ui.priors) if name and name != NOBODY]
        mixture, truths, notes, offset = _read(values, ui)
        count = len(priors)
        if truths and count != len(truths):
            raise InputError(f"Two sounds are mixed, but {count} priors are chosen; choose one for each sound.")
        levels = [0.0, float(values[ui.level])] if truths else None
        run = separate(
            mixture,
            priors,
            settings=self.settings(values, None),
            form=values[ui.form] or None,
            levels_db=levels,
            references=truths,
        )
        history = RunHistory(uuid.uuid4().hex, plots.loudest_db(mixture), offset, chain=values[ui.heard] == CHAINS)
        return run, history, (values[ui.first].name, notes, mixture)

    def show(self, sounds: Sounds, chains: Sounds, history: RunHistory) -> dict:
        tracks = [Track(name, clip) for name, clip in (chains if history.chain else sounds).items()]
        shared = {"offset": history.offset, "peak": history.peak, "together": True}
        return payload(View(tracks, history.key, history.top_db, **shared))

    def conclude(self, result: Result, history: RunHistory, context) -> dict:
        ui, (name, notes, _) = self.ui, context
        tracks = [Track("Mixture", result.observed), *(Track(name, clip) for name, clip in result.sounds.items())]
        tracks += [Track(f"{name}, truth", clip) for name, clip in result.truths.items()]
        view = View(tracks, history.key, history.top_db, offset=history.offset, initial=1, arrives=True, compares=True)
        misses = result.report["misses_mixture_by"]
        adds_up = f"Together the stems miss the mixture by at most {misses:.1g} of full scale."
        said = list(dict.fromkeys((*notes, *result.notes, adds_up)))
        return {
            ui.status: html.result_html(result, html.compare_link(self.task)),
            ui.compare: payload(view),
            ui.metrics: html.separation_html(result),
            ui.notes: html.notes_html(said),
            ui.made: keep(result.sounds, name, self.task, result.report, said),
        }

    def so_far(self, progress: Progress, history: RunHistory) -> dict:
        name, _, mixture = history.context
        tracks = [
            Track("Mixture", mixture),
            *(Track(f"{stem}, so far", clip) for stem, clip in progress.sounds.items()),
        ]
        view = View(tracks, history.key, history.top_db, offset=history.offset, initial=1, compares=True)
        taken = keep_so_far(progress.sounds, name, f"{self.task}-so-far")
        return {self.ui.compare: payload(view), self.ui.made: taken}


def _build() -> SimpleNamespace:
    made = {"chips": layout.build_lead(SENTENCE, [example.label for example in EXAMPLES])}
    with gr.Row(elem_classes="bench", equal_height=True):
        with gr.Column(scale=5, min_width=320, elem_classes="pane"):
            layout.build_heading(layout.INPUT)
            made |= _build_input()
        with gr.Column(scale=7, min_width=320, elem_classes="pane live"):
            layout.build_heading(layout.OUTPUT)
            made |= layout.build_output("stacked")
    made |= layout.build_comparison(TASK, "Download stems (ZIP)")
    made["about"] = layout.build_folds(HOW, _about(*(prior.value for prior in made["priors"])))
    ui = SimpleNamespace(**made)
    settings = {ui.quality, ui.seed, ui.sampler, ui.steps, ui.form, ui.heard, ui.start, ui.length}
    ui.inputs = {ui.kind, ui.first, ui.second, ui.level, *ui.priors} | settings
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
    models = menus.model_choices(TASK, PRIOR)
    with gr.Row(elem_classes="settings"):
        priors = [
            menus.menu(models, menus.first_of(models, name), label, min_width=128)
            for name, label in zip(DEFAULT_PRIORS, ("First source", "Second source"), strict=True)
        ]
        nobody = menus.Choice(NOBODY, "None", "The mixture is of two.")
        priors.append(menus.menu([nobody, *models], NOBODY, "Third source", min_width=128))
    made |= {"priors": priors, "quality": layout.build_quality()} | layout.build_actions()
    with gr.Accordion("Advanced", open=False, elem_classes="advanced"):
        made |= layout.build_advanced()
        with gr.Row():
            made["form"] = menus.menu(FORMS, "", "The mixture", min_width=128)
            made["heard"] = gr.Dropdown([ESTIMATES, CHAINS], value=ESTIMATES, label="What is shown", min_width=128)
    return made


def _show_kind(kind: str):
    return gr.Audio(visible=kind == SOURCES), gr.Slider(visible=kind == SOURCES)


def _seconds(given: Sequence[Loaded]) -> float:
    """How long the sounds are together."""
    return max((loaded.seconds for loaded in given), default=0.0)


def _part(given: Sequence[Loaded], values: dict, ui: SimpleNamespace) -> list[float]:
    return part_ends(_seconds(given), values[ui.start], values[ui.length])


def _read(values: dict, ui: SimpleNamespace) -> tuple[Clip, list[Clip] | None, tuple[str, ...], float]:
    """The mixture, its sources where they are known, notes, and where the part begins."""
    part = (values[ui.start], values[ui.length], None)
    first = read_source(values[ui.first], *part)
    if values[ui.kind] == MIXTURE:
        return first.clip, None, first.notes, first.start
    if values[ui.second] is None:
        raise InputError("There is no second sound yet: upload or record one, or choose “One mixture”.")
    second = read_source(values[ui.second], *part)
    mixture, truths, notes = mix([first.clip, second.clip], [float(values[ui.level])])
    return mixture, truths, (*first.notes, *second.notes, *notes), first.start


def _about(*names: str | None) -> str:
    return "".join(layout.about_html(name) for name in dict.fromkeys(names) if name and name != NOBODY)
