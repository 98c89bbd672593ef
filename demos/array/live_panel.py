"""Live views of the localization tab, and beamformers towards clicked directions."""

import logging
import uuid
from types import SimpleNamespace

import gradio as gr

from core.arrays.beamforming import delay_and_sum, mvdr
from core.choices import parse_channels
from core.errors import InputError
from core.signal.clip import Clip
from demos.array import array_recording, live_sources, polar
from demos.array.array_recording import ArrayRecording
from demos.array.input_panel import QUIET, ArrayPanel
from demos.array.layout import LIVE, ROOM, SUM
from demos.array.live_routes import LiveRoutes
from demos.array.live_session import LiveSession
from demos.array.relay_routes import RelayRoutes
from demos.page import html, plots
from demos.page.runner import APOLOGY
from demos.page.scope import Track, View, payload
from demos.page.toasts import inform, warn

log = logging.getLogger(__name__)


class LivePanel:
    """The polar view's button and clicks, and the choice of live sources.

    Args:
        ui: the tab's widgets.
        panel: the tab's input.
        relay, live: routes of relayed arrays and of live views.
        concurrency: arguments of the beamformer's event that limit how many run at once.
    """

    def __init__(self, ui: SimpleNamespace, panel: ArrayPanel, relay: RelayRoutes, live: LiveRoutes, concurrency: dict):
        self.ui, self._input, self._relay, self._live = ui, panel, relay, live
        self._tokens: dict[str, str] = {}  # of the relay, by visitor
        begun = ui.polar.listen(self._start, ui.sound_inputs, ui.polar, **QUIET)
        begun.then(self._forget_heard, ui.sound_inputs, panel.outdated, **QUIET)
        once = {"trigger_mode": "always_last"} | concurrency
        ui.polar.select(self._beam, ui.sound_inputs | {ui.beamformer}, ui.beam, **once, **QUIET)
        sources = [ui.kind.input, ui.refresh_sources.click, ui.source.input, ui.array.input]
        shown = {ui.source, ui.source_note, ui.command, ui.connect, ui.polar} | panel.outdated
        gr.on(sources, self._refresh_sources, ui.sound_inputs, shown, **QUIET)

    def forget(self, visitor: str) -> None:
        """Ends the live view and the relay of a visitor who has left."""
        self._live.close(visitor)
        token = self._tokens.pop(visitor, None)
        if token:
            self._relay.revoke(token)

    def _refresh_sources(self, values: dict, request: gr.Request) -> dict:
        """Lists the sources; for the relay, shows the command with the visitor's token. What was heard is forgotten."""
        ui = self.ui
        if values[ui.kind] != LIVE:
            return {ui.source_note: gr.skip()}
        heard = self._live.session(request.session_hash) is not None
        self._live.close(request.session_hash)
        options, note = live_sources.choices(live_sources.may_use_devices(request))
        names = [value for _, value in options]
        chosen = values[ui.source] if values[ui.source] in names else names[0]
        command = gr.Textbox(visible=False)
        if chosen == live_sources.RELAY:
            try:
                token = self._relay_token(request.session_hash)
                text = live_sources.relay_command(request, token, self._input.array(values))
                command = gr.Textbox(text, visible=True)
            except InputError as error:
                note = str(error)
        note = html.notes_html([note] if note else [])
        listed = {ui.source: gr.Dropdown(options, value=chosen), ui.source_note: note, ui.command: command}
        if len(options) == len(live_sources.EVERYWHERE):  # no device is plugged in here
            listed[ui.connect] = gr.Accordion(open=True)
        circle = {ui.polar: polar.rest_view(self._input.array(values))} if heard else {}
        return self._input.forget_results(request, values) | listed | circle

    def _relay_token(self, visitor: str) -> str:
        """The visitor's token, a new one if it has expired.

        Raises:
            InputError: too many are in use.
        """
        token = self._tokens.get(visitor)
        if token is None or not self._relay.knows(token):
            token = self._tokens[visitor] = self._relay.issue()
        return token

    def _start(self, values: dict, request: gr.Request):
        """Opens a live view."""
        ui, visitor = self.ui, request.session_hash
        try:
            live_sources.check_array(self._input.array(values))
            recording = None if values[ui.kind] == LIVE else self._beginning(values, visitor)
            token = self._live.open(visitor, self._session(values, recording, request))
        except InputError as error:
            warn(str(error))
            return gr.skip()
        except Exception:
            log.exception("listening failed")
            warn(APOLOGY)
            return gr.skip()
        sound = recording.first if recording else None
        return polar.live_view(self._input.array(values), token, sound, movable=values[ui.kind] == ROOM)

    def _forget_heard(self, values: dict, request: gr.Request) -> dict:
        """Forgets results of what was heard live before."""
        again = values[self.ui.kind] == LIVE and self._live.is_open(request.session_hash)
        return self._input.forget_results(request, values) if again else {self.ui.checked: gr.skip()}

    def _session(self, values: dict, recording: ArrayRecording | None, request: gr.Request) -> LiveSession:
        ui, array = self.ui, self._input.array(values)
        if values[ui.kind] == ROOM:
            return live_sources.room_session(self._input.arrangement(values), array)
        if recording is not None:
            return live_sources.recording_session(recording)
        source = values[ui.source]
        if source == live_sources.SIMULATED:
            return live_sources.simulated_session(array)
        if source == live_sources.RELAY:
            return live_sources.relay_session(self._relay, self._relay_token(request.session_hash))
        if not live_sources.may_use_devices(request):
            raise InputError("The microphones of this host are not on offer from elsewhere; relay an array of yours.")
        return live_sources.device_session(source, array, parse_channels(values[ui.channels]))

    def _beginning(self, values: dict, visitor: str) -> ArrayRecording:
        """The chosen recording, or as much of its beginning as is worked on at once; then it says so.

        Raises:
            InputError: as `ArrayPanel.recording`.
        """
        recording = self._input.recording(values, visitor)
        beginning, clip = array_recording.beginning_of(recording), recording.clip
        if beginning is not recording:
            seconds = html.seconds_text(beginning.clip.seconds)
            inform(f"Of so many channels ({clip.channels} at {clip.sample_rate} Hz) the first {seconds} are heard.")
        return beginning

    def _beam(self, values: dict, event: gr.EventData, request: gr.Request):
        """The sound from a clicked direction, beside microphone 0."""
        try:
            recording, angle = self._beginning(values, request.session_hash), float(event.angle) % 360
        except (InputError, TypeError) as error:
            warn(str(error))
            return gr.skip()
        beamform = delay_and_sum if values[self.ui.beamformer] == SUM else mvdr
        clip, first = recording.clip, recording.first
        samples = beamform(clip.samples, recording.array, angle * html.RADIAN, clip.sample_rate)
        tracks = [Track(f"{angle:.0f}°", Clip(samples, clip.sample_rate)), Track("Microphone 0", first)]
        top_db = plots.loudest_db(first)
        return payload(View(tracks, uuid.uuid4().hex, top_db, offset=recording.start, autoplay=True))
