"""Colours of codes say what is alike."""

import colorsys

import numpy as np
import pytest

from demos.page.code_colours import colours_of


def hue(colour: str) -> float:
    return colorsys.rgb_to_hls(*(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)))[0]


def test_what_is_alike_has_nearly_the_same_colour():
    angles = np.array([0.0, 0.05, np.pi / 2, np.pi])
    colours = colours_of(np.stack([np.cos(angles), np.sin(angles), np.zeros(4)], axis=1))
    assert all(len(colour) == 7 and colour[0] == "#" for colour in colours)
    hues = [hue(colour) for colour in colours]
    assert hues == pytest.approx([0.0, 0.008, 0.25, 0.5], abs=0.01)
