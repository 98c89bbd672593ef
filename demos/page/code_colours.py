"""Colours of codes are likenesses: codes that stand for sounds that are alike have nearly the same."""

import colorsys

import numpy as np

SATURATION, LIGHTNESS, LIGHTER = 0.42, 0.54, 0.12  # of the colours, and by how much one is lighter or darker


def colours_of(places: np.ndarray) -> list[str]:
    """A colour for every code: its hue is the direction in which it stands from the middle, lighter on one side.

    Args:
        places: of `core.models.codebooks.likeness`.
    """
    hues = np.arctan2(places[:, 1], places[:, 0]) / (2 * np.pi) % 1
    lightness = LIGHTNESS + LIGHTER * places[:, 2]
    shades = (colorsys.hls_to_rgb(*pair, SATURATION) for pair in zip(hues, lightness, strict=True))
    return ["#" + "".join(f"{round(255 * part):02x}" for part in shade) for shade in shades]
