"""The channel check of the localization tab: levels at once, the order by taps that are waited for."""

from types import SimpleNamespace

import gradio as gr

from core.errors import InputError
from demos.array import channel_check, input_sound
from demos.array.input_panel import QUIET, ArrayPanel
from demos.array.layout import LIVE
from demos.array.live_routes import LiveDoor
from demos.page import html


class ChannelPanel:
    """The check's widgets and what they do.

    Args:
        ui: the tab's widgets.
        given: the input.
        live: holds the visitors' live views.
    """

    def __init__(self, ui: SimpleNamespace, given: ArrayPanel, live: LiveDoor):
        self.ui, self._given, self._live = ui, given, live
        tapped = {ui.checked, ui.tapping, ui.clock}
        ui.check_levels.click(self._check_levels, ui.heard, ui.checked, **QUIET)
        ui.check_order.click(self._check_order, ui.heard, tapped, **QUIET)
        ui.clock.tick(self._tap, ui.heard | {ui.tapping}, tapped, queue=False, **QUIET)
        others = [ui.kind.change, ui.array.change, ui.source.change, ui.loaded.change]
        gr.on(others, self._forget, None, tapped, **QUIET)

    def _check_levels(self, values: dict, request: gr.Request) -> str:
        try:
            clip = self._given.heard(values, request.session_hash).clip
        except InputError as error:
            return html.notes_html([str(error)])
        if values[self.ui.kind] == LIVE:
            clip = clip.cut(max(clip.frames - round(channel_check.LEVEL_SECONDS * clip.sample_rate), 0), clip.frames)
        return channel_check.levels_html(clip.samples, clip.sample_rate)

    def _check_order(self, values: dict, request: gr.Request) -> dict:
        """Of a recording at once; live, the taps are waited for."""
        ui, visitor = self.ui, request.session_hash
        try:
            heard = self._given.heard(values, visitor)
        except InputError as error:
            return {ui.checked: html.notes_html([str(error)])}
        if values[ui.kind] != LIVE:
            return {ui.checked: channel_check.order_html(heard.clip.samples, heard.clip.sample_rate, heard.stream)}
        if not self._live.is_open(visitor):
            return {ui.checked: html.notes_html(["Listen live first; then check the order, and tap."])}
        asked = channel_check.taps_html([], heard.array.count)
        return {ui.checked: asked, ui.tapping: self._live.of(visitor).ear.heard, ui.clock: gr.Timer(active=True)}

    def _forget(self) -> dict:
        """What was checked is not what is chosen now."""
        return {self.ui.checked: "", self.ui.tapping: None, self.ui.clock: gr.Timer(active=False)}

    def _tap(self, values: dict, request: gr.Request) -> dict:
        """What was tapped up to now, and the verdict once every microphone was, or nothing comes any more."""
        ui, visitor = self.ui, request.session_hash
        listening, over = self._live.of(visitor), {ui.tapping: None, ui.clock: gr.Timer(active=False)}
        if values[ui.tapping] is None or listening is None or listening.ear is None:
            return over
        ear = listening.ear
        samples, array = ear.since(values[ui.tapping]), ear.geometry
        taps = channel_check.taps_in(samples, ear.sample_rate)
        waited = (
            ear.heard - values[ui.tapping] > channel_check.PATIENCE_SECONDS * ear.sample_rate
        )  # fewer samples are kept
        if len(taps) < array.count and not waited and self._live.is_open(visitor):
            return {ui.checked: channel_check.taps_html(taps, array.count)}
        try:
            stream = input_sound.from_listening(listening, input_sound.parse_channels(values[ui.channels])).stream
        except InputError as error:
            return over | {ui.checked: html.notes_html([str(error)])}
        return over | {ui.checked: channel_check.order_html(samples, ear.sample_rate, stream)}
