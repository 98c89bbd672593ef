"""The vocoding tab without a browser: spectrogram files, and what belongs to models that are sampled alone."""

from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest

from core.signal.files import read_clip
from core.signal.mel import FRONT_ENDS
from core.signal.spectrogram_files import write_spectrogram
from core.tasks.vocoding import spectrogram_of
from demos.page.examples import SOUNDS
from demos.page.history import Histories
from demos.tabs.vocoding import FASTEST, VocodingPanel, has_chain

ANNA = SimpleNamespace(session_hash="anna")


@pytest.fixture
def panel(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    with gr.Blocks(), gr.Tabs(), gr.Tab("Vocoding"):
        return VocodingPanel(Histories())


@pytest.fixture
def tacotrons(tmp_path):
    """A file as a text-to-speech system gives it, of one second of speech."""
    path = tmp_path / "said.npz"
    clip = read_clip(SOUNDS / "speech.flac", start=1.0, length=1.0).clip
    write_spectrogram(path, spectrogram_of(clip, FRONT_ENDS["tacotron"]))
    return str(path)


def test_the_fast_vocoder_comes_first_and_has_no_chain(panel):
    ui = panel.ui
    assert ui.prior.value == FASTEST == "voice-vocoder" and not has_chain(FASTEST) and has_chain("voice-16k")
    assert not any(widget.visible for widget in (ui.quality, ui.sampler, ui.steps, ui.choices["temperature"]))
    assert {"voice-16k", "voice-16k-mel"} <= {value for _, value in ui.prior.choices}


def test_a_spectrogram_of_a_text_to_speech_system_is_opened_and_played(panel, tacotrons):
    ui = panel.ui
    shown = panel._open(tacotrons, FASTEST, ANNA)
    assert "22.05 kHz" in shown[ui.caption]
    values = {widget: widget.value for widget in ui.inputs} | {ui.prior: FASTEST}
    values |= {widget: value for widget, value in shown.items() if widget in values}
    *_, last = panel._perform(values, ANNA.session_hash)
    assert "brought to the bands and frames of voice-vocoder" in last[ui.notes]
    assert [track["name"] for track in panel._histories.get("anna", "vocode").shelf.compared["tracks"]] == [
        "Result",
        "Griffin-Lim",
    ]


def test_its_picture_is_of_what_is_asked_for(panel, tacotrons):
    loaded = panel._open(tacotrons, FASTEST, ANNA)[panel.ui.loaded]
    picture, file = panel._asked(loaded, 0.0, None, FASTEST, 1.0, 0)
    assert "80 bands" in picture
    assert panel._asked(loaded, 0.0, None, FASTEST, 99.0, 0) == (gr.skip(), gr.skip()), "half typed"
    with np.load(getattr(file, "value", file), allow_pickle=False) as saved:
        assert saved["hop_length"] == 128 and saved["sample_rate"] == 16000
