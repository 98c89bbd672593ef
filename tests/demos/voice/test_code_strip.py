"""The strip of codes: colours that say what is alike, and payloads whose pictures and codes are equally long."""

import colorsys

import numpy as np
import pytest

from core.signal.clip import Clip
from core.tasks.code_editing import edited, first_take
from core.tasks.settings import Settings
from core.tasks.utterance import hear, load_speech, understand
from core.tasks.voice import voice_of
from core.tasks.voice_conversion import Manner, speak
from demos.voice.code_strip import StripView, colours_of, payload
from tests.tasks.test_voice_conversion import RATE, talk


def hue(colour: str) -> float:
    return colorsys.rgb_to_hls(*(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)))[0]


def test_what_is_alike_has_nearly_the_same_colour():
    angles = np.array([0.0, 0.05, np.pi / 2, np.pi])
    colours = colours_of(np.stack([np.cos(angles), np.sin(angles), np.zeros(4)], axis=1))
    assert all(len(colour) == 7 and colour[0] == "#" for colour in colours)
    hues = [hue(colour) for colour in colours]
    assert hues == pytest.approx([0.0, 0.008, 0.25, 0.5], abs=0.01)


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
