"""What can be done with clips."""

import numpy as np

from core.signal.clip import Clip


def test_the_difference_of_clips_that_fit():
    ramp = np.arange(6, dtype=np.float32).reshape(2, 3) / 8
    difference = Clip(ramp, 8000).minus(Clip(ramp / 2, 8000))
    assert difference.sample_rate == 8000 and np.array_equal(difference.samples, ramp / 2)
    for other in (Clip(ramp, 4000), Clip(ramp[:1], 8000), Clip(ramp[:, :2], 8000)):
        assert Clip(ramp, 8000).minus(other) is None
