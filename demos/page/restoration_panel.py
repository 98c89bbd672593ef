"""The skeleton of the restoration tabs: example chips, input and choices, what comes out, comparison, folds."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from core.tasks.progress import SOUND, Progress, Result, Sounds
from demos.page import html, layout, menus, plots
from demos.page.downloads import keep, keep_so_far
from demos.page.examples import Example
from demos.page.history import Histories, RunHistory
from demos.page.links import Shared
from demos.page.panel import Panel
from demos.page.runner import APOLOGY
from demos.page.scope import Track, View, payload
from demos.page.source import DEFAULT_PART_SECONDS, SHOWN_SECONDS, Loaded, load, read_source, shown_part
from demos.page.tab import RestorationTab
from demos.page.toasts import warn

CHAIN, ESTIMATE = "Chain", "Estimate"

log = logging.getLogger(__name__)


class RestorationPanel(RestorationTab, Panel):
    """A tab's widgets and what they do; build it inside a `gr.Tab`. Each task has a subclass.

    Args:
        histories: hold the iterates of every session.
    """

    def __init__(self, histories: Histories):
        super().__init__(layout.build(self), self.task, histories)
        self._wire_input()
        self.wire_run(self.ui.inputs)

    # ---- input -------------------------------------------------------------------------------------------------

    def _wire_input(self) -> None:
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        for chip, example in zip(ui.chips, self.examples, strict=True):
            chosen = self.fresh | {ui.prior, *(ui.choices[name] for name in example.choices)}
            chip.click(self._example_loader(example), None, chosen, **quiet)
        gr.on([ui.door.upload, ui.door.stop_recording], self._load_own, ui.door, self.fresh, **quiet)
        part = [ui.loaded, ui.start, ui.length]
        gr.on([ui.start.change, ui.length.change], self._show_part, part, ui.scope, trigger_mode="always_last", **quiet)
        ui.prior.change(layout.about_html, ui.prior, ui.about, **quiet)

    @property
    def shared(self) -> Shared:
        """What of the tab stands in links."""
        ui = self.ui
        plain = {
            name: getattr(ui, name) for name in ("prior", "quality", "start", "length", "seed", "sampler", "steps")
        }
        settings = plain | ui.choices
        examples = {example.label: example.settings for example in self.examples}
        return Shared(self.task, settings, examples, ui.chips, self._restore, self.fresh, [ui.door])

    def _restore(self, label: str | None, settings: Mapping[Component, Any], request: gr.Request) -> dict:
        example = next((example for example in self.examples if example.label == label), None)
        return self._example_loader(example, autoplay=False)(request) if example else {}

    def _example_loader(self, example: Example, autoplay: bool = True):
        def choose(request: gr.Request) -> dict:
            loaded = load(example.path, example.label, example.reference)
            known = any(choice.value == example.prior for choice in menus.model_choices(self.task))
            prior = {self.ui.prior: gr.Dropdown(value=example.prior)} if known else {}
            choices = {self.ui.choices[name]: value for name, value in example.choices.items()}
            shown = self._shown_input(loaded, example.seconds or loaded.seconds, autoplay=autoplay)
            return self.fresh_input(loaded, request, **shown) | prior | choices

        return choose

    def _load_own(self, path: str | None, request: gr.Request) -> dict:
        if path is None:
            return {self.ui.door: gr.skip()}
        try:
            loaded = load(path, mixes=self.mixes)
            shown = self._shown_input(loaded, min(loaded.seconds, DEFAULT_PART_SECONDS), autoplay=False)
            return self.fresh_input(loaded, request, **shown)
        except InputError as error:
            warn(str(error))
        except Exception:
            log.exception("loading failed")
            warn(APOLOGY)
        return {self.ui.door: None}

    def _shown_input(self, loaded: Loaded, length: float, *, autoplay: bool) -> dict:
        length = round(length, 3)
        clip, offset = shown_part(loaded, 0.0, length)
        view = View([Track("Input", clip)], uuid.uuid4().hex, offset=offset, autoplay=autoplay)
        scope = gr.update(value=payload(view), part=[0.0, length])
        return {"length": length, "scope": scope, "caption": html.caption_html(loaded.name, loaded.seconds, clip)}

    @property
    def subject(self) -> Sequence[Component]:
        return [self.ui.loaded]

    @property
    def fresh(self) -> set[Component]:
        """What `fresh_input` changes."""
        ui = self.ui
        return {ui.loaded, ui.scope, ui.door, ui.start, ui.length, ui.reference, ui.caption} | self.outdated

    def fresh_input(self, loaded: Loaded, request: gr.Request, *, length: float, scope: dict, caption: str) -> dict:
        """What the page shows once another sound is chosen.

        Args:
            length: seconds of it that are worked on at first.
            scope: an update of the input's player.
        """
        ui = self.ui
        chosen = {ui.loaded: loaded, ui.start: 0.0, ui.length: length, ui.scope: scope, ui.caption: caption}
        return self.forget_results(request.session_hash, chosen) | chosen | {ui.door: None, ui.reference: None}

    def _show_part(self, loaded: Loaded | None, start: float | None, length: float | None):
        if loaded is None:
            return gr.skip()
        start = min(max(start or 0.0, 0.0), loaded.seconds)
        part = [start, start + (length or loaded.seconds)]
        if loaded.seconds <= SHOWN_SECONDS:
            return gr.update(part=part)
        try:
            clip, offset = shown_part(loaded, start, length or loaded.seconds)
        except InputError:
            return gr.skip()  # half typed; Run says what is wrong
        view = View([Track("Input", clip)], uuid.uuid4().hex, offset=offset)
        return gr.update(value=payload(view), part=part)

    # ---- run ---------------------------------------------------------------------------------------------------

    def start(self, values: dict):
        ui = self.ui
        source = read_source(*(values[widget] for widget in (ui.loaded, ui.start, ui.length, ui.reference)))
        if not values[ui.prior]:
            raise InputError("There is no model for this task here: train or import one, then reload the page.")
        chosen = {name: values[widget] for name, widget in ui.choices.items()}
        run = self.begin(source, self.settings(values, values[ui.prior]), chosen)
        history = RunHistory(uuid.uuid4().hex, plots.loudest_db(source.clip), source.start)
        return run, history, (values[ui.loaded], source)

    def show(self, sounds: Sounds, chains: Sounds, history: RunHistory) -> dict:
        tracks = [Track(ESTIMATE, sounds[SOUND]), Track(CHAIN, chains[SOUND])]
        return payload(View(tracks, history.key, history.top_db, offset=history.offset, peak=history.peak))

    def conclude(self, result: Result, history: RunHistory, context) -> dict:
        ui, (loaded, source) = self.ui, context
        baselines = {method: sounds[SOUND] for method, sounds in result.baselines.items()}
        tracks = [Track("Input", result.observed), Track("Result", result.clip)]
        if any(result.observed is clip for clip in baselines.values()):
            tracks = tracks[1:]  # what came in cannot be heard itself
        tracks += [Track(html.title(name), clip) for name, clip in baselines.items()]
        tracks += [Track("Truth", result.truth)] if result.truth is not None else []
        heard = next(n for n, track in enumerate(tracks) if track.clip is result.clip)
        shown = {"offset": history.offset, "initial": heard, "stretched": True, "arrives": True}
        view = View(tracks, history.key, history.top_db, **shown)
        notes = [*filter(None, [result.report.get("warning")]), *(source.notes if source else ()), *result.notes]
        gaps = [[start + history.offset, stop + history.offset] for start, stop in result.report.get("gaps", ())]
        return {
            ui.status: html.result_html(result, html.compare_link(self.task)),
            ui.compare: gr.update(value=payload(view), regions=gaps),
            ui.metrics: html.metrics_html(result),
            ui.notes: html.notes_html(dict.fromkeys(notes)),
            ui.made: keep(result.sounds, loaded.name, self.task, result.report, list(dict.fromkeys(notes))),
        }

    def so_far(self, progress: Progress, history: RunHistory) -> dict:
        ui, (loaded, source) = self.ui, history.context
        tracks = [Track("Your sound", source.clip)] if source else []
        heard = len(tracks)
        tracks.append(Track("So far", progress.clip))
        tracks += [Track("Truth", source.reference)] if source and source.reference else []
        view = View(tracks, history.key, history.top_db, offset=history.offset, initial=heard, stretched=True)
        taken = keep_so_far(progress.sounds, loaded.name, f"{self.task}-so-far")
        return {ui.compare: gr.update(value=payload(view), regions=[]), ui.made: taken}
