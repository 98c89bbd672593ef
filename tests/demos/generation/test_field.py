"""What is shown of layers and what they see."""

from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import torch

from core.models.receptive_field import Sight
from core.signal.clip import Clip
from core.signal.files import write_clip
from core.tasks.receptive_field import look_at_sound
from demos.generation import field
from demos.generation.field_view import FAINTEST, image_payload, shades, sound_payload
from demos.page import menus
from demos.page.source import load
from tests.tasks.images import SIZE, register_pixels


@pytest.fixture
def tone() -> Clip:
    return Clip(0.1 * np.sin(0.2 * np.arange(8000, dtype=np.float32))[None], 16000)


def test_what_is_not_seen_is_dark_and_what_is_seen_never_is():
    shade = shades(np.array([0.0, 1e-30, 1e-3, 1.0]))
    assert shade[0] == 0 and shade[1] == pytest.approx(FAINTEST) and shade[3] == 1
    assert shade[2] == pytest.approx(FAINTEST + (1 - FAINTEST) / 2)
    assert not shades(np.zeros(3)).any()


def test_a_sound_is_shown_with_how_far_each_layer_sees(tiny_wavenet, tone):
    look = look_at_sound(tone, tiny_wavenet, 0.25)
    shown = sound_payload(look, list(look.sights()))
    assert shown["kind"] == "sound" and shown["place"] == [0.25] and shown["seconds"] == 0.5
    assert [layer["said"] for layer in shown["layers"][:2]] == ["3 samples, 0.188 ms", "7 samples, 0.438 ms"]


def test_an_image_is_shown_with_what_each_block_sees():
    weight = torch.zeros(SIZE)
    weight[0, :2] = 1
    shown = image_payload(np.ones((1, *SIZE), np.float32), (1, 1), [Sight("Block 1", weight)])
    assert (shown["height"], shown["width"]) == SIZE and shown["layers"][0]["said"] == "2 pixels"


def test_looks_come_layer_by_layer(tiny_wavenet, own_home, tmp_path, tone):
    write_clip(tmp_path / "tone.wav", tone)
    loaded = load(str(tmp_path / "tone.wav"))
    moments = [shown for _, shown, _ in field._look(tiny_wavenet, loaded, None, 0.25, 0, 0) if isinstance(shown, dict)]
    assert [len(shown["layers"]) for shown in moments[:3]] == [1, 2, 3]
    register_pixels(own_home)
    *_, (status, _, _) = field._look("pixels", None, None, 0, 3, 2)
    assert "of 30 pixels are seen" in status


@pytest.mark.parametrize(("at", "row"), [(9.0, 0), (0.25, 9)])
def test_places_outside_get_a_sentence(tiny_wavenet, own_home, tmp_path, tone, monkeypatch, at, row):
    said = []
    monkeypatch.setattr(field, "warn", said.append)
    register_pixels(own_home)
    write_clip(tmp_path / "tone.wav", tone)
    loaded = load(str(tmp_path / "tone.wav"))
    prior = tiny_wavenet if at == 9.0 else "pixels"
    *_, (status, _, _) = field._look(prior, loaded, None, at, row, 0)
    assert "Nothing to show" in status and len(said) == 1 and "outside" in said[0]


def test_a_click_is_a_time_or_a_pixel():
    assert field._picked(SimpleNamespace(place=[0.25]))[0] == 0.25
    assert field._picked(SimpleNamespace(place=[3, 4]))[1:] == (3, 4)
    for wrong in ("here", None, ["a"], []):
        assert all(part == gr.skip() for part in field._picked(SimpleNamespace(place=wrong))), wrong


def test_examples_whose_model_is_not_here_are_not_offered():
    piano, digit = "Piano, WaveNet", "A digit, PixelCNN"
    here = [menus.Choice(field.EXAMPLES[piano]["prior"], "Piano")]
    assert list(field._offered(here)) == [piano] and field._offered([]) == {}
    assert digit in field._offered([*here, menus.Choice(field.EXAMPLES[digit]["prior"], "Digits")])
