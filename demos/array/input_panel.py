"""The input of the localization tab: which array, and what it hears: a simulated room, a recording or live sound."""

import logging
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr

from core.arrays.geometry import ARRAYS, ArrayGeometry, read_array
from core.errors import InputError
from demos.array import input_sound, polar
from demos.array.input_sound import Heard
from demos.array.layout import LIVE, RECORDING, ROOM
from demos.array.live_routes import LiveDoor
from demos.array.room import FIRST, Arrangement, Placed, read_voices
from demos.array.room_plan import plan
from demos.page import html
from demos.page.job import SOUNDS
from demos.page.runner import APOLOGY
from demos.page.scope import Track, View, payload
from demos.page.source import SHOWN_SECONDS

DEFAULT_SECONDS = 30.0  # of a long recording that are worked on at first
QUIET = {"show_progress": "hidden", "api_visibility": "private"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Example:
    """A chip: voices in the simulated room, or a recording of an array."""

    label: str
    voices: tuple[Placed, ...] = ()
    recording: str = ""
    array: str = "respeaker-4"


EXAMPLES = (
    Example("Two voices in a room", FIRST),
    Example(
        "Four voices, six microphones",
        (
            Placed(1.1, 0.9, "speech"),
            Placed(-1.5, 1.2, "speech-garden"),
            Placed(-1.2, -1.3, "speech-train"),
            Placed(1.6, -1.1, "speech-kettle"),
        ),
        array="circle-6",
    ),
    Example("A four-channel recording", recording="two-voices-respeaker-4"),
)


class ArrayPanel:
    """The input's widgets and what they do.

    Args:
        ui: the tab's widgets.
        live: holds the visitors' live views; they end where what they listen to is no longer chosen.
    """

    def __init__(self, ui: SimpleNamespace, live: LiveDoor):
        self.ui, self._live = ui, live
        shown = {ui.scope, ui.caption, ui.polar}
        for chip, example in zip(ui.chips, EXAMPLES, strict=True):
            given = {ui.kind, ui.voices, ui.plan, ui.t60, ui.loaded, ui.array, ui.length}
            chip.click(self._example_loader(example), ui.heard, given | shown | self._groups, **QUIET)
        ui.kind.input(self._choose_kind, ui.heard, shown | self._groups, **QUIET)
        ui.plan.edit(self._edit, ui.heard, {ui.voices} | shown, trigger_mode="always_last", **QUIET)
        room = [ui.t60.input, ui.noise.input]
        gr.on(room, self._rearrange, ui.heard, shown, trigger_mode="always_last", **QUIET)
        ui.door.upload(self._load_own, ui.heard | {ui.door}, {ui.loaded, ui.door, ui.length} | shown, **QUIET)
        part = [ui.start.input, ui.length.input, ui.channels.input]
        gr.on(part, self._show_part, ui.heard, {ui.scope, ui.caption}, trigger_mode="always_last", **QUIET)
        ui.array.input(self._choose_array, ui.heard, shown, **QUIET)
        ui.own_array.upload(self._open_array, ui.heard | {ui.own_array}, {ui.own, ui.array} | shown, **QUIET)

    def array(self, values: dict) -> ArrayGeometry:
        """The array that is chosen."""
        own = values[self.ui.own]
        return own if own is not None and own.name == values[self.ui.array] else ARRAYS[values[self.ui.array]]

    def arrangement(self, values: dict) -> Arrangement:
        """The simulated room."""
        ui = self.ui
        return Arrangement(values[ui.voices], values[ui.t60], values[ui.noise])

    def heard(self, values: dict, visitor: str, most: float | None = SHOWN_SECONDS) -> Heard:
        """What the array heard, by what is chosen.

        Args:
            most: seconds that are taken of a recording's part; None for all of it.

        Raises:
            InputError: there is nothing, nothing of this array, or more than is worked on at once.
        """
        ui, array = self.ui, self.array(values)
        if values[ui.kind] == ROOM:
            return input_sound.from_room(self.arrangement(values), array)
        channels = input_sound.parse_channels(values[ui.channels])
        if values[ui.kind] == LIVE:
            return input_sound.from_listening(self._live.of(visitor), channels)
        loaded, length = values[ui.loaded], values[ui.length] or None
        if loaded is not None and most is not None:
            length = min(length or loaded.seconds, most)
        return input_sound.from_recording(loaded, array, channels, values[ui.start] or 0.0, length)

    # ---- choosing ----------------------------------------------------------------------------------------------

    @property
    def _groups(self) -> set:
        return {self.ui.room_input, self.ui.recording_input, self.ui.live_input, self.ui.sound}

    def _shown_group(self, kind: str) -> dict:
        ui = self.ui
        groups = {ROOM: ui.room_input, RECORDING: ui.recording_input, LIVE: ui.live_input}
        shown = {group: gr.Column(visible=kind == own) for own, group in groups.items()}
        return shown | {ui.sound: gr.Column(visible=kind != LIVE)}

    def _example_loader(self, example: Example):
        def choose(values: dict, request: gr.Request) -> dict:
            ui, kind = self.ui, RECORDING if example.recording else ROOM
            given = {ui.kind: kind, ui.array: example.array}
            if example.recording:
                path = str(SOUNDS / f"{example.recording}.flac")
                loaded = input_sound.load_recording(path, ARRAYS[example.array], None, example.label)
                given |= {ui.loaded: loaded, ui.length: round(loaded.seconds, 3)}
            else:
                given |= {ui.voices: example.voices, ui.plan: plan(example.voices)}
            self._live.close(request.session_hash)
            heard = self.heard(values | given | {ui.start: 0.0, ui.channels: ""}, request.session_hash)
            return given | self._shown_group(kind) | self._preview(replace(heard, name=example.label), autoplay=True)

        return choose

    def _choose_kind(self, values: dict, request: gr.Request) -> dict:
        self._live.close(request.session_hash)
        return self._shown_group(values[self.ui.kind]) | self._previewed(values, request)

    def _choose_array(self, values: dict, request: gr.Request) -> dict:
        self._live.close(request.session_hash)
        return self._previewed(values, request)

    def _open_array(self, values: dict, request: gr.Request) -> dict:
        ui = self.ui
        try:
            array = read_array(values[ui.own_array])
        except InputError as error:
            gr.Warning(str(error))
            return {ui.own: gr.skip()}
        if array.name in ARRAYS:  # no separator was trained for this one
            array = replace(array, name=f"{array.name} (own)")
        self._live.close(request.session_hash)
        given = {ui.own: array, ui.array: array.name}
        shown = self._previewed(values | given, request)
        return given | {ui.array: gr.Dropdown([*ARRAYS, array.name], value=array.name)} | shown

    def _load_own(self, values: dict, request: gr.Request) -> dict:
        ui, path = self.ui, values[self.ui.door]
        if path is None:
            return {ui.door: gr.skip()}
        try:
            channels = input_sound.parse_channels(values[ui.channels])
            loaded = input_sound.load_recording(path, self.array(values), channels, Path(path).name)
            given = {ui.loaded: loaded, ui.length: round(min(loaded.seconds, DEFAULT_SECONDS), 3)}
            heard = self.heard(values | given | {ui.start: 0.0}, request.session_hash)
            self._live.close(request.session_hash)
            return given | {ui.door: None} | self._preview(heard)
        except InputError as error:
            gr.Warning(str(error))
        except Exception:
            log.exception("loading failed")
            gr.Warning(APOLOGY)
        return {ui.door: None}

    # ---- changing ----------------------------------------------------------------------------------------------

    def _edit(self, values: dict, event: gr.EventData, request: gr.Request) -> dict:
        try:
            voices = read_voices(event.voices)
        except InputError as error:
            gr.Warning(str(error))
            return {self.ui.caption: gr.skip()}
        return {self.ui.voices: voices} | self._rearrange(values | {self.ui.voices: voices}, request)

    def _rearrange(self, values: dict, request: gr.Request) -> dict:
        """The room has changed; a live view of it changes with it, and goes on. What was found before is gone."""
        listening, shown = self._live.of(request.session_hash), self._previewed(values, request)
        if not self._live.is_open(request.session_hash):
            return shown
        if listening.room:
            listening.room.arrange(self.arrangement(values))
        return self._sound_of(shown)

    def _show_part(self, values: dict, request: gr.Request) -> dict:
        """Nothing while a number is half typed; Separate says what is wrong."""
        ui = self.ui
        if values[ui.kind] != RECORDING or values[ui.loaded] is None:
            return {ui.scope: gr.skip()}
        try:
            return self._sound_of(self._preview(self.heard(values, request.session_hash)))
        except InputError:
            return {ui.scope: gr.skip()}

    def _sound_of(self, shown: dict) -> dict:
        """What is shown but the array: a live view, or a result, stays."""
        return {widget: shown[widget] for widget in (self.ui.scope, self.ui.caption)}

    def _previewed(self, values: dict, request: gr.Request) -> dict:
        """As `_preview`; the array alone where there is nothing to be heard, and why where that needs a sentence."""
        ui = self.ui
        nothing = {ui.scope: None, ui.caption: html.caption_html(), ui.polar: polar.at_rest(self.array(values))}
        if values[ui.kind] == LIVE or (values[ui.kind] == RECORDING and values[ui.loaded] is None):
            return nothing
        try:
            return self._preview(self.heard(values, request.session_hash))
        except InputError as error:
            gr.Warning(str(error))
            return nothing

    def _preview(self, heard: Heard, autoplay: bool = False) -> dict:
        """What microphone 0 hears, and the array at rest."""
        ui, first = self.ui, heard.first
        view = View([Track("Microphone 0", first)], uuid.uuid4().hex, offset=heard.start, autoplay=autoplay)
        caption = html.caption_html(heard.name, heard.seconds or first.seconds, heard.clip)
        return {ui.scope: payload(view), ui.caption: caption, ui.polar: polar.at_rest(heard.array)}
