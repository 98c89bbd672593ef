"""The skeleton of the restoration tabs: example chips, input and choices, what comes out, comparison, folds."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from core.signal.clip import Clip
from core.tasks.progress import SOUND, Progress, Result, Sounds
from demos.page import html, layout, menus, plots
from demos.page.downloads import keep, keep_so_far
from demos.page.examples import Example
from demos.page.history import Histories, RunHistory
from demos.page.kept import KeptResult, Shelf
from demos.page.links import Shared
from demos.page.panel import Panel
from demos.page.runner import APOLOGY
from demos.page.scope import Track, View, payload
from demos.page.source import SHOWN_SECONDS, Loaded, first_part, load, part_ends, read_source, shown_part
from demos.page.tab import RestorationTab
from demos.page.toasts import warn

CHAIN, ESTIMATE = "Chain", "Estimate"
DROPPED = "A kept result was dropped: it was of another part of the sound, or its file is gone."

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
        self._wire_shelf()

    # ---- input -------------------------------------------------------------------------------------------------

    def _wire_input(self) -> None:
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        for chip, example in zip(ui.chips, self.examples, strict=True):
            chosen = self.fresh | {ui.prior, *(ui.choices[name] for name in example.choices)}
            chip.click(self._example_loader(example), None, chosen, **quiet)
        gr.on([ui.door.upload, ui.door.stop_recording], self._load_own, ui.door, self.fresh, **quiet)
        ui.scope.choose(layout.chosen_part, None, [ui.start, ui.length], queue=False, **quiet)
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
            shown = self._shown_input(loaded, first_part(loaded.seconds), autoplay=False)
            return self.fresh_input(loaded, request, **shown)
        except InputError as error:
            warn(str(error))
        except Exception:
            log.exception("loading failed")
            warn(APOLOGY)
        return {self.ui.door: None}

    def _shown_input(self, loaded: Loaded, length: float, *, autoplay: bool) -> dict:
        length = round(length, 3)
        clip, shown = _shown(loaded, 0.0, length, autoplay=autoplay)
        scope = gr.update(value=shown, part=[0.0, length])
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
        start, stop = part = part_ends(loaded.seconds, start, length)
        if loaded.seconds <= SHOWN_SECONDS:
            return gr.update(part=part)
        try:
            _, shown = _shown(loaded, start, stop - start)
        except InputError:
            return gr.skip()  # Run says what is wrong
        return gr.update(value=shown, part=part)

    # ---- run ---------------------------------------------------------------------------------------------------

    def start(self, values: dict):
        ui = self.ui
        source = read_source(*(values[widget] for widget in (ui.loaded, ui.start, ui.length, ui.reference)))
        if not values[ui.prior]:
            raise InputError("There is no model for this task here: train or import one, then reload the page.")
        chosen = {name: values[widget] for name, widget in ui.choices.items()}
        run = self.begin(source, self.settings(values, values[ui.prior]), chosen)
        part = {"offset": source.start, "seconds": source.clip.seconds}
        history = RunHistory(uuid.uuid4().hex, plots.loudest_db(source.clip), **part)
        return run, history, (values[ui.loaded], source)

    def show(self, sounds: Sounds, chains: Sounds, history: RunHistory) -> dict:
        tracks = [Track(ESTIMATE, sounds[SOUND]), Track(CHAIN, chains[SOUND])]
        return payload(View(tracks, history.key, history.top_db, offset=history.offset, peak=history.peak))

    def conclude(self, result: Result, history: RunHistory, context) -> dict:
        ui, (loaded, source), shelf = self.ui, context, history.shelf
        notes = [*filter(None, [result.report.get("warning")]), *(source.notes if source else ()), *result.notes]
        part, held = (history.offset, history.seconds), len(shelf.kept)
        kept = [Track(name, clip) for name, clip in shelf.recall(part).items()]
        notes += [DROPPED] if len(kept) < held else []
        tracks = [*self._tracks(result), *kept, *self._differences(result)]
        heard = next(n for n, track in enumerate(tracks) if track.clip is result.clip)
        shown = {"offset": history.offset, "initial": heard, "stretched": True, "arrives": True, "compares": True}
        shelf.compared = payload(View(tracks, history.key, history.top_db, **shown))
        end = min(result.report.get("cutoff_hz", ()), default=None)
        shelf.rows = html.metrics_rows(result) | {kept.name: kept.figures for kept in shelf.kept}
        taken = keep(result.sounds, loaded.name, self.task, result.report, list(dict.fromkeys(notes)))
        shelf.latest = KeptResult(shelf.free_name(result.report), taken.sounds[0][1], result.metrics, part)
        gaps = [[start + history.offset, stop + history.offset] for start, stop in result.report.get("gaps", ())]
        return {
            ui.status: html.result_html(result, html.compare_link(self.task)),
            ui.compare: gr.update(value=shelf.compared, regions=gaps, cutoff=end),
            ui.metrics: html.metrics_html(shelf.rows),
            ui.notes: html.notes_html(dict.fromkeys(notes)),
            ui.made: taken,
            **self._shelf_buttons(shelf),
        }

    def _tracks(self, result: Result) -> list[Track]:
        baselines = {method: sounds[SOUND] for method, sounds in result.baselines.items()}
        tracks = [Track("Input", result.observed), Track("Result", result.clip)]
        if any(result.observed is clip for clip in baselines.values()):
            tracks = tracks[1:]  # what came in cannot be heard itself
        tracks += [Track(html.title(name), clip) for name, clip in baselines.items()]
        return tracks + ([Track("Truth", result.truth)] if result.truth is not None else [])

    def _differences(self, result: Result) -> list[Track]:
        """What the result differs by from the truth and from the input, where that can be said."""
        others = {"truth": result.truth, "input": result.observed} if self.keeps_phases else {}
        taken = {name: result.clip.minus(clip) for name, clip in others.items() if clip is not None}
        return [Track(f"Result \N{MINUS SIGN} {name}", clip, True) for name, clip in taken.items() if clip is not None]

    def so_far(self, progress: Progress, history: RunHistory) -> dict:
        ui, (loaded, source) = self.ui, history.context
        tracks = [Track("Your sound", source.clip)] if source else []
        heard = len(tracks)
        tracks.append(Track("So far", progress.clip))
        tracks += [Track("Truth", source.reference)] if source and source.reference else []
        shown = {"offset": history.offset, "initial": heard, "stretched": True, "compares": True}
        view = View(tracks, history.key, history.top_db, **shown)
        shelf = history.shelf
        shelf.compared, shelf.rows, shelf.latest = payload(view), {}, None
        taken = keep_so_far(progress.sounds, loaded.name, f"{self.task}-so-far")
        compare = gr.update(value=shelf.compared, regions=[], cutoff=None)
        return {ui.compare: compare, ui.made: taken, **self._shelf_buttons(shelf)}

    # ---- results that are kept for the next runs ---------------------------------------------------------------

    def _wire_shelf(self) -> None:
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        buttons = {ui.keep, *ui.drops}
        ui.keep.click(self._keep, None, buttons, **quiet)
        for number, drop in enumerate(ui.drops):
            drop.click(self._dropper(number), None, buttons | {ui.compare, ui.metrics}, **quiet)

    @property
    def results(self) -> set[Component]:
        return super().results | {self.ui.keep, *self.ui.drops}

    def emptied(self) -> dict:
        return super().emptied() | self._shelf_buttons(Shelf())

    def _shelf_buttons(self, shelf: Shelf) -> dict:
        ui = self.ui
        names = [kept.name for kept in shelf.kept]
        drops = [gr.Button(f"Drop {name}", visible=True) for name in names]
        drops += [gr.Button(visible=False)] * (len(ui.drops) - len(names))
        return {ui.keep: gr.Button(interactive=shelf.takes_latest), **dict(zip(ui.drops, drops, strict=True))}

    def _shelf(self, request: gr.Request) -> Shelf:
        history = self._histories.get(request.session_hash, self.task)
        if history is None:
            warn("The results of this run are no longer kept: run it again.")
        return history.shelf if history else Shelf()

    def _keep(self, request: gr.Request) -> dict:
        shelf = self._shelf(request)
        shelf.keep()
        return self._shelf_buttons(shelf)

    def _dropper(self, number: int):
        def drop(request: gr.Request) -> dict:
            ui, shelf = self.ui, self._shelf(request)
            shelf.drop(number)
            compared = {ui.compare: gr.update(value=shelf.compared)} if shelf.compared else {}
            figures = {ui.metrics: html.metrics_html(shelf.rows)} if shelf.rows else {}
            return self._shelf_buttons(shelf) | compared | figures

        return drop


def _shown(loaded: Loaded, start: float, length: float, *, autoplay: bool = False) -> tuple[Clip, dict]:
    """What the input's player shows while this part is worked on, and its payload."""
    clip, offset = shown_part(loaded, start, length)
    shown = {"offset": offset, "file_seconds": loaded.seconds, "autoplay": autoplay}
    return clip, payload(View([Track("Input", clip)], uuid.uuid4().hex, **shown))
