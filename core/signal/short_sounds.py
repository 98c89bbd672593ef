"""Short sounds made comparable: without their quiet ends, at one level, in the middle of a window.

Mel denoisers are trained on sounds like these, and sounds are compared as these.
"""

import torch
from torch import Tensor

LEVEL, PEAK = 0.08, 0.95  # root mean square of a sound; where its loudest sample ends, if that is less
QUIET_DB = 40.0  # under the loudest moment; beginning and end that are quieter are cut off
MOMENT = 0.016  # seconds over which that is measured; as many are left at each end


def trimmed(waveform: Tensor, sample_rate: int) -> Tensor:
    """A waveform `[frames]` without what is quiet at its beginning and end."""
    moment = round(MOMENT * sample_rate)
    if len(waveform) < 2 * moment:
        return waveform
    power = waveform[: len(waveform) // moment * moment].unflatten(0, (-1, moment)).square().mean(dim=1)
    loud = torch.nonzero(power > power.max() * 10 ** (-QUIET_DB / 10))[:, 0]
    if not len(loud):
        return waveform
    return waveform[max(0, int(loud[0]) - 1) * moment : (int(loud[-1]) + 2) * moment]


def at_level(waveform: Tensor) -> Tensor:
    """A waveform `[frames]` at LEVEL, or quieter where its peak would exceed PEAK."""
    gain = LEVEL / waveform.square().mean().sqrt().clamp_min(1e-4)
    return waveform * torch.minimum(gain, PEAK / waveform.abs().max().clamp_min(1e-4))


def centred(waveform: Tensor, frames: int, shift: int = 0) -> Tensor:
    """A waveform in the middle of silence, moved by samples, or its middle where it is longer, `[frames]`."""
    if len(waveform) >= frames:
        start = (len(waveform) - frames) // 2
        return waveform[start : start + frames]
    room = frames - len(waveform)
    before = min(max(room // 2 + shift, 0), room)
    return torch.nn.functional.pad(waveform, (before, room - before))
