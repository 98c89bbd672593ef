"""The channel check of the localization tab: levels at once; the order of the channels by taps, also live."""

from types import SimpleNamespace

import gradio as gr

from core.choices import parse_channels
from core.errors import InputError
from demos.array import array_recording, channel_check
from demos.array.input_panel import QUIET, ArrayPanel
from demos.array.layout import LIVE
from demos.array.live_routes import LiveRoutes
from demos.page import html


class ChannelPanel:
    """The widgets of the check, and their events.

    Args:
        ui: the tab's widgets.
        panel: the tab's input.
        live: the visitors' live sessions.
    """

    def __init__(self, ui: SimpleNamespace, panel: ArrayPanel, live: LiveRoutes):
        self.ui, self._input, self._live = ui, panel, live
        tapped = {ui.checked, ui.tapping, ui.clock}
        ui.check_levels.click(self._check_levels, ui.sound_inputs, ui.checked, **QUIET)
        ui.check_order.click(self._check_order, ui.sound_inputs, tapped, **QUIET)
        ui.clock.tick(self._tap, ui.sound_inputs | {ui.tapping}, tapped, queue=False, **QUIET)
        others = [ui.kind.change, ui.array.change, ui.source.change, ui.loaded.change]
        gr.on(others, self._forget, None, tapped, **QUIET)

    def _check_levels(self, values: dict, request: gr.Request) -> str:
        try:
            recording = self._input.recording(values, request.session_hash)
        except InputError as error:
            return html.notes_html([str(error)])
        clip = recording.clip
        if values[self.ui.kind] == LIVE:
            clip = clip.cut(max(clip.frames - round(channel_check.LEVEL_SECONDS * clip.sample_rate), 0), clip.frames)
        return channel_check.levels_html(clip.samples, clip.sample_rate, recording.array)

    def _check_order(self, values: dict, request: gr.Request) -> dict:
        """Checks a recording at once; live, waits for the taps."""
        ui, visitor = self.ui, request.session_hash
        try:
            recording = self._input.recording(values, visitor)
        except InputError as error:
            return {ui.checked: html.notes_html([str(error)])}
        if values[ui.kind] != LIVE:
            clip = recording.clip
            return {ui.checked: channel_check.order_html(clip.samples, clip.sample_rate, recording.stream)}
        if not self._live.is_open(visitor):
            return {ui.checked: html.notes_html(["Listen live first; then check the order, and tap."])}
        asked, source = channel_check.taps_html([], recording.array.count), self._live.session(visitor).source
        return {ui.checked: asked, ui.tapping: source.frames, ui.clock: gr.Timer(active=True)}

    def _forget(self) -> dict:
        """Clears the result of another input."""
        return {self.ui.checked: "", self.ui.tapping: None, self.ui.clock: gr.Timer(active=False)}

    def _tap(self, values: dict, request: gr.Request) -> dict:
        """Shows the taps so far; the result once there are enough, after the patience, or at the session's end."""
        ui, visitor = self.ui, request.session_hash
        session, over = self._live.session(visitor), {ui.tapping: None, ui.clock: gr.Timer(active=False)}
        if values[ui.tapping] is None or session is None or session.source is None:
            return over
        source = session.source
        samples, array = source.since(values[ui.tapping]), source.geometry
        taps = channel_check.taps_in(samples, source.sample_rate)
        patience = channel_check.PATIENCE_SECONDS * source.sample_rate
        waiting = source.frames - values[ui.tapping] <= patience  # by count, as fewer samples may be kept
        if len(taps) < array.count and waiting and self._live.is_open(visitor):
            return {ui.checked: channel_check.taps_html(taps, array.count)}
        try:
            stream = array_recording.from_session(session, parse_channels(values[ui.channels])).stream
        except InputError as error:
            return over | {ui.checked: html.notes_html([str(error)])}
        return over | {ui.checked: channel_check.order_html(samples, source.sample_rate, stream)}
