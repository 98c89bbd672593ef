"""The input of the localization tab: the array, and the simulated room, a recording or live sound."""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.components import Component

from core.arrays.geometry import ARRAYS, ArrayGeometry, read_array
from core.choices import parse_channels
from core.errors import InputError
from core.signal.files import duration
from core.signal.limits import ARRAY_LIMITS
from core.tasks.localization import TASK
from demos.array import array_recording, polar
from demos.array.array_recording import ArrayRecording
from demos.array.layout import ARRAY_CHOICES, LIVE, RECORDING, ROOM
from demos.array.live_routes import LiveRoutes
from demos.array.room import FIRST_VOICES, Arrangement, PlacedVoice, read_voices
from demos.array.room_plan import plan
from demos.page import html
from demos.page.examples import SOUNDS
from demos.page.links import Shared
from demos.page.menus import pairs
from demos.page.runner import APOLOGY, Runner
from demos.page.scope import Track, View, payload
from demos.page.source import SHOWN_SECONDS
from demos.page.toasts import warn

DEFAULT_SECONDS = 30.0  # initial length of a part of a long recording
QUIET = {"show_progress": "hidden", "api_visibility": "private"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ArrayExample:
    """An example, shown as a chip: voices in the simulated room, or a recording of an array."""

    label: str
    voices: tuple[PlacedVoice, ...] = ()
    recording: str = ""
    array: str = "respeaker-4"

    @property
    def path(self) -> str:
        """Of its recording."""
        return str(SOUNDS / f"{self.recording}.flac")

    @property
    def settings(self) -> dict[str, Any]:
        """What the chip sets, by name."""
        given = {"kind": RECORDING if self.recording else ROOM, "array": self.array}
        return given | ({"length": round(duration(self.path, limits=ARRAY_LIMITS), 3)} if self.recording else {})


EXAMPLES = (
    ArrayExample("Two voices in a room", FIRST_VOICES),
    ArrayExample(
        "Four voices, six microphones",
        (
            PlacedVoice(1.1, 0.9, "speech"),
            PlacedVoice(-1.5, 1.2, "speech-garden"),
            PlacedVoice(-1.2, -1.3, "speech-train"),
            PlacedVoice(1.6, -1.1, "speech-kettle"),
        ),
        array="circle-6",
    ),
    ArrayExample("A four-channel recording", recording="two-voices-respeaker-4"),
)


class ArrayPanel:
    """The widgets of the input, and their events.

    Args:
        ui: the tab's widgets.
        live: the visitors' live sessions; they end when another input is chosen.
        runner: of the tab; its results are forgotten when another input is chosen.
    """

    def __init__(self, ui: SimpleNamespace, live: LiveRoutes, runner: Runner | None = None):
        self.ui, self._live, self._runner = ui, live, runner
        shown = self._shown
        for chip, example in zip(ui.chips, EXAMPLES, strict=True):
            chosen = self._chosen | shown | self._groups
            chip.click(self._example_loader(example), ui.sound_inputs, chosen, **QUIET)
        ui.kind.input(self._choose_kind, ui.sound_inputs, shown | self._groups, **QUIET)
        ui.plan.edit(self._edit, ui.sound_inputs, {ui.voices} | shown, trigger_mode="always_last", **QUIET)
        room = [ui.t60.input, ui.noise.input]
        gr.on(room, self._rearrange, ui.sound_inputs, shown, trigger_mode="always_last", **QUIET)
        uploaded = {ui.loaded, ui.upload_area, ui.length} | shown
        ui.upload_area.upload(self._load_own, ui.sound_inputs | {ui.upload_area}, uploaded, **QUIET)
        part = [ui.start.input, ui.length.input, ui.channels.input]
        gr.on(part, self._show_part, ui.sound_inputs, {ui.scope, ui.caption}, trigger_mode="always_last", **QUIET)
        ui.array.input(self._choose_array, ui.sound_inputs, shown, **QUIET)
        ui.own_array.upload(self._open_array, ui.sound_inputs | {ui.own_array}, {ui.own, ui.array} | shown, **QUIET)

    @property
    def shared(self) -> Shared:
        """What of the tab stands in links."""
        ui, given = self.ui, ("kind", "t60", "noise", "array", "start", "length", "channels")
        names = (*given, "count", "method", "prior", "beamformer", "moving", "least")
        settings = {name: getattr(ui, name) for name in names}
        examples = {example.label: example.settings for example in EXAMPLES}
        shows = self._chosen | self._shown | self._groups
        return Shared(TASK, settings, examples, ui.chips, self._restore, shows, [ui.upload_area])

    def _restore(self, label: str | None, settings: Mapping[Component, Any], request: gr.Request) -> dict:
        values = {widget: widget.value for widget in self.ui.sound_inputs} | settings
        example = next((example for example in EXAMPLES if example.label == label), None)
        if example is None:
            return self._shown_group(values[self.ui.kind])
        return self._example_loader(example, autoplay=False)(values, request)

    @property
    def outdated(self) -> set:
        """What `forget_results` changes."""
        return {self.ui.checked} | (self._runner.outdated if self._runner else set())

    def array(self, values: dict) -> ArrayGeometry:
        """The chosen array."""
        own = values[self.ui.own]
        return own if own is not None and own.name == values[self.ui.array] else ARRAYS[values[self.ui.array]]

    def arrangement(self, values: dict) -> Arrangement:
        """The settings of the simulated room."""
        ui = self.ui
        return Arrangement(values[ui.voices], values[ui.t60], values[ui.noise])

    def recording(self, values: dict, visitor: str, most: float | None = SHOWN_SECONDS) -> ArrayRecording:
        """The chosen recording, or the last seconds of live sound.

        Args:
            most: seconds of a file's part; None for all of it.

        Raises:
            InputError: there is none, it is not of this array, or it is too large.
        """
        ui, array = self.ui, self.array(values)
        if values[ui.kind] == ROOM:
            return array_recording.from_room(self.arrangement(values), array)
        channels = parse_channels(values[ui.channels])
        if values[ui.kind] == LIVE:
            return array_recording.from_session(self._live.session(visitor), channels)
        loaded, length = values[ui.loaded], values[ui.length] or None
        if loaded is not None and most is not None:
            length = min(length or loaded.seconds, most)
        return array_recording.from_file(loaded, array, channels, values[ui.start] or 0.0, length)

    # ---- choosing ----------------------------------------------------------------------------------------------

    @property
    def _chosen(self) -> set:
        """What an example sets."""
        ui = self.ui
        return {ui.kind, ui.voices, ui.plan, ui.loaded, ui.array, ui.length}

    @property
    def _shown(self) -> set:
        """What a preview changes, and what is forgotten with it."""
        return {self.ui.scope, self.ui.caption, self.ui.polar} | self.outdated

    @property
    def _groups(self) -> set:
        return {self.ui.room_input, self.ui.recording_input, self.ui.live_input, self.ui.sound}

    def _shown_group(self, kind: str) -> dict:
        ui = self.ui
        groups = {ROOM: ui.room_input, RECORDING: ui.recording_input, LIVE: ui.live_input}
        shown = {group: gr.Column(visible=kind == own) for own, group in groups.items()}
        return shown | {ui.sound: gr.Column(visible=kind != LIVE)}

    def _example_loader(self, example: ArrayExample, autoplay: bool = True):
        def choose(values: dict, request: gr.Request) -> dict:
            ui, kind = self.ui, RECORDING if example.recording else ROOM
            given = {ui.kind: kind, ui.array: example.array}
            if example.recording:
                loaded = array_recording.load_recording(example.path, ARRAYS[example.array], None, example.label)
                given |= {ui.loaded: loaded, ui.length: round(loaded.seconds, 3)}
            else:
                given |= {ui.voices: example.voices, ui.plan: plan(example.voices)}
            self._live.close(request.session_hash)
            recording = self.recording(values | given | {ui.start: 0.0, ui.channels: ""}, request.session_hash)
            preview = self._preview(replace(recording, name=example.label), autoplay=autoplay)
            return self.forget_results(request, values | given) | given | self._shown_group(kind) | preview

        return choose

    def forget_results(self, request: gr.Request, values: dict) -> dict:
        """What the tab shows once another input is chosen: no results or channel check of the last one."""
        forgotten = self._runner.forget_results(request.session_hash, values) if self._runner else {}
        return forgotten | {self.ui.checked: ""}

    def _choose_kind(self, values: dict, request: gr.Request) -> dict:
        self._live.close(request.session_hash)
        shown = self._shown_group(values[self.ui.kind]) | self._previewed(values, request)
        return self.forget_results(request, values) | shown

    def _choose_array(self, values: dict, request: gr.Request) -> dict:
        self._live.close(request.session_hash)
        return self.forget_results(request, values) | self._previewed(values, request)

    def _open_array(self, values: dict, request: gr.Request) -> dict:
        ui = self.ui
        try:
            array = read_array(values[ui.own_array])
        except InputError as error:
            warn(str(error))
            return {ui.own: gr.skip()}
        if array.name in ARRAYS:  # no separator was trained for this one
            array = replace(array, name=f"{array.name} (own)")
        self._live.close(request.session_hash)
        given = {ui.own: array, ui.array: array.name}
        shown = self._previewed(values | given, request)
        forgotten = self.forget_results(request, values | given)
        return (
            forgotten | given | {ui.array: gr.Dropdown([*pairs(ARRAY_CHOICES), array.name], value=array.name)} | shown
        )

    def _load_own(self, values: dict, request: gr.Request) -> dict:
        ui, path = self.ui, values[self.ui.upload_area]
        if path is None:
            return {ui.upload_area: gr.skip()}
        try:
            channels = parse_channels(values[ui.channels])
            loaded = array_recording.load_recording(path, self.array(values), channels, Path(path).name)
            given = {ui.loaded: loaded, ui.length: round(min(loaded.seconds, DEFAULT_SECONDS), 3)}
            recording = self.recording(values | given | {ui.start: 0.0}, request.session_hash)
            self._live.close(request.session_hash)
            return (
                self.forget_results(request, values | given) | given | {ui.upload_area: None} | self._preview(recording)
            )
        except InputError as error:
            warn(str(error))
        except Exception:
            log.exception("loading failed")
            warn(APOLOGY)
        return {ui.upload_area: None}

    # ---- changing ----------------------------------------------------------------------------------------------

    def _edit(self, values: dict, event: gr.EventData, request: gr.Request) -> dict:
        try:
            voices = read_voices(event.voices)
        except InputError as error:
            warn(str(error))
            return {self.ui.caption: gr.skip()}
        return {self.ui.voices: voices} | self._rearrange(values | {self.ui.voices: voices}, request)

    def _rearrange(self, values: dict, request: gr.Request) -> dict:
        """Shows the changed room; a live view of it goes on. Results of the former room are forgotten."""
        session, shown = self._live.session(request.session_hash), self._previewed(values, request)
        forgotten = self.forget_results(request, values)
        if not self._live.is_open(request.session_hash):
            return forgotten | shown
        if session.room:
            session.room.arrange(self.arrangement(values))
        return forgotten | self._sound_of(shown)

    def _show_part(self, values: dict, request: gr.Request) -> dict:
        """Previews a part of a recording; invalid numbers, which may be half typed, are reported by Separate alone."""
        ui = self.ui
        if values[ui.kind] != RECORDING or values[ui.loaded] is None:
            return {ui.scope: gr.skip()}
        try:
            return self._sound_of(self._preview(self.recording(values, request.session_hash)))
        except InputError:
            return {ui.scope: gr.skip()}

    def _sound_of(self, shown: dict) -> dict:
        """The sound's part of a preview, which leaves a live view or a result in place."""
        return {widget: shown[widget] for widget in (self.ui.scope, self.ui.caption)}

    def _previewed(self, values: dict, request: gr.Request) -> dict:
        """As `_preview`; the array alone, with a warning on errors, where there is no recording."""
        ui = self.ui
        nothing = {ui.scope: None, ui.caption: html.caption_html(), ui.polar: polar.rest_view(self.array(values))}
        if values[ui.kind] == LIVE or (values[ui.kind] == RECORDING and values[ui.loaded] is None):
            return nothing
        try:
            return self._preview(self.recording(values, request.session_hash))
        except InputError as error:
            warn(str(error))
            return nothing

    def _preview(self, recording: ArrayRecording, autoplay: bool = False) -> dict:
        """A player of microphone 0, and the array at rest."""
        ui, first = self.ui, recording.first
        view = View([Track("Microphone 0", first)], uuid.uuid4().hex, offset=recording.start, autoplay=autoplay)
        caption = html.caption_html(recording.name, recording.seconds or first.seconds, recording.clip)
        return {ui.scope: payload(view), ui.caption: caption, ui.polar: polar.rest_view(recording.array)}
