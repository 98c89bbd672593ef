"""The curve of surprise: bits, on the axis of the player."""

import math

import numpy as np
import torch

from demos.generation import surprise


def test_bits_of_what_was_given_and_drawn_stand_at_their_times():
    log_probs = torch.full((2400,), -3 * math.log(2))
    log_probs[1600:] = -5 * math.log(2)
    given, drawn = surprise.curve(log_probs, 1600, 0.5, 16000).data
    np.testing.assert_allclose(given.y, 3, rtol=1e-6)
    np.testing.assert_allclose(drawn.y, 5, rtol=1e-6)
    assert 0.5 <= given.x[0] <= 0.501 and 0.599 <= given.x[-1] <= 0.6
    assert 0.6 <= drawn.x[0] <= 0.601 and 0.649 <= drawn.x[-1] <= 0.65


def test_a_curve_has_few_points_however_long_the_sound_is():
    (drawn,) = surprise.curve(-torch.rand(160_000), 0, 0.0, 16000).data
    assert len(drawn.x) <= surprise.MOST_POINTS and abs(np.mean(drawn.y) - 0.5 / math.log(2)) < 0.01
