"""What the tabs of priors and samplers have beside a run's buttons: its iterates, watched and scrubbed through."""

import logging
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from core.tasks.progress import Progress, Result, Run, Sounds
from core.tasks.settings import Settings
from demos.page import html, menus, plots
from demos.page.history import Histories, KeptIterate, RunHistory
from demos.page.runner import APOLOGY, Runner
from demos.page.source import Loaded, load
from demos.page.stream import throttled
from demos.page.toasts import warn

LARGEST_SEED = 2**31 - 1

log = logging.getLogger(__name__)


def accept(path: str | None, held: Loaded | None, *, mixes: bool = False) -> tuple:
    """What a door lets in: the sound that is held from now on, and the empty door."""
    try:
        return (load(path, mixes=mixes), None) if path else (gr.skip(), gr.skip())
    except InputError as error:
        warn(str(error))
    except Exception:
        log.exception("loading failed")
        warn(APOLOGY)
    return held, None


class Panel(Runner):
    """A tab that runs one task and keeps its iterates.

    Args:
        ui: its widgets: run, stop, status, monitor, ladder, scrubber, compare, metrics, notes, made and those of
            the settings.
        task: the command's name.
        histories: hold the iterates of every session.
    """

    def __init__(self, ui: Any, task: str, histories: Histories):
        super().__init__(ui, task)
        self._histories = histories

    @abstractmethod
    def start(self, values: dict) -> tuple[Run, RunHistory, Any]:
        """A run, the history that keeps its iterates, and whatever `conclude` needs.

        Raises:
            InputError: what the visitor can mend.
        """

    @abstractmethod
    def show(self, sounds: Sounds, chains: Sounds, history: RunHistory) -> dict | None:
        """The monitor's payload for the sampler's estimates and the states of its chains."""

    @abstractmethod
    def conclude(self, result: Result, history: RunHistory, context: Any) -> dict:
        """What the page shows of the result."""

    @abstractmethod
    def so_far(self, progress: Progress, history: RunHistory) -> dict:
        """What can be compared and taken along after Stop."""

    @property
    def further(self) -> set[Component]:
        """Widgets of one tab alone that follow its runs, see `besides`."""
        return set()

    def besides(self, sounds: Sounds, history: RunHistory) -> dict:
        """What the further widgets show beside the monitor."""
        return {}

    def wire_run(self, inputs: set[Component]) -> None:
        """Connects the buttons and the scrubber.

        Args:
            inputs: what a run reads.
        """
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        self.wire_buttons(inputs)
        scrubbed = {ui.monitor, ui.ladder, ui.status} | self.further
        ui.scrubber.input(self._scrub, ui.scrubber, scrubbed, trigger_mode="always_last", **quiet)

    @property
    def results(self) -> set[Component]:
        ui = self.ui
        live = {ui.monitor, ui.ladder, ui.scrubber}
        return live | {ui.compare, ui.metrics, ui.notes, ui.made} | self.further

    def emptied(self) -> dict:
        ui = self.ui
        nothing = dict.fromkeys((ui.monitor, ui.compare, ui.made)) | dict.fromkeys((ui.metrics, ui.notes), "")
        return nothing | {ui.ladder: plots.ladder_figure([], [], []), ui.scrubber: gr.Slider(visible=False)}

    def forget_results(self, session: str, values: Mapping) -> dict:
        self._histories.drop(session, self.task)
        return super().forget_results(session, values)

    def settings(self, values: dict, prior: str | None) -> Settings:
        """The settings that all tasks share."""
        ui = self.ui
        return Settings(
            prior=prior,
            quality=values[ui.quality],
            sampler=None if values[ui.sampler] == menus.AUTOMATIC else values[ui.sampler],
            steps=int(values[ui.steps]) if values[ui.steps] else None,
            seed=checked_seed(values[ui.seed]),
        )

    # ---- the run -----------------------------------------------------------------------------------------------

    def updates(self, values: dict, session: str) -> Iterator[dict]:
        run, history, context = self.start(values)
        history.context = context
        self._histories.put(session, self.task, history)
        try:
            yield from self._followed(run, history, context)
        except Exception:
            history.end("")
            raise
        self._histories.put(session, self.task, history)

    def _followed(self, run: Run, history: RunHistory, context: Any) -> Iterator[dict]:
        """What the page shows of a run that has begun."""
        begun = {self.ui.compare: None, self.ui.scrubber: gr.Slider(visible=False)}  # a refusal leaves a result alone
        with closing(throttled(run, history.add)) as updates:
            for item in updates:
                if isinstance(item, Progress):
                    yield begun | self._update(item, history)
                    begun = {}  # an update that comes after Stop must not take away what Stop shows
                else:
                    shown = self.conclude(item, history, context)
                    history.end(shown[self.ui.status])
                    yield self.buttons(running=False) | self._scrubber(history) | shown

    def _update(self, progress: Progress, history: RunHistory) -> dict:
        return {
            self.ui.status: html.progress_html(progress),
            self.ui.monitor: self.show(progress.sounds, progress.chains, history),
            self.ui.ladder: _ladder(history.iterates),
            **self.besides(progress.sounds, history),
        }

    # ---- afterwards --------------------------------------------------------------------------------------------

    def stopped(self, session: str) -> dict:
        """The newest iterate is the best so far, and takes the result's place."""
        history, shown = self._histories.get(session, self.task), super().stopped(session)
        if history is None or history.last is None:
            return shown
        ui, last = self.ui, history.last.iterate
        where = f"<b>Stopped</b><span>step {last.step} of {last.total_steps}</span>{html.compare_link(self.task)}"
        shown |= self.so_far(history.last, history) | self._scrubber(history)
        history.end(html.status_html("stopped", where))
        note = "The run was stopped: this is the estimate so far, and there are no figures of it."
        return shown | {ui.status: history.ending, ui.metrics: "", ui.notes: html.notes_html([note])}

    def _scrubber(self, history: RunHistory) -> dict:
        count = len(history.iterates)
        return {self.ui.scrubber: gr.Slider(minimum=1, maximum=max(count, 2), value=count, visible=count > 1)}

    def _scrub(self, number: float, request: gr.Request) -> dict:
        history = self._histories.get(request.session_hash, self.task)
        if history is None or not history.iterates:
            warn("The iterates of this run are no longer kept: run it again.")
            return {self.ui.status: gr.skip()}
        iterates = history.iterates
        position = min(max(int(number), 1), len(iterates)) - 1
        sounds, chains = iterates[position].sounds()
        return {
            self.ui.monitor: self.show(sounds, chains, history),
            self.ui.ladder: _ladder(iterates, position),
            self.ui.status: self._status_of(position, history),
            **self.besides(sounds, history),
        }

    def _status_of(self, position: int, history: RunHistory) -> str:
        iterates = history.iterates
        at_the_end = history.ending and position == len(iterates) - 1
        return history.ending if at_the_end else html.iterate_html(iterates[position])


def checked_seed(value: float | None) -> int:
    """The seed that was typed; 0 where nothing was.

    Raises:
        InputError: it is out of range.
    """
    seed = int(value or 0)
    if not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"The seed must be a whole number from 0 to {LARGEST_SEED}, not {seed}.")
    return seed


def _ladder(iterates: list[KeptIterate], position: int | None = None):
    """The ladder as far as it has been climbed; a start (step 0), and what is made without noise, stand on no rung."""
    if iterates and not any(iterate.level for iterate in iterates):
        return plots.no_ladder_figure()
    rungs = [iterate for iterate in iterates if iterate.step]
    if position is not None:
        position = max(sum(iterate.step > 0 for iterate in iterates[: position + 1]) - 1, 0)
    columns = ([getattr(rung, name) for rung in rungs] for name in ("level", "residual", "log_prob"))
    return plots.ladder_figure(*columns, position)
