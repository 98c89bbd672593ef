"""How loud a sound is heard: ITU-R BS.1770-4, annex 1, without its gate, so that the shortest clip has a loudness, too.

The standard gives its filters at 48 kHz; at other rates they are the bilinear transforms of the same analog prototypes
(B. De Man: *Evaluation of implementations of the EBU R128 loudness measurement*, 2018).
"""

import math

import numpy as np
from scipy.signal import sosfilt

from core.signal.clip import Clip

OFFSET_DB = -0.691  # a full-scale sine of 997 Hz in one channel has -3.01 LUFS


def loudness_db(clip: Clip) -> float:
    """Loudness in LUFS, of all channels together; minus infinity where there is no sound."""
    heard = sosfilt(k_weighting(clip.sample_rate), clip.samples.astype(np.float64), axis=1)
    power = float(np.square(heard).mean(axis=1).sum())
    return OFFSET_DB + 10 * math.log10(power) if power > 0 else -math.inf


def k_weighting(sample_rate: int) -> np.ndarray:
    """Second-order sections of a high shelf (the head) and a high-pass, as `scipy.signal.sosfilt` takes them."""
    return np.stack([_head(sample_rate), _high_pass(sample_rate)])


def _head(sample_rate: int) -> np.ndarray:
    tangent, quality = math.tan(math.pi * 1681.974450955533 / sample_rate), 0.7071752369554196
    top = 10 ** (3.999843853973347 / 20)
    middle = top**0.4996667741545416
    numerator = [top + middle * tangent / quality + tangent**2, 2 * (tangent**2 - top)]
    numerator.append(top - middle * tangent / quality + tangent**2)
    denominator = _denominator(tangent, quality)
    return np.array(numerator + denominator) / denominator[0]


def _high_pass(sample_rate: int) -> np.ndarray:
    denominator = _denominator(math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773)
    return np.array([1.0, -2.0, 1.0, *np.array(denominator) / denominator[0]])


def _denominator(tangent: float, quality: float) -> list[float]:
    return [1 + tangent / quality + tangent**2, 2 * (tangent**2 - 1), 1 - tangent / quality + tangent**2]
