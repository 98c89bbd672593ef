"""Tiles cover an image once, and see as far as their margin lets them."""

import numpy as np
import pytest

from core.priors.tiles import tiles


@pytest.mark.parametrize(("height", "width"), [(5, 5), (12, 7), (1, 30)])
def test_tiles_cover_an_image_once_and_see_their_margin(height, width):
    image, covered = np.arange(height * width).reshape(height, width), np.zeros((height, width), int)
    for tile in tiles(height, width, 5, 3):
        covered[tile.own] += 1
        np.testing.assert_array_equal(image[tile.seen][tile.inner], image[tile.own])
        for own, seen, length in zip(tile.own, tile.seen, image.shape, strict=True):
            assert seen.start == max(own.start - 3, 0) and seen.stop == min(own.stop + 3, length)
    assert (covered == 1).all()
