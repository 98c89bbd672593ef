"""The check of an array's channels: how loud they are, and which of them hear the taps on each microphone."""

from collections.abc import Sequence
from html import escape

import numpy as np

from core.arrays.channel_check import ChannelFault, check_levels, check_order, tapped_channels
from core.arrays.geometry import ArrayGeometry
from demos.page.html import seconds_text

LEVEL_SECONDS = 3.0  # of live sound that its levels are taken from
PATIENCE_SECONDS = 18.0  # for taps on all microphones


def levels_html(samples: np.ndarray, sample_rate: int) -> str:
    """How loud every microphone is, and what is wrong with it.

    Args:
        samples: [mics, frames].
    """
    levels = 10 * np.log10(np.maximum(np.mean(np.square(samples, dtype=np.float64), axis=1), 1e-12))
    meters = "".join(_meter(k, level) for k, level in enumerate(levels))
    seconds = seconds_text(samples.shape[1] / sample_rate)
    well = f"All {len(samples)} microphones sound as they should, in {seconds} of it."
    return f'<ul class="meters">{meters}</ul>{_said(check_levels(samples), well)}'


def order_html(samples: np.ndarray, sample_rate: int, stream: ArrayGeometry) -> str:
    """Whether taps on microphones 0, 1, 2, ... were heard in that order.

    Args:
        stream: the array, with the channels that its microphones were taken from.
    """
    well = f"The taps were heard in order, 0 to {stream.count - 1}: every channel is the microphone that it should be."
    return _said(check_order(samples, sample_rate, stream), well)


def taps_html(heard: Sequence[int], count: int) -> str:
    """How far the tapping has come, and which microphone is next.

    Args:
        heard: the loudest channel of every tap so far.
    """
    steps = "".join(_step(k, heard) for k in range(count))
    return f'<ol class="taps" start="0">{steps}</ol><p class="quiet">Tap microphone {len(heard)} now.</p>'


def taps_in(samples: np.ndarray, sample_rate: int) -> list[int]:
    """The loudest channel of every tap; none while there is too little to tell taps from the rest."""
    return tapped_channels(samples, sample_rate) if samples.shape[1] > sample_rate // 2 else []


def _said(faults: Sequence[ChannelFault], well: str) -> str:
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
