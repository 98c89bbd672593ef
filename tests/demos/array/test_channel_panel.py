"""The tap check of a live session ends with a result or with a sentence."""

from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest

from core.arrays.geometry import ARRAYS, circular
from core.arrays.live.sources import RecordingSource
from demos.array import channel_check, layout
from demos.array.channel_panel import ChannelPanel
from demos.array.input_panel import EXAMPLES, ArrayPanel
from demos.array.live_routes import LiveRoutes
from demos.array.live_session import BufferedSource, LiveSession
from tests.clocks import AT_ONCE

VISITOR = SimpleNamespace(session_hash="anna")
MANY = circular("many", 16, 0.1, sample_rate=48_000)


@pytest.fixture
def panel(own_home) -> ChannelPanel:
    with gr.Blocks(), gr.Tabs(), gr.Tab("Localization"):
        ui = layout.build("", [example.label for example in EXAMPLES], "", "")
        live = LiveRoutes()
        return ChannelPanel(ui, ArrayPanel(ui, live), live)


def listen(panel: ChannelPanel, array, seconds: float) -> None:
    """Opens the visitor's session, with so many seconds of silence."""
    block = RecordingSource(np.zeros((array.count, array.sample_rate // 2)), array, array.sample_rate, clock=AT_ONCE)
    session = LiveSession(lambda: block)
    session.source = BufferedSource(block)
    for _ in range(round(2 * seconds)):
        list(session.source.blocks())
    panel._live.open("anna", session)


def tick(panel: ChannelPanel, typed: str = "") -> dict:
    """What the clock's next tick changes, by the widgets' names."""
    ui = panel.ui
    shown = panel._tap({ui.tapping: 0, ui.channels: typed}, VISITOR)
    return {name: shown[getattr(ui, name)] for name in ("checked", "tapping", "clock") if getattr(ui, name) in shown}


def test_taps_are_waited_for_as_long_as_patience_lasts(panel):
    listen(panel, ARRAYS["respeaker-4"], channel_check.PATIENCE_SECONDS)
    shown = tick(panel)
    assert "Tap microphone 0 now." in shown["checked"] and "clock" not in shown


def test_patience_ends_where_fewer_seconds_are_kept_than_it_lasts(panel):
    """Of sixteen microphones at 48 kHz the last five seconds are kept."""
    listen(panel, MANY, channel_check.PATIENCE_SECONDS + 1)
    shown = tick(panel)
    assert "not told apart" in shown["checked"] and not shown["clock"].active and shown["tapping"] is None


@pytest.mark.parametrize(("typed", "sentence"), [("abc", "no list of channels"), ("1,2", "raw_channels")])
def test_what_is_typed_wrong_meanwhile_is_said_once(panel, typed, sentence):
    listen(panel, ARRAYS["respeaker-4"], channel_check.PATIENCE_SECONDS + 1)
    shown = tick(panel, typed)
    assert sentence in shown["checked"] and not shown["clock"].active and shown["tapping"] is None
