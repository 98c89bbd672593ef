"""What the tabs of priors and samplers have beside a run's buttons: its iterates, watched and scrubbed through."""

import logging
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from core.tasks.progress import Progress, Settings
from core.tasks.stems import StemsProgress
from demos.page import html, layout, plots
from demos.page.history import Moment, Shelf, Take
from demos.page.runner import APOLOGY, Runner
from demos.page.source import Loaded, load
from demos.page.stream import throttled

LARGEST_SEED = 2**31 - 1

log = logging.getLogger(__name__)


def accept(path: str | None, held: Loaded | None) -> tuple:
    """What a door lets in: the sound that is held from now on, and the empty door."""
    try:
        return (load(path), None) if path else (gr.skip(), gr.skip())
    except InputError as error:
        gr.Warning(str(error))
    except Exception:
        log.exception("loading failed")
        gr.Warning(APOLOGY)
    return held, None


class Panel(Runner):
    """A tab that runs one task and keeps its iterates.

    Args:
        ui: its widgets: run, stop, status, monitor, ladder, scrubber, compare, metrics, notes, download and those of
            the settings.
        task: the command's name.
        shelf: holds the iterates of every session.
    """

    def __init__(self, ui: Any, task: str, shelf: Shelf):
        super().__init__(ui, task)
        self._shelf = shelf

    @abstractmethod
    def start(self, values: dict) -> tuple[Any, Take, Any]:
        """A run, the take that keeps its iterates, and whatever `conclude` needs.

        Raises:
            InputError: what the visitor can mend.
        """

    @abstractmethod
    def show(self, clips: tuple, chains: tuple, take: Take) -> dict | None:
        """The monitor's payload for what the sampler hears and what its chain is."""

    @abstractmethod
    def conclude(self, result: Any, take: Take, context: Any) -> dict:
        """What the page shows of the result."""

    @property
    def further(self) -> set[Component]:
        """Widgets of one tab alone that follow its runs, see `besides`."""
        return set()

    def besides(self, clips: tuple, take: Take) -> dict:
        """What the further widgets show beside the monitor."""
        return {}

    def wire_run(self, inputs: set[Component], concurrency: dict) -> None:
        """Connects the buttons and the scrubber; arguments as `Runner.wire_buttons` has them."""
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        live = {ui.monitor, ui.ladder, ui.scrubber}
        self.wire_buttons(inputs, live | {ui.compare, ui.metrics, ui.notes, ui.download} | self.further, concurrency)
        scrubbed = {ui.monitor, ui.ladder, ui.status} | self.further
        ui.scrubber.input(self._scrub, ui.scrubber, scrubbed, trigger_mode="always_last", **quiet)

    def settings(self, values: dict, prior: str | None) -> Settings:
        """The settings that all tasks share."""
        ui = self.ui
        return Settings(
            prior=prior,
            quality=values[ui.quality],
            sampler=None if values[ui.sampler] == layout.AUTOMATIC else values[ui.sampler],
            steps=int(values[ui.steps]) if values[ui.steps] else None,
            seed=checked_seed(values[ui.seed]),
        )

    # ---- the run -----------------------------------------------------------------------------------------------

    def updates(self, values: dict, session: str) -> Iterator[dict]:
        run, take, context = self.start(values)
        self._shelf.put(session, self.task, take)
        with closing(throttled(run, take.add)) as updates:
            for item in updates:
                if isinstance(item, Progress | StemsProgress):
                    yield self._update(item, take)
                else:
                    yield self.buttons(running=False) | self._scrubber(take) | self.conclude(item, take, context)
        self._shelf.put(session, self.task, take)

    def _update(self, progress: Progress | StemsProgress, take: Take) -> dict:
        return {
            self.ui.status: html.progress_html(progress),
            self.ui.monitor: self.show(progress.clips, progress.chains, take),
            self.ui.ladder: _ladder(take.moments),
            self.ui.scrubber: gr.Slider(visible=False),
            self.ui.compare: None,  # only now: a run that is refused leaves the last result alone
            **self.besides(progress.clips, take),
        }

    # ---- afterwards --------------------------------------------------------------------------------------------

    def stopped(self, session: str) -> dict:
        take = self._shelf.get(session, self.task)
        text = "Stopped"
        if take and take.moments:
            text = f"<b>Stopped</b><span>step {take.moments[-1].step} of {take.moments[-1].total_steps}</span>"
        return {self.ui.status: html.status_html("stopped", text)} | (self._scrubber(take) if take else {})

    def _scrubber(self, take: Take) -> dict:
        count = len(take.moments)
        return {self.ui.scrubber: gr.Slider(minimum=1, maximum=max(count, 2), value=count, visible=count > 1)}

    def _scrub(self, number: float, request: gr.Request) -> dict:
        take = self._shelf.get(request.session_hash, self.task)
        if take is None or not take.moments:
            gr.Warning("The iterates of this run are no longer kept: run it again.")
            return {self.ui.status: gr.skip()}
        moments = take.moments
        position = min(max(int(number), 1), len(moments)) - 1
        clips, chains = moments[position].clips()
        return {
            self.ui.monitor: self.show(clips, chains, take),
            self.ui.ladder: _ladder(moments, position),
            self.ui.status: html.moment_html(moments[position]),
            **self.besides(clips, take),
        }


def checked_seed(value: float | None) -> int:
    """The seed that was typed; 0 where nothing was.

    Raises:
        InputError: it is out of range.
    """
    seed = int(value or 0)
    if not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"The seed must be a whole number from 0 to {LARGEST_SEED}, not {seed}.")
    return seed


def _ladder(moments: list[Moment], position: int | None = None):
    """The ladder as far as it has been climbed; a start (step 0) stands on no rung."""
    rungs = [m for m in moments if m.step]
    if position is not None:
        position = max(sum(m.step > 0 for m in moments[: position + 1]) - 1, 0)
    columns = ([getattr(m, name) for m in rungs] for name in ("level", "residual", "log_prob"))
    return plots.ladder_figure(*columns, position)
