"""Sounds drawn sample by sample from a WaveNet (van den Oord et al. 2016), or code by code from a prior of codes,
several side by side, heard as they grow.

A prime is a recording that they go on from: the network hears it before it draws its first sample.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.choices import ANCESTRAL
from core.errors import InputError
from core.samplers.ancestral import CHUNK, ancestral
from core.signal.clip import Clip
from core.signal.limits import LIMITS, check_clip
from core.signal.resampling import resample
from core.tasks.blocks import SILENCE
from core.tasks.drawing import Drawn, TimeLeft, provenance
from core.tasks.emerging import Emerging
from core.tasks.levels import level_gain
from core.tasks.progress import Progress
from core.tasks.settings import Settings
from core.types import AutoregressivePrior

HOTTEST = 2.0  # temperature


@dataclass(frozen=True)
class Streams:
    """Sounds that are drawn sample by sample.

    Args:
        seeds: one for each, whose random numbers depend on nothing else.
        seconds: of each, without the prime.
        names: what each is told, of the prior's labels, or None.
        temperature: over 1 more daring, under 1 more careful; 0 takes the likeliest class every time.
        prime: what all go on from.
        at_once: how many are drawn together.
    """

    seeds: Sequence[int]
    seconds: float
    names: Sequence[str | None]
    temperature: float
    prime: Clip | None
    at_once: int


def draw_streams(
    streams: Streams, prior: AutoregressivePrior, settings: Settings
) -> Generator[Progress, None, tuple[Drawn, float]]:
    """Draws them, `at_once` at a time.

    Yields:
        Progress: after every eighth of a second of sound at 16 kHz; what is not yet drawn is silent.

    Returns:
        The waveforms `[count, frames]`, and the mean bits per step of what was drawn.

    Raises:
        InputError: a temperature out of range, or a prime that is silent or no sound.
    """
    if not 0 <= streams.temperature <= HOTTEST:
        raise InputError(f"The temperature must lie between 0 and {HOTTEST:g}, not at {streams.temperature:g}.")
    prime, gain = _heard(streams.prime, prior)
    emerging, time_left, log_prob = Emerging(prior, streams.seconds, gain), TimeLeft(1), 0.0
    (frames,), count = prior.event(streams.seconds), len(streams.seeds)
    parts = [slice(first, first + streams.at_once) for first in range(0, count, streams.at_once)]
    for number, part in enumerate(parts):
        seeds = streams.seeds[part]
        chunks = ancestral(
            prior.stepwise(len(seeds)),
            steps=frames,
            seeds=seeds,
            temperature=streams.temperature,
            condition=_told(streams.names[part], prior),
            initial=None if prime is None else prime.expand(len(seeds), -1),
            chunk=max(1, CHUNK // prior.step_samples),
        )
        drawn = 0
        for iterate in chunks:
            of_all = replace(iterate, step=number * frames + iterate.step, total_steps=len(parts) * frames)
            log_prob, drawn = log_prob + iterate.log_prob * len(seeds) * (iterate.step - drawn), iterate.step
            yield emerging.moment(*time_left.update(0, of_all), of_all)
        emerging.finish(iterate.denoised)
    made = provenance(prior.name, ANCESTRAL, settings, prior.device, 1, time_left.seconds)
    return Drawn(emerging.finished, made), -log_prob / (count * frames * math.log(2))


def check_prime(seconds: float) -> None:
    """Refuses a recording that is longer than is read, before it is.

    Raises:
        InputError: see above.
    """
    if seconds > LIMITS.seconds:
        raise InputError(
            f"The prime lasts {seconds / 60:.1f} minutes, over the limit of {LIMITS.seconds / 60:g}; only its end is "
            "heard, so cut away what is before."
        )


def _heard(prime: Clip | None, prior: AutoregressivePrior) -> tuple[Tensor | None, float]:
    """The classes of a prime, `[1, samples]`, as far back as one sample depends on, and what brought it to the prior's
    level: that of the whole recording."""
    if prime is None:
        return None, 1.0
    check_clip("The prime", prime)
    waveform = resample(prime, prior.sample_rate).samples.mean(axis=0, keepdims=True)
    if np.abs(waveform).max() < SILENCE:
        raise InputError("The prime is silent, so there is nothing to go on from; give a recording of sound.")
    gain = level_gain(waveform, prior).item()
    end = torch.from_numpy(waveform[:, -prior.receptive_field - 1 :] * gain).float().clamp(-1, 1)
    return prior.encode(end).long(), gain


def _told(names: Sequence[str | None], prior: AutoregressivePrior) -> Tensor | None:
    """The numbers of names, as a network with a table of them begins with; -1 for none."""
    if not prior.labels:
        return None
    return torch.tensor([-1 if name is None else prior.labels.index(name) for name in names], device=prior.device)
