"""The button of live voices: it opens a session with the chosen voice, or says why not."""

from types import SimpleNamespace

import gradio as gr
import pytest

from core.tasks.live_conversion import LiveConversion
from core.tasks.settings import Settings
from core.tasks.utterance import load_speech
from core.tasks.voice import speaker_voice
from core.tasks.voice_conversion import Manner
from demos.voice.live_routes import LiveVoiceRoutes
from demos.voice.live_voice import LiveVoicePanel, live_voice

ANNA = SimpleNamespace(session_hash="anna")


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """The sentences that pop up."""
    texts = []
    monkeypatch.setattr(gr, "Warning", texts.append)
    return texts


def panel(routes: LiveVoiceRoutes, read) -> tuple[LiveVoicePanel, gr.Textbox]:
    with gr.Blocks():
        name = gr.Textbox()
        return LiveVoicePanel(live_voice(), routes, lambda values, _: read(values[name]), {name}), name


def read(name: str, semitones: float = 2.0) -> LiveConversion:
    speech = load_speech(Settings())
    return LiveConversion(speaker_voice(name, speech), speech, Manner(semitones))


def test_a_session_is_opened_with_the_chosen_voice():
    routes = LiveVoiceRoutes()
    button, name = panel(routes, read)
    view = button._open({name: "ls1998"}, ANNA)
    assert view["rate"] == 16000 and view["chunk"] == 7168 and 0 < view["behind"] < 0.25
    assert len(view["token"]) == 64 and routes.speakers == 1


def test_what_cannot_be_spoken_with_gets_a_sentence(said):
    routes = LiveVoiceRoutes()
    button, name = panel(routes, read)
    assert "value" not in button._open({name: "nobody"}, ANNA)
    assert said[0].startswith("There is no speaker") and routes.speakers == 0


def test_what_goes_wrong_here_is_not_shown(said):
    def broken(name: str):
        raise ValueError(name)

    button, name = panel(LiveVoiceRoutes(), broken)
    button._open({name: "ls1998"}, ANNA)
    assert len(said) == 1 and "our side" in said[0]


def test_a_transposition_out_of_range_is_refused(said):
    button, name = panel(LiveVoiceRoutes(), lambda name: read(name, 30.0))
    button._open({name: "ls1998"}, ANNA)
    assert "24 semitones" in said[0]
