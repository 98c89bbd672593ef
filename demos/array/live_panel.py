"""Listening on the localization tab: live views of whatever the array hears, and single directions that are clicked."""

import logging
import uuid
from types import SimpleNamespace

import gradio as gr

from core.arrays.beamforming import delay_and_sum, mvdr
from core.errors import InputError
from core.signal.clip import Clip
from demos.array import input_sound, live_sources, polar
from demos.array.input_panel import QUIET, ArrayPanel
from demos.array.input_sound import Heard
from demos.array.layout import LIVE, ROOM, SUM
from demos.array.live_routes import LiveDoor
from demos.array.live_session import Listening
from demos.array.relay_routes import RelayDoor
from demos.page import html, plots
from demos.page.runner import APOLOGY
from demos.page.scope import Track, View, payload

log = logging.getLogger(__name__)


class LivePanel:
    """What the polar view's button and clicks do, and where live sound comes from.

    Args:
        ui: the tab's widgets.
        given: the input.
        relay, live: where arrays elsewhere come in, and live views go out.
        concurrency: arguments of the beamformer's event that bound how many run at once.
    """

    def __init__(self, ui: SimpleNamespace, given: ArrayPanel, relay: RelayDoor, live: LiveDoor, concurrency: dict):
        self.ui, self._given, self._relay, self._live = ui, given, relay, live
        self._tokens: dict[str, str] = {}  # of the relay, by visitor
        ui.polar.listen(self._listen, ui.heard, ui.polar, **QUIET)
        once = {"trigger_mode": "always_last"} | concurrency
        ui.polar.select(self._beam, ui.heard | {ui.beamformer}, ui.beam, **once, **QUIET)
        sources = [ui.kind.input, ui.again.click, ui.source.input, ui.array.input]
        gr.on(sources, self._look, ui.heard, {ui.source, ui.said, ui.command}, **QUIET)

    def forget(self, visitor: str) -> None:
        """Ends everything of a visitor who has left."""
        self._live.close(visitor)
        token = self._tokens.pop(visitor, None)
        if token:
            self._relay.revoke(token)

    def _look(self, values: dict, request: gr.Request) -> dict:
        """What can be listened to now; for the relay, the command with the visitor's token."""
        ui = self.ui
        if values[ui.kind] != LIVE:
            return {ui.said: gr.skip()}
        self._live.close(request.session_hash)
        options, said = live_sources.choices(live_sources.may_use_devices(request))
        names = [value for _, value in options]
        chosen = values[ui.source] if values[ui.source] in names else names[0]
        command = gr.Textbox(visible=False)
        if chosen == live_sources.RELAY:
            try:
                token = self._relay_token(request.session_hash)
                text = live_sources.relay_command(request, token, self._given.array(values))
                command = gr.Textbox(text, visible=True)
            except InputError as error:
                said = str(error)
        said = html.notes_html([said] if said else [])
        return {ui.source: gr.Dropdown(options, value=chosen), ui.said: said, ui.command: command}

    def _relay_token(self, visitor: str) -> str:
        """The visitor's own, a new one where the last has ended.

        Raises:
            InputError: too many are in use.
        """
        token = self._tokens.get(visitor)
        if token is None or not self._relay.knows(token):
            token = self._tokens[visitor] = self._relay.issue()
        return token

    def _listen(self, values: dict, request: gr.Request):
        """Opens a live view."""
        ui, visitor = self.ui, request.session_hash
        try:
            live_sources.check_array(self._given.array(values))
            heard = None if values[ui.kind] == LIVE else self._beginning(values, visitor)
            token = self._live.open(visitor, self._listening(values, heard, request))
        except InputError as error:
            gr.Warning(str(error))
            return gr.skip()
        except Exception:
            log.exception("listening failed")
            gr.Warning(APOLOGY)
            return gr.skip()
        sound = heard.first if heard else None
        return polar.live(self._given.array(values), token, sound, movable=values[ui.kind] == ROOM)

    def _listening(self, values: dict, heard: Heard | None, request: gr.Request) -> Listening:
        ui, array = self.ui, self._given.array(values)
        if values[ui.kind] == ROOM:
            return live_sources.listen_to_room(self._given.arrangement(values), array)
        if heard is not None:
            return live_sources.listen_to_recording(heard)
        source = values[ui.source]
        if source == live_sources.STAND_IN:
            return live_sources.listen_to_stand_in(array)
        if source == live_sources.RELAY:
            return live_sources.listen_to_relay(self._relay, self._relay_token(request.session_hash))
        if not live_sources.may_use_devices(request):
            raise InputError("The microphones of this host are not on offer from elsewhere; relay an array of yours.")
        return live_sources.listen_to_device(source, array, input_sound.parse_channels(values[ui.channels]))

    def _beginning(self, values: dict, visitor: str) -> Heard:
        """What the array heard, as much of it as is worked on while one waits; says so where that is not all.

        Raises:
            InputError: as `ArrayPanel.heard`.
        """
        heard = self._given.heard(values, visitor)
        beginning = input_sound.beginning_of(heard)
        if beginning is not heard:
            seconds, channels = html.seconds_text(beginning.clip.seconds), heard.clip.channels
            gr.Info(f"Of so many channels ({channels} at {heard.clip.sample_rate} Hz) the first {seconds} are heard.")
        return beginning

    def _beam(self, values: dict, event: gr.EventData, request: gr.Request):
        """What comes from a direction that was clicked, beside what microphone 0 hears."""
        try:
            heard, angle = self._beginning(values, request.session_hash), float(event.angle) % 360
        except (InputError, TypeError) as error:
            gr.Warning(str(error))
            return gr.skip()
        beamform = delay_and_sum if values[self.ui.beamformer] == SUM else mvdr
        samples = beamform(heard.clip.samples, heard.array, angle * html.RADIAN, heard.clip.sample_rate)
        tracks = [Track(f"{angle:.0f}°", Clip(samples, heard.clip.sample_rate)), Track("Microphone 0", heard.first)]
        top_db = plots.loudest_db(heard.first)
        return payload(View(tracks, uuid.uuid4().hex, top_db, offset=heard.start, autoplay=True))
