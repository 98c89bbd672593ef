"""The skeleton of every tab: example chips, input and choices, what comes out while it runs, comparison, folds."""

import logging
import uuid
from contextlib import aclosing, closing

import gradio as gr

from core.errors import InputError
from core.tasks.progress import Progress, Result, Settings
from demos import layout, plots, words
from demos.downloads import restored_file
from demos.job import Example, Job
from demos.scope import Track, View, payload
from demos.source import DEFAULT_PART_SECONDS, SHOWN_SECONDS, Loaded, Source, load, read_source, shown_part
from demos.stream import throttled
from demos.takes import Moment, Shelf, Take
from demos.worker import in_background

APOLOGY = "Something went wrong on our side. Your input is still here; please try again or choose other settings."
CHAIN, ESTIMATE = "Chain", "Estimate"
LARGEST_SEED = 2**31 - 1

log = logging.getLogger(__name__)


class RunPanel:
    """A tab's widgets and what they do; build it inside a `gr.Tab`.

    Args:
        shelf: holds the iterates of every session.
        concurrency: arguments of the run's event that bound how many run at once.
    """

    def __init__(self, job: Job, shelf: Shelf, concurrency: dict):
        self.job, self._shelf = job, shelf
        self.ui = layout.build(job)
        self._wire_input()
        self._wire_run(concurrency)
        job.wire(self)

    # ---- input -------------------------------------------------------------------------------------------------

    def _wire_input(self) -> None:
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        fresh = [ui.loaded, ui.scope, ui.door, ui.start, ui.length, ui.reference, ui.caption]
        for chip, example in zip(ui.chips, self.job.examples, strict=True):
            chosen = [*fresh, ui.prior, *(ui.choices[name] for name in example.choices)]
            chip.click(self._example_loader(example), None, chosen, **quiet)
        gr.on([ui.door.upload, ui.door.stop_recording], self._load_own, ui.door, fresh, **quiet)
        part = [ui.loaded, ui.start, ui.length]
        gr.on([ui.start.change, ui.length.change], self._show_part, part, ui.scope, trigger_mode="always_last", **quiet)
        ui.prior.change(layout.about_html, ui.prior, ui.about, **quiet)

    def _example_loader(self, example: Example):
        def choose():
            loaded = load(example.path, example.label, example.reference)
            known = example.prior in layout.prior_names(self.job.task)
            chosen = gr.Dropdown(value=example.prior) if known else gr.skip()
            fresh = self._fresh_input(loaded, example.seconds or loaded.seconds, autoplay=True)
            return *fresh, chosen, *example.choices.values()

        return choose

    def _load_own(self, path: str | None):
        if path is None:
            return (gr.skip(),) * 7
        try:
            loaded = load(path)
            return self._fresh_input(loaded, min(loaded.seconds, DEFAULT_PART_SECONDS), autoplay=False)
        except InputError as error:
            gr.Warning(str(error))
        except Exception:
            log.exception("loading failed")
            gr.Warning(APOLOGY)
        return gr.skip(), gr.skip(), None, *(gr.skip(),) * 4

    def _fresh_input(self, loaded: Loaded, length: float, *, autoplay: bool):
        length = round(length, 3)
        clip, offset = shown_part(loaded, 0.0, length)
        view = View([Track("Input", clip)], uuid.uuid4().hex, offset=offset, autoplay=autoplay)
        caption = words.caption_html(loaded.name, loaded.seconds, clip)
        return loaded, gr.update(value=payload(view), part=[0.0, length]), None, 0.0, length, None, caption

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

    def _wire_run(self, concurrency: dict) -> None:
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        controls = {ui.run, ui.stop, ui.status}
        live = controls | {ui.monitor, ui.ladder, ui.scrubber}
        after = live | {ui.compare, ui.metrics, ui.notes, ui.download}
        begun = ui.run.click(self._begin, None, controls, queue=False, **quiet)
        running = begun.then(self._run, ui.inputs, after, **quiet, **concurrency)
        running.failure(self._left, ui.status, controls, queue=False, **quiet)
        ui.stop.click(self._stopped, None, live, cancels=[running], **quiet)
        ui.scrubber.input(
            self._scrub, ui.scrubber, [ui.monitor, ui.ladder, ui.status], trigger_mode="always_last", **quiet
        )

    def _begin(self) -> dict:
        return self._buttons(running=True) | {self.ui.status: words.status_html("running", "Waiting for its turn")}

    def _buttons(self, *, running: bool) -> dict:
        return {self.ui.run: gr.Button(interactive=not running), self.ui.stop: gr.Button(interactive=running)}

    async def _run(self, values: dict, request: gr.Request):
        async with aclosing(in_background(self._perform(values, request.session_hash))) as updates:
            async for update in updates:
                yield update

    def _perform(self, values: dict, session: str):
        ui = self.ui
        yield {ui.status: words.status_html("running", "Loading the model")}
        try:
            source = read_source(*(values[widget] for widget in (ui.loaded, ui.start, ui.length, ui.reference)))
            chosen = {name: values[widget] for name, widget in ui.choices.items()}
            run = self.job.start(source, self._settings(values), chosen)
            take = Take(uuid.uuid4().hex, plots.loudest_db(source.clip), source.start)
            self._shelf.put(session, self.job.task, take)
            with closing(throttled(run, take.add)) as updates:
                for item in updates:
                    if isinstance(item, Progress):
                        yield self._update(item, take)
                    else:
                        yield self._conclude(item, take, source, values[ui.loaded])
            self._shelf.put(session, self.job.task, take)
        except InputError as error:
            gr.Warning(str(error))
            yield self._failed()
        except Exception:
            log.exception("%s failed", self.job.task)
            gr.Warning(APOLOGY)
            yield self._failed()

    def _left(self, status: str) -> dict:
        """After a run that the queue refused or cancelled; one that was stopped has said so already."""
        return self._failed() if words.is_running(status) else {self.ui.status: gr.skip()}

    def _failed(self) -> dict:
        return self._buttons(running=False) | {self.ui.status: words.status_html("idle", "Nothing was made")}

    def _settings(self, values: dict) -> Settings:
        ui = self.ui
        if not values[ui.prior]:
            raise InputError("There is no model for this task here: train or import one, then reload the page.")
        seed = int(values[ui.seed] or 0)
        if not 0 <= seed <= LARGEST_SEED:
            raise InputError(f"The seed must be a whole number from 0 to {LARGEST_SEED}, not {seed}.")
        return Settings(
            prior=values[ui.prior],
            quality=values[ui.quality],
            sampler=None if values[ui.sampler] == layout.AUTOMATIC else values[ui.sampler],
            steps=int(values[ui.steps]) if values[ui.steps] else None,
            seed=seed,
        )

    def _update(self, progress: Progress, take: Take) -> dict:
        tracks = [Track(ESTIMATE, progress.clip), Track(CHAIN, progress.chain)]
        return {
            self.ui.status: words.progress_html(progress),
            self.ui.monitor: payload(View(tracks, take.key, take.top_db, offset=take.offset)),
            self.ui.ladder: _ladder(take.moments),
            self.ui.scrubber: gr.Slider(visible=False),
            self.ui.compare: None,  # only now: a run that is refused leaves the last result alone
        }

    def _conclude(self, result: Result, take: Take, source: Source, loaded: Loaded) -> dict:
        ui = self.ui
        tracks = [Track("Input", result.observed), Track("Result", result.clip)]
        tracks += [Track(words.title(name), clip) for name, clip in result.baselines.items()]
        tracks += [Track("Truth", result.truth)] if result.truth is not None else []
        view = View(tracks, take.key, take.top_db, offset=take.offset, initial=1)
        gaps = [[start + take.offset, stop + take.offset] for start, stop in result.report.get("gaps", ())]
        return (
            self._buttons(running=False)
            | self._scrubber(take)
            | {
                ui.status: words.result_html(result),
                ui.compare: gr.update(value=payload(view), regions=gaps),
                ui.metrics: words.metrics_html(result),
                ui.notes: words.notes_html(dict.fromkeys((*source.notes, *result.notes))),
                ui.download: restored_file(result.clip, loaded.name, self.job.task),
            }
        )

    # ---- afterwards --------------------------------------------------------------------------------------------

    def _stopped(self, request: gr.Request) -> dict:
        take = self._shelf.get(request.session_hash, self.job.task)
        text = "Stopped"
        if take and take.moments:
            text = f"<b>Stopped</b><span>step {take.moments[-1].step} of {take.moments[-1].total_steps}</span>"
        status = {self.ui.status: words.status_html("stopped", text)}
        return self._buttons(running=False) | status | (self._scrubber(take) if take else {})

    def _scrubber(self, take: Take) -> dict:
        count = len(take.moments)
        return {self.ui.scrubber: gr.Slider(minimum=1, maximum=max(count, 2), value=count, visible=count > 1)}

    def _scrub(self, number: float, request: gr.Request):
        take = self._shelf.get(request.session_hash, self.job.task)
        if take is None or not take.moments:
            gr.Warning("The iterates of this run are no longer kept: run it again.")
            return gr.skip(), gr.skip(), gr.skip()
        moments = take.moments
        position = min(max(int(number), 1), len(moments)) - 1
        estimate, chain = moments[position].clips()
        view = View([Track(ESTIMATE, estimate), Track(CHAIN, chain)], take.key, take.top_db, offset=take.offset)
        return payload(view), _ladder(moments, position), words.moment_html(moments[position])


def _ladder(moments: list[Moment], position: int | None = None):
    """The ladder as far as it has been climbed; a start (step 0) stands on no rung."""
    rungs = [m for m in moments if m.step]
    if position is not None:
        position = max(sum(m.step > 0 for m in moments[: position + 1]) - 1, 0)
    columns = ([getattr(m, name) for m in rungs] for name in ("level", "residual", "log_prob"))
    return plots.ladder_figure(*columns, position)
