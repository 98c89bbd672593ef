"""The separation tab without a browser: what it shows once other sounds are chosen."""

from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import soundfile

from core.choices import WAVEFORM
from demos.page.history import Histories
from demos.page.source import load
from demos.separation.examples import EXAMPLES, MIXTURE, SOURCES
from demos.tabs.separation import SeparationPanel

ANNA = SimpleNamespace(session_hash="anna")


@pytest.fixture
def panel(own_home, tmp_path, monkeypatch) -> SeparationPanel:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(gr, "Warning", lambda text: None)
    with gr.Blocks(), gr.Tabs(), gr.Tab("Separation"):
        return SeparationPanel(Histories())


def empty(panel: SeparationPanel, shown: dict) -> bool:
    """Whether nothing of a run is left on the page."""
    ui = panel.ui
    nothing = not any(shown[widget] for widget in (ui.monitor, ui.compare, ui.metrics, ui.notes, ui.made))
    return nothing and "Ready" in shown[ui.status] and shown[ui.run].interactive


def test_another_mixture_takes_the_results_of_the_last_one_away(panel, tmp_path):
    ui = panel.ui
    soundfile.write(tmp_path / "tone.wav", 0.1 * np.sin(np.arange(8000) / 9), 16000)
    tone = load(str(tmp_path / "tone.wav"))
    held = {
        ui.kind: SOURCES,
        ui.first: tone,
        ui.second: tone,
        ui.level: 3.0,
        ui.start: 0.0,
        ui.length: 0.5,
        ui.method: WAVEFORM,
    }
    assert empty(panel, panel._example_loader(EXAMPLES[0])(ANNA))
    assert empty(panel, panel._preview(held, ANNA)), "another level is another mixture"
    let_in = panel._acceptor(ui.door, ui.first)
    alone = held | {ui.second: None, ui.door: str(tmp_path / "tone.wav")}
    assert empty(panel, let_in(alone, ANNA)), "while its second sound is still missing, too"
    shown = let_in(alone | {ui.kind: MIXTURE}, ANNA)
    assert empty(panel, shown) and shown[ui.first] == tone and "tone.wav" in shown[ui.caption]


def test_the_part_of_a_mixture_is_shown_in_the_longer_of_its_sounds(panel, tmp_path):
    ui = panel.ui
    given = []
    for name, seconds in (("long", 70), ("longer", 90)):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * np.sin(np.arange(8000 * seconds) / 9), 8000)
        given.append(load(str(tmp_path / f"{name}.wav")))
    values = {ui.kind: SOURCES, ui.first: given[0], ui.second: given[1], ui.level: 0.0, ui.start: 40.0, ui.length: 10.0}
    shown = panel._show_part(values)
    assert shown["part"] == [40.0, 50.0]
    assert [shown["value"][name] for name in ("offset", "seconds", "file_seconds")] == [15.0, 60.0, 90.0]
    assert panel._show_part(values | {ui.kind: MIXTURE})["value"]["offset"] == 10.0, "the other one's end comes earlier"


def test_a_refused_file_takes_nothing_away(panel, tmp_path):
    ui = panel.ui
    (tmp_path / "words.wav").write_bytes(b"these are words, not audio")
    let_in = panel._acceptor(ui.door, ui.first)
    held = {ui.kind: MIXTURE, ui.first: None, ui.second: None, ui.level: 0.0, ui.door: str(tmp_path / "words.wav")}
    assert let_in(held, ANNA) == {ui.door: None}
