"""The three ways from a mel spectrogram to a waveform: impose it on a prior, tell a WaveNet, or let that draw.

A denoiser knows nothing of spectrograms, so its estimates are given the one that is wanted at every step. A WaveNet
that was trained with spectrograms is told it, and is sampled by a chain or sample by sample; the reverse diffusion,
whose estimates are clean, imposes it as well.
"""

import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.observations.conditioned import ToldSpectrogram
from core.observations.mel import MelMagnitudes
from core.priors.wavenet import WaveNetLadder, WaveNetPrior
from core.samplers.ancestral import ancestral
from core.signal.clip import Clip
from core.signal.companding import Domain
from core.signal.mel import LOGARITHMS, MelFrontEnd, mel_filters
from core.signal.spectrogram_files import MelSpectrogram
from core.tasks.progress import Progress, Settings
from core.tasks.restoration import Problem, Restored, gain_of, restore
from core.types import MelCondition, Prior

OPENNESS = 16.0  # times the noise that restoration starts from: Griffin-Lim's phases are to be forgotten
HOTTEST = 2.0

Moments = Iterator[Progress | Restored]


def impose(spectrogram: MelSpectrogram, start: Clip, prior: Prior, settings: Settings) -> Moments:
    """Samples of a prior over waveforms, to which the spectrogram is evidence."""
    observe, grid = partial(_imposed, spectrogram, start.samples), spectrogram.front_end.hop_length
    problem = Problem(start.samples, [(0, start.frames)], observe, grid=grid, openness=OPENNESS, averaged=False)
    return restore(problem, prior, settings)


def tell(spectrogram: MelSpectrogram, start: Clip, prior: Prior, settings: Settings) -> Moments:
    """Samples of a WaveNet that is told the spectrogram, by any chain; those of Langevin dynamics are its own alone."""
    # a chain moves whole frames and one sample before them, which is the past of the first
    waveform = np.pad(start.samples, ((0, 0), (1, 0)))
    also_imposed = settings.sampler in (None, "diffusion")
    observe = partial(_told, spectrogram, waveform, _padding(prior), also_imposed)
    grid = spectrogram.front_end.hop_length
    problem = Problem(waveform, [(0, waveform.shape[1])], observe, grid=grid, openness=OPENNESS, averaged=False)
    for moment in restore(problem, prior, settings):
        if isinstance(moment, Progress):
            clips = (partial(_without_past, make) for make in (moment.make_clip, moment.make_chain))
            yield Progress(*clips, moment.iterate, moment.seconds, moment.seconds_left)
        else:
            moment.waveform = moment.waveform[:, 1:]
            yield moment


def draw(spectrogram: MelSpectrogram, start: Clip, prior: Prior, settings: Settings, temperature: float) -> Moments:
    """One sample after the other, each given those before and the spectrogram; what is drawn is heard at once.

    Raises:
        InputError: a temperature out of range.
    """
    if not 0 < temperature <= HOTTEST:
        raise InputError(f"The temperature must lie between 0 and {HOTTEST:g}, not at {temperature:g}.")
    frames, gain = spectrogram.mel.shape[1] - 1, gain_of(start.samples, prior).item()
    told = told_frames(spectrogram, gain, 0, frames, _padding(prior))
    generator, began, waveform = torch.Generator().manual_seed(settings.seed), time.monotonic(), start.samples * 0
    chunks = ancestral(
        prior.stepwise(),
        steps=start.frames,
        generator=generator,
        temperature=temperature,
        condition=told_to(told, prior.device).mel,
    )
    for iterate in chunks:
        drawn = (prior.decode(iterate.x) / gain).numpy()
        waveform = np.concatenate([drawn, waveform[:, drawn.shape[1] :]], axis=1).astype(np.float32)
        make, seconds = partial(Clip, waveform, start.sample_rate), time.monotonic() - began
        yield Progress(make, make, iterate, seconds, seconds * (iterate.total_steps / iterate.step - 1))
    yield Restored(waveform, 1, time.monotonic() - began, "ancestral", ())


def _imposed(
    spectrogram: MelSpectrogram, waveform: np.ndarray, first: int, last: int, gain: Tensor, domain: Domain
) -> MelMagnitudes:
    hop, scale = spectrogram.front_end.hop_length, gain.float()
    frames = slice(first // hop, first // hop + 1 + (last - first) // hop)
    magnitudes = torch.from_numpy(spectrogram.magnitudes[None, :, frames].astype(np.float32)).to(gain.device)
    filters = torch.from_numpy(mel_filters(spectrogram.front_end)).to(gain.device)
    start = torch.from_numpy(waveform[:, first:last].copy()).to(gain.device)
    return MelMagnitudes(magnitudes * scale[:, :, None], filters, hop, start * scale)


def _told(
    spectrogram: MelSpectrogram,
    waveform: np.ndarray,
    padding: int,
    also_imposed: bool,
    first: int,
    last: int,
    gain: Tensor,
    domain: Domain,
) -> ToldSpectrogram:
    hop = spectrogram.front_end.hop_length
    frames = -(-(last - first - 1) // hop)
    told = told_frames(spectrogram, gain.item(), first // hop, first // hop + frames, padding)
    own = torch.from_numpy(waveform[:, first:last].copy()).to(gain.device) * gain.float()
    magnitudes = _imposed(spectrogram, waveform[:, 1:], first, last - 1, gain, domain) if also_imposed else None
    return ToldSpectrogram(told_to(told, gain.device), own.clamp(-1, 1), domain, magnitudes)


def told_frames(spectrogram: MelSpectrogram, gain: float, first: int, last: int, padding: int) -> MelCondition:
    """The frames first to last (exclusive) of the spectrogram multiplied by gain, with what stands around them."""
    front_end = spectrogram.front_end
    louder = spectrogram.mel + np.log(gain) / LOGARITHMS[front_end.log]
    wanted = np.clip(np.arange(first - padding, last + padding), 0, louder.shape[1] - 1)  # the ends are repeated
    mel = np.maximum(louder[:, wanted], _floor(front_end)).astype(np.float32)
    return MelCondition(torch.from_numpy(mel)[None], front_end.hop_length, padding)


def told_to(told: MelCondition, device: torch.device) -> MelCondition:
    return MelCondition(told.mel.to(device), told.hop_length, told.padding)


def _floor(front_end: MelFrontEnd) -> float:
    return np.log(front_end.floor) / LOGARITHMS[front_end.log]


def _padding(prior: WaveNetPrior | WaveNetLadder) -> int:
    return prior.quietest.config.frame_padding


def _without_past(make) -> Clip:
    clip = make()
    return Clip(clip.samples[:, 1:], clip.sample_rate)
