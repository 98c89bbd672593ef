"""What layers see from a sample or a pixel of what the visitor brought."""

import numpy as np
import pytest

from core import zoo
from core.errors import InputError
from core.signal.clip import Clip
from core.tasks.loading import load_image_prior
from core.tasks.receptive_field import look_at_image, look_at_sound
from core.tasks.settings import Settings
from tests.tasks.images import SIZE, register_pixels

RATE = 16000


def tone(seconds: float = 0.1, level: float = 0.1) -> Clip:
    return Clip(level * np.sin(0.3 * np.arange(round(seconds * RATE)))[None], RATE)


def test_a_wavenet_sees_its_receptive_field_before_the_sample(tiny_wavenet):
    look = look_at_sound(tone(), tiny_wavenet, 0.05)
    field = zoo.load(tiny_wavenet).receptive_field
    assert look.at == 800 and look.first == 800 - round(field * 17 / 16)
    *_, last, prediction = look.sights()
    assert int((last.weight != 0).sum()) == field and last.weight[-1] != 0
    assert prediction.layer == "Prediction" and not prediction.weight[last.weight == 0].any()


def test_at_the_beginning_there_is_less_to_see(tiny_wavenet):
    look = look_at_sound(tone(), tiny_wavenet, 3 / RATE)
    assert look.first == 0 and all(len(sight.weight) == 3 for sight in look.sights())


def test_what_cannot_be_looked_at_is_said(tiny_wavenet, tiny_prior):
    for clip, prior, seconds, why in (
        (tone(), tiny_wavenet, 0.1, "outside the 0.10 s"),
        (tone(), tiny_wavenet, 0.0, "outside the 0.10 s"),
        (tone(level=0.0), tiny_wavenet, 0.05, "silence"),
        (tone(), tiny_prior, 0.05, "choose a WaveNet"),
    ):
        with pytest.raises(InputError, match=why):
            look_at_sound(clip, prior, seconds)


def test_a_pixelcnn_sees_what_is_before_the_pixel(own_home):
    register_pixels(own_home)
    prior = load_image_prior("generate", Settings("pixels"))
    image = np.random.default_rng(0).random((1, *SIZE), np.float32)
    sights = list(look_at_image(image, prior, 3, 2, "bar"))
    assert [sight.layer for sight in sights] == ["Block 1", "Block 2", "Prediction"]
    for sight in sights:
        seen = sight.weight.numpy().ravel() != 0
        assert seen[: 3 * SIZE[1] + 2].any() and not seen[3 * SIZE[1] + 2 :].any()
    with pytest.raises(InputError, match="lies outside the image of 6 rows and 5 columns"):
        look_at_image(image, prior, 6, 0)
