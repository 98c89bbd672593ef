"""A tab that samples: what it shows of a run, at its end, after Stop, and of iterates that are scrubbed to."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from core.tasks.progress import Progress, Result, Run
from core.tasks.settings import Settings
from demos.page import html, menus
from demos.page.history import Histories, RunHistory
from demos.page.runner import Runner
from demos.page.stream import Throttle, is_result, throttled
from demos.page.toasts import warn

LARGEST_SEED = 2**31 - 1


class SamplingPanel(Runner):
    """A tab that runs one task and keeps its iterates.

    Args:
        ui: its widgets: run, stop, status, scrubber, notes and those that its subclass shows results in.
        task: the command's name.
        histories: hold the iterates of every session.

    Attributes:
        said_after_stop: the note beside what there is then.
    """

    said_after_stop: str

    def __init__(self, ui: Any, task: str, histories: Histories):
        super().__init__(ui, task)
        self._histories = histories

    @abstractmethod
    def start(self, values: dict) -> tuple[Run, RunHistory, Any]:
        """A run, the history that keeps its iterates, and whatever `conclude` needs.

        Raises:
            InputError: what the visitor can mend.
        """

    @property
    @abstractmethod
    def shown_of_moments(self) -> set[Component]:
        """What `moment` and `past` change."""

    @abstractmethod
    def moment(self, progress: Progress, history: RunHistory) -> dict:
        """What the page shows of an update beside the status."""

    @abstractmethod
    def past(self, position: int, history: RunHistory) -> dict:
        """The same of the kept iterate at a position."""

    @abstractmethod
    def conclude(self, result: Result, history: RunHistory, context: Any) -> dict:
        """What the page shows of the result."""

    @abstractmethod
    def so_far(self, progress: Progress, history: RunHistory) -> dict:
        """What there is to hear and to be taken along after Stop."""

    @property
    def onward(self) -> str:
        """The way to the results, in a status line."""
        return ""

    def begun(self) -> dict:
        """What a run takes away at its first update; a refusal before that leaves a result alone."""
        return {self.ui.scrubber: gr.Slider(visible=False)}

    def progress_status(self, progress: Progress) -> str:
        """The status line of an update."""
        return html.progress_html(progress)

    def past_status(self, iterate: Any) -> str:
        """That of a kept iterate."""
        return html.iterate_html(iterate)

    def throttle(self) -> Throttle:
        """When updates are shown."""
        return Throttle()

    def wire_run(self, inputs: set[Component], starts: Sequence[Callable] = ()) -> None:
        """Connects the buttons and the scrubber; arguments as `wire_buttons` has them."""
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        self.wire_buttons(inputs, starts)
        scrubbed = {ui.status} | self.shown_of_moments
        ui.scrubber.input(self._scrub, ui.scrubber, scrubbed, trigger_mode="always_last", **quiet)

    def forget_results(self, session: str, values: Mapping) -> dict:
        self._histories.drop(session, self.task)
        return super().forget_results(session, values)

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
        begun = self.begun()
        with closing(throttled(run, history.add, self.throttle())) as updates:
            for item in updates:
                if not is_result(item):
                    yield begun | {self.ui.status: self.progress_status(item)} | self.moment(item, history)
                    begun = {}  # an update that comes after Stop must not take away what Stop shows
                else:
                    shown = self.conclude(item, history, context)
                    history.end(shown[self.ui.status])
                    yield self.buttons(running=False) | self.ended(history) | shown

    # ---- afterwards --------------------------------------------------------------------------------------------

    def stopped(self, session: str) -> dict:
        """The newest iterate is the best so far, and takes the result's place."""
        history, shown = self._histories.get(session, self.task), super().stopped(session)
        if history is None or history.last is None:
            return shown
        ui, last = self.ui, history.last.iterate
        where = f"<b>Stopped</b><span>step {last.step} of {last.total_steps}</span>{self.onward}"
        shown |= self.so_far(history.last, history) | self.ended(history)
        history.end(html.status_html("stopped", where))
        return shown | {ui.status: history.ending, ui.notes: html.notes_html([self.said_after_stop])}

    def ended(self, history: RunHistory) -> dict:
        """What the page shows of the iterates once a run is over."""
        count = len(history.iterates)
        return {self.ui.scrubber: gr.Slider(minimum=1, maximum=max(count, 2), value=count, visible=count > 1)}

    def _scrub(self, number: float, request: gr.Request) -> dict:
        history = self._histories.get(request.session_hash, self.task)
        if history is None or not history.iterates:
            warn("The iterates of this run are no longer kept: run it again.")
            return {self.ui.status: gr.skip()}
        position = min(max(int(number), 1), len(history.iterates)) - 1
        return self.past(position, history) | {self.ui.status: self._status_of(position, history)}

    def _status_of(self, position: int, history: RunHistory) -> str:
        iterates = history.iterates
        at_the_end = history.ending and position == len(iterates) - 1
        return history.ending if at_the_end else self.past_status(iterates[position])


def chosen_settings(values: Mapping, ui: Any, prior: str | None) -> Settings:
    """The settings that all tasks which sample share, of `layout.build_quality` and `layout.build_advanced`.

    Raises:
        InputError: a seed out of range.
    """
    return Settings(
        prior=prior,
        quality=values[ui.quality],
        sampler=None if values[ui.sampler] == menus.AUTOMATIC else values[ui.sampler],
        steps=int(values[ui.steps]) if values[ui.steps] else None,
        seed=checked_seed(values[ui.seed]),
    )


def checked_seed(value: float | None) -> int:
    """The seed that was typed; 0 where nothing was.

    Raises:
        InputError: it is out of range.
    """
    seed = int(value or 0)
    if not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"The seed must be a whole number from 0 to {LARGEST_SEED}, not {seed}.")
    return seed
