"""Codebooks: what is alike."""

import numpy as np
import torch

from core.models.codebooks import likeness


def test_alike_codes_stand_together():
    book = torch.randn(256, 16, generator=torch.Generator().manual_seed(0))
    book[1] = book[0] + 1e-3
    places = likeness(book)
    assert places.shape == (256, 3) and np.abs(places).max() <= 1 + 1e-6
    assert np.abs(places[0] - places[1]).max() < 0.01 < np.abs(places[0] - places[2]).max()
