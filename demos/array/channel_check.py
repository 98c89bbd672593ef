"""The channel check as HTML: levels, and the order of the channels by taps on the microphones."""

from collections.abc import Sequence
from html import escape

import numpy as np

from core.arrays.channel_check import ChannelFault, check_levels, check_order, tapped_channels
from core.arrays.delay_check import check_delays
from core.arrays.geometry import ArrayGeometry
from core.arrays.phase_check import check_phases
from demos.page.html import seconds_text

LEVEL_SECONDS = 3.0  # of live sound for its levels
PATIENCE_SECONDS = 18.0  # for taps on all microphones


def levels_html(samples: np.ndarray, sample_rate: int, array: ArrayGeometry) -> str:
    """The level of every microphone, its faults, and whether phases or delays contradict the array.

    Args:
        samples: [mics, frames].
    """
    faults = check_levels(samples)
    if all(fault.kind != "copied" for fault in faults):
        faults += check_phases(samples, sample_rate, array) or check_delays(samples, sample_rate, array)
    levels = 10 * np.log10(np.maximum(np.mean(np.square(samples, dtype=np.float64), axis=1), 1e-12))
    meters = "".join(_meter(k, level) for k, level in enumerate(levels))
    seconds = seconds_text(samples.shape[1] / sample_rate)
    well = f"All {len(samples)} microphones sound as they should, in {seconds} of it."
    return f'<ul class="meters">{meters}</ul>{_faults_html(faults, well)}'


def order_html(samples: np.ndarray, sample_rate: int, stream: ArrayGeometry) -> str:
    """Whether taps on microphones 0, 1, 2, ... were loudest on these channels.

    Args:
        stream: the array, with `raw_channels` of the stream.
    """
    well = f"The taps were heard in order, 0 to {stream.count - 1}: every channel is the microphone that it should be."
    return _faults_html(check_order(samples, sample_rate, stream), well)


def taps_html(heard: Sequence[int], count: int) -> str:
    """The taps so far, and the next microphone.

    Args:
        heard: the loudest channel of every tap so far.
    """
    steps = "".join(_step(k, heard) for k in range(count))
    return f'<ol class="taps" start="0">{steps}</ol><p class="quiet">Tap microphone {len(heard)} now.</p>'


def taps_in(samples: np.ndarray, sample_rate: int) -> list[int]:
    """The loudest channel of every tap; none from less than half a second."""
    return tapped_channels(samples, sample_rate) if samples.shape[1] > sample_rate // 2 else []


def _faults_html(faults: Sequence[ChannelFault], well: str) -> str:
    if not faults:
        return f'<p class="finding well">{escape(well)}</p>'
    return "".join(f'<p class="finding">{escape(fault.sentence)}</p>' for fault in faults)


def _meter(number: int, level_db: float) -> str:
    width = 100 * min(max(1 + level_db / 80, 0), 1)
    text = f"{level_db:.0f} dB".replace("-", "−") if level_db > -119 else "silent"
    return f'<li><b>{number}</b><u><s style="width:{width:.0f}%"></s></u><span>{text}</span></li>'


def _step(number: int, heard: Sequence[int]) -> str:
    if number >= len(heard):
        return f'<li class="{"next" if number == len(heard) else ""}"><b>{number}</b></li>'
    right = heard[number] == number
    return f'<li class="{"right" if right else "wrong"}"><b>{number}</b><span>heard as {heard[number]}</span></li>'
