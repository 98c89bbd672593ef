"""What every tab does once its button is pressed: a run in the background, its updates, and Stop."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from demos.page import html
from demos.page.toasts import warn
from demos.turns.durations import DECISIVE, kind_of
from demos.turns.line import Place
from demos.turns.worker import Asker, in_background

APOLOGY = "Something went wrong on our side. Your input is still here; please try again or choose other settings."
TOO_LARGE = "One of the numbers is too large to work with; choose a smaller one."

UNBOUNDED = {"concurrency_limit": None}  # for Gradio: runs wait for their turn in `demos.turns`
PAUSE_SECONDS = 1.0
REMEMBERED = 256  # sessions

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Press:
    """One press of Run, and what became of it.

    Args:
        stopped: by Stop, or since another sound was chosen (outdated).
        over: it has ended.
        said: after Stop.
        subject: the sound that it works on; None before it is known.
        chosen: the sound that was chosen after it; the same where both came at once.
    """

    stopped: bool = False
    outdated: bool = False
    over: bool = False
    said: str = ""
    subject: tuple | None = None
    chosen: tuple | None = None

    def check(self) -> None:
        """Stops where another sound was chosen than the one that it works on."""
        if None not in (self.subject, self.chosen) and self.subject != self.chosen:
            self.stopped = self.outdated = True


class Runner(ABC):
    """The buttons of a tab that runs one task, and the line that says how it is going.

    Args:
        ui: its widgets, with run, stop and status.
        task: the command's name.
    """

    def __init__(self, ui: Any, task: str):
        self.ui, self.task = ui, task
        self._presses: OrderedDict[str, Press] = OrderedDict()  # the last one of every session

    @abstractmethod
    def updates(self, values: dict, session: str) -> Iterator[dict]:
        """What the page shows while a run goes on and at its end; the last one gives the buttons back.

        Raises:
            InputError: what the visitor can mend.
        """

    @property
    @abstractmethod
    def results(self) -> set[Component]:
        """What a run changes beside the buttons and the status."""

    @property
    @abstractmethod
    def subject(self) -> Sequence[Component]:
        """The inputs that say which sound is worked on."""

    @abstractmethod
    def emptied(self) -> dict:
        """The results as they are before a run."""

    def stopped(self, session: str) -> dict:
        """What the page shows after Stop."""
        return {self.ui.status: html.status_html("stopped", "Stopped")}

    @property
    def outdated(self) -> set[Component]:
        """What `forget_results` changes."""
        return {self.ui.run, self.ui.stop, self.ui.status} | self.results

    def forget_results(self, session: str, values: Mapping) -> dict:
        """What the page shows once another sound is chosen: nothing of the last one's; a run of it ends.

        Args:
            values: of the subject now.
        """
        press = self._presses.get(session)
        if press is None or press.over:
            return self._ready()
        press.chosen = self._subject_of(values)
        press.check()
        return self._ready() if press.outdated else self.emptied()

    def _subject_of(self, values: Mapping) -> tuple:
        return tuple(values.get(widget) for widget in self.subject)

    def _ready(self) -> dict:
        ready = html.status_html("idle", "Ready")
        return self.buttons(running=False) | {self.ui.status: ready} | self.emptied()

    def wire_buttons(self, inputs: set[Component], starts: Sequence[Callable] = ()) -> None:
        """Connects Run and Stop.

        Args:
            inputs: what a run reads.
            starts: further events that do what Run does, such as the `then` of what sets the inputs.
        """
        ui, quiet = self.ui, {"show_progress": "hidden", "api_visibility": "private"}
        controls, runs = {ui.run, ui.stop, ui.status}, []
        for start in (ui.run.click, *starts):
            begun = start(self._begin, None, controls, queue=False, **quiet)
            running = begun.then(self._run, inputs, self.outdated, **quiet, **UNBOUNDED)
            running.failure(self._left, None, controls, queue=False, **quiet)
            runs.append(running)
        ui.stop.click(self._stop, None, self.outdated, cancels=runs, **quiet)

    def buttons(self, *, running: bool) -> dict:
        """Run and Stop, one of them to be pressed."""
        return {self.ui.run: gr.Button(interactive=not running), self.ui.stop: gr.Button(interactive=running)}

    def _begin(self, request: gr.Request) -> dict:
        last = self._presses.pop(request.session_hash, None)
        if last is not None:
            last.stopped = True  # where a run was under way, this one takes its place
        self._presses[request.session_hash] = Press()
        while len(self._presses) > REMEMBERED:
            self._presses.popitem(last=False)
        return self.buttons(running=True) | {self.ui.status: html.status_html("running", "Waiting for its turn")}

    async def _run(self, values: dict, request: gr.Request):
        press = self._presses.get(request.session_hash, Press())
        press.subject = self._subject_of(values)
        press.check()
        try:
            run = in_background(self._perform(values, request.session_hash), self._asker(values, request))
            async with aclosing(run) as updates:
                async for update in updates:
                    if press.stopped:  # it is cancelled only a step later
                        if self._presses.get(request.session_hash) is press:
                            yield self._after(press)
                        return
                    yield update
        except InputError as error:  # too many are waiting
            warn(str(error))
            yield self._failed()
        finally:
            press.over = True

    def _asker(self, values: Mapping, request: gr.Request) -> Asker:
        asked = {name: values.get(getattr(self.ui, name, None)) for name in DECISIVE}
        return Asker(str(request.session_hash), kind_of(self.task, asked), self._waiting)

    def _waiting(self, place: Place) -> dict:
        return {self.ui.status: html.waiting_html(place)}

    def _perform(self, values: dict, session: str) -> Iterator[dict]:
        yield {self.ui.status: html.status_html("running", "Loading the model")}
        try:
            yield from self.updates(values, session)
        except InputError as error:
            warn(str(error))
            yield self._failed()
        except OverflowError:  # of a whole number with hundreds of digits
            warn(TOO_LARGE)
            yield self._failed()
        except Exception:
            log.exception("%s failed", self.task)
            warn(APOLOGY)
            yield self._failed()

    async def _left(self, request: gr.Request) -> dict:
        """After a run that the queue refused, or that was stopped: its last update may come after what Stop said."""
        press = self._presses.get(request.session_hash, Press())
        await asyncio.sleep(PAUSE_SECONDS)
        if self._presses.get(request.session_hash, press) is not press:
            return {self.ui.status: gr.skip()}  # another run has begun
        if not press.stopped:
            press.over = True
            return self._failed()
        return self._after(press)

    def _after(self, press: Press) -> dict:
        """What is said of a stopped run once more: its last update may have come after what `forget_results` or Stop
        said."""
        if press.outdated:
            return self._ready()
        return self.buttons(running=False) | {self.ui.status: press.said or gr.skip()}

    def _failed(self) -> dict:
        return self.buttons(running=False) | {self.ui.status: html.status_html("idle", "Nothing was made")}

    def _stop(self, request: gr.Request) -> dict:
        press = self._presses.get(request.session_hash, Press())
        press.stopped = press.over = True
        shown = self.stopped(request.session_hash)
        press.said = shown[self.ui.status]
        return self.buttons(running=False) | shown
