"""The strip of codes: payloads whose pictures and codes are equally long."""

import numpy as np
import pytest

from core.signal.clip import Clip
from core.tasks.code_editing import edited, first_take
from core.tasks.settings import Settings
from core.tasks.utterance import hear, load_speech, understand
from core.tasks.voice import voice_of
from core.tasks.voice_conversion import Manner, speak
from demos.voice.code_strip import StripView, payload
from tests.tasks.test_voice_conversion import RATE, talk


def test_a_payload_has_an_order_that_its_pictures_follow(tiny_converter, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    speech, source = load_speech(Settings(tiny_converter)), talk(1.0)
    utterance = understand(hear(source, speech), speech)
    voice = voice_of(talk(6.0, 200.0), speech)
    take = first_take(utterance, voice, Manner(), np.concatenate(list(speak(utterance, voice, speech, Manner()))))
    shorter = edited(take, take.order[5:], speech)
    colours = ["#000000"] * 256
    whole, rest = (payload(StripView("k", "ada", one, Clip(source.samples, RATE), colours)) for one in (take, shorter))
    assert whole["order"] == list(range(len(whole["codes"]))) and rest["order"] == whole["order"][5:]
    assert rest["codes"] == whole["codes"] and rest["source"] == whole["source"] and rest["result"] != whole["result"]
    assert whole["seconds"] == pytest.approx(512 / RATE) and whole["audio"]["path"].endswith("clip.wav")
