"""The editor of codes: keeps what a session edits, has it said anew, and puts it beside what it is compared with."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from gradio.components import Component

from core.errors import InputError
from core.models.codebooks import likeness
from core.signal.clip import Clip
from core.tasks.code_editing import Take, edited, held
from core.tasks.progress import Progress
from core.tasks.settings import Settings
from core.tasks.utterance import load_speech
from demos.page.code_colours import colours_of
from demos.page.downloads import keep
from demos.page.history import Histories, RunHistory
from demos.page.runner import APOLOGY
from demos.page.scope import Track, View
from demos.page.scope import payload as compared_payload
from demos.page.toasts import warn
from demos.voice import code_strip
from demos.voice.code_strip import StripView

MOST_ORDERED = 20_000  # codes that an edit may ask for

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Editing:
    """What a session edits.

    Args:
        take: what is said now.
        compared: the sounds that stand in the comparison.
        sounds: those of them that can be taken along.
        name: of the file, for the names of those.
        voice: the name of the voice.
        report: of the run.
        settings: of the run.
    """

    take: Take
    compared: View
    sounds: Mapping[str, Clip]
    name: str
    voice: str
    report: Mapping
    settings: Settings

    @property
    def nbytes(self) -> int:
        return self.take.waveform.nbytes + sum(track.clip.samples.nbytes for track in self.compared.tracks)

    @property
    def source(self) -> Clip:
        return self.compared.tracks[0].clip

    @property
    def strip(self) -> dict:
        """The payload of the strip."""
        colours = colours_of(likeness(load_speech(self.settings).encoder.codebooks[0]))
        return code_strip.payload(StripView(self.compared.key, self.voice, self.take, self.source, colours))

    def rearranged(self, order: Sequence[int]) -> "Editing":
        """Raises:
        InputError: see `core.tasks.code_editing.edited`.
        """
        return replace(self, take=edited(self.take, order, load_speech(self.settings), self.settings.seed))

    def shown(self, task: str) -> tuple[dict, Any]:
        """The payload of the comparison, and what can be taken along, with the edited sound among both."""
        clip, name = Clip(self.take.waveform[None], self.source.sample_rate), f"{self.voice}, edited"
        tracks = [*self.compared.tracks, Track(name, clip)]
        made = keep({**self.sounds, name: clip}, self.name, task, self.report, ())
        return compared_payload(replace(self.compared, tracks=tracks, arrives=False)), made


@dataclass
class ConversionHistory(RunHistory):
    """Keeps what is edited; pieces of what is said are no iterates to be scrubbed to."""

    editing: Editing | None = None

    @property
    def nbytes(self) -> int:
        return super().nbytes + (self.editing.nbytes if self.editing else 0)

    def add(self, progress: Progress) -> None:
        self.last = progress


class Editor:
    """Wires a strip.

    Args:
        strip: see `code_strip`.
        compare, made: where the edited sound goes to.
        task: the command's name.
        histories: hold what every session edits.
    """

    def __init__(self, strip: gr.HTML, compare: Component, made: gr.State, task: str, histories: Histories):
        self._strip, self._compare, self._made, self._task = strip, compare, made, task
        self._histories = histories
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        strip.edit(self._edit, None, {strip, compare, made}, **quiet)
        strip.hear(self._hear, None, strip, **quiet)

    def _edit(self, event: gr.EventData, request: gr.Request) -> dict:
        """Says anew what changed."""
        try:
            history = self._history(request)
            editing = history.editing.rearranged(_order_of(event))
            compared, made = editing.shown(self._task)
            history.editing = editing
            return {self._compare: compared, self._made: made, self._strip: editing.strip}
        except InputError as error:
            warn(str(error))
        except Exception:
            log.exception("an edit failed")
            warn(APOLOGY)
        return {self._strip: code_strip.refused()}

    def _hear(self, event: gr.EventData, request: gr.Request):
        """How a code sounds by itself."""
        try:
            editing = self._history(request).editing
            waveform = held(editing.take, int(event.code), load_speech(editing.settings), editing.settings.seed)
            return code_strip.heard(event.request, Clip(waveform[None], editing.source.sample_rate))
        except (InputError, TypeError, ValueError) as error:
            warn(str(error))
            return code_strip.heard(event.request, None)

    def _history(self, request: gr.Request) -> ConversionHistory:
        history = self._histories.get(request.session_hash, self._task)
        if history is None or history.editing is None:
            raise InputError("What was edited is no longer kept: run it again.")
        return history


def _order_of(event: gr.EventData) -> list[int]:
    """The order that an event asks for.

    Raises:
        InputError: it is none.
    """
    order = event.order
    if not isinstance(order, list) or len(order) > MOST_ORDERED or not all(isinstance(n, int) for n in order):
        raise InputError(f"An edit is a list of up to {MOST_ORDERED} numbers of codes.")
    return order
