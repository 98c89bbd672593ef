"""Ways from a mel spectrogram to a waveform: through a vocoder, or a prior that is drawn from.

A vocoder plays it in one pass. A denoiser knows nothing of spectrograms, so its estimates are given the one that is
wanted at every step. A WaveNet that was trained with spectrograms is conditioned on it, and is sampled by a chain or
sample by sample; the reverse diffusion, whose estimates are clean, imposes it as well. A waveform diffusion that was is
conditioned on it alone.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from core.choices import ONE_PASS
from core.errors import InputError
from core.models.vocoder import Vocoder
from core.observations.conditioned import ConditioningSpectrogram
from core.observations.mel import MelMagnitudes
from core.samplers.ancestral import ancestral
from core.signal.clip import Clip
from core.signal.companding import Domain
from core.signal.mel import LOGARITHMS, MelFrontEnd, mel_filters
from core.signal.spectrogram_files import MelSpectrogram
from core.tasks.drawing import Drawn, provenance
from core.tasks.levels import level_gain
from core.tasks.progress import Progress, Sounds
from core.tasks.restoration import Problem, restore, sound_of
from core.tasks.settings import Settings
from core.types import Iterate, MelCondition, Prior
from core.zoo.playing import play

OPENNESS = 16.0  # times the noise that restoration starts from: Griffin-Lim's phases are to be forgotten
HOTTEST = 2.0

Drawing = Generator[Progress, None, Drawn]
Start = Callable[[], Clip]  # makes what chains start from


def play_through(spectrogram: MelSpectrogram, _start: Start, vocoder: Vocoder, settings: Settings) -> Drawing:
    """What a vocoder makes of it, piece by piece; what is made can be heard at once."""
    began, made, waveform = time.monotonic(), 0, np.zeros((1, spectrogram.samples), np.float32)
    rate = spectrogram.front_end.sample_rate
    for piece in play(vocoder, spectrogram, settings.seed):
        waveform = np.concatenate([waveform[:, :made], piece[None], waveform[:, made + len(piece) :]], axis=1)
        made += len(piece)
        x, make, seconds = torch.from_numpy(waveform), partial(sound_of, rate, waveform), time.monotonic() - began
        left = seconds * (spectrogram.samples / made - 1)
        yield Progress(seconds, left, Iterate(x, x, 0.0, made, spectrogram.samples, None, 0.0), None, make, make)
    return Drawn(waveform, provenance(vocoder.name, ONE_PASS, settings, vocoder.device, 1, time.monotonic() - began))


def impose(spectrogram: MelSpectrogram, make_start: Start, prior: Prior, settings: Settings) -> Drawing:
    """Samples of a prior over waveforms, to which the spectrogram is evidence."""
    start = make_start()
    observe, grid = partial(_imposed, spectrogram, start.samples), spectrogram.front_end.hop_length
    problem = Problem(start.samples, [(0, start.frames)], observe, grid=grid, openness=OPENNESS, averaged=False)
    return restore(problem, prior, settings)


def condition_on(spectrogram: MelSpectrogram, make_start: Start, prior: Prior, settings: Settings) -> Drawing:
    """Samples of a prior that is conditioned on the spectrogram, by any chain; those of Langevin dynamics, and of a
    prior that sees both ways, are its own alone."""
    # a chain moves whole frames and, where it goes one way, a sample before them: the past of the first
    past = int(prior.autoregressive)
    waveform = np.pad(make_start().samples, ((0, 0), (past, 0)))
    also_imposed = prior.autoregressive and settings.sampler in (None, "diffusion")
    observe = partial(_conditioned, spectrogram, waveform, prior.frame_context, also_imposed, past)
    grid = spectrogram.front_end.hop_length
    problem = Problem(waveform, [(0, waveform.shape[1])], observe, grid=grid, openness=OPENNESS, averaged=False)
    drawn = yield from restore(problem, prior, settings, partial(_without_past, prior.sample_rate, past))
    return replace(drawn, waveform=drawn.waveform[:, past:])


def draw_by_samples(
    spectrogram: MelSpectrogram, make_start: Start, prior: Prior, settings: Settings, temperature: float
) -> Drawing:
    """One sample after the other, each given those before and the spectrogram; what is drawn can be heard at once.

    Raises:
        InputError: a temperature out of range.
    """
    if not 0 < temperature <= HOTTEST:
        raise InputError(f"The temperature must lie between 0 and {HOTTEST:g}, not at {temperature:g}.")
    start = make_start()
    frames, gain = spectrogram.mel.shape[1] - 1, level_gain(start.samples, prior).item()
    mel = mel_condition(spectrogram, gain, 0, frames, prior.frame_context).to(prior.device)
    generator, began, waveform = torch.Generator().manual_seed(settings.seed), time.monotonic(), start.samples * 0
    chunks = ancestral(
        prior.stepwise(),
        steps=start.frames,
        generator=generator,
        temperature=temperature,
        condition=mel.mel,
    )
    for iterate in chunks:
        drawn = (prior.decode(iterate.x) / gain).numpy()
        waveform = np.concatenate([drawn, waveform[:, drawn.shape[1] :]], axis=1).astype(np.float32)
        make, seconds = partial(sound_of, start.sample_rate, waveform), time.monotonic() - began
        left = seconds * (iterate.total_steps / iterate.step - 1)
        yield Progress(seconds, left, iterate, None, make, make)
    return Drawn(waveform, provenance(prior.name, "ancestral", settings, prior.device, 1, time.monotonic() - began))


def _imposed(
    spectrogram: MelSpectrogram, waveform: np.ndarray, first: int, last: int, gain: Tensor, domain: Domain
) -> MelMagnitudes:
    hop, scale = spectrogram.front_end.hop_length, gain.float()
    frames = slice(first // hop, first // hop + 1 + (last - first) // hop)
    magnitudes = torch.from_numpy(spectrogram.magnitudes[None, :, frames].astype(np.float32)).to(gain.device)
    filters = torch.from_numpy(mel_filters(spectrogram.front_end)).to(gain.device)
    start = torch.from_numpy(waveform[:, first:last].copy()).to(gain.device)
    return MelMagnitudes(magnitudes * scale[:, :, None], filters, hop, start * scale)


def _conditioned(
    spectrogram: MelSpectrogram,
    waveform: np.ndarray,
    frame_context: int,
    also_imposed: bool,
    past: int,
    first: int,
    last: int,
    gain: Tensor,
    domain: Domain,
) -> ConditioningSpectrogram:
    hop = spectrogram.front_end.hop_length
    frames = -(-(last - first - past) // hop)
    condition = mel_condition(spectrogram, gain.item(), first // hop, first // hop + frames, frame_context)
    own = torch.from_numpy(waveform[:, first:last].copy()).to(gain.device) * gain.float()
    magnitudes = _imposed(spectrogram, waveform[:, past:], first, last - past, gain, domain) if also_imposed else None
    return ConditioningSpectrogram(condition.to(gain.device), own.clamp(-1, 1), domain, magnitudes, past)


def mel_condition(spectrogram: MelSpectrogram, gain: float, first: int, last: int, frame_context: int) -> MelCondition:
    """The frames first to last (exclusive) of the spectrogram multiplied by gain, with the frames around them."""
    front_end = spectrogram.front_end
    louder = spectrogram.mel + np.log(gain) / LOGARITHMS[front_end.log]
    frames = np.arange(first - frame_context, last + frame_context).clip(0, louder.shape[1] - 1)  # repeats the ends
    mel = np.maximum(louder[:, frames], _floor(front_end)).astype(np.float32)
    return MelCondition(torch.from_numpy(mel)[None], front_end.hop_length, frame_context)


def _floor(front_end: MelFrontEnd) -> float:
    return np.log(front_end.floor) / LOGARITHMS[front_end.log]


def _without_past(sample_rate: int, past: int, waveform: np.ndarray) -> Sounds:
    return sound_of(sample_rate, waveform[:, past:])
