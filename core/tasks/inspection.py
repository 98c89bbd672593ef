"""Inspection: what a prior expects of a sound, moment by moment and at any noise level; for teaching."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core import zoo
from core.errors import InputError
from core.signal.clip import Clip
from core.signal.limits import check_clip
from core.signal.resampling import resample
from core.signal.stft import stft
from core.tasks.blocks import SILENCE
from core.tasks.levels import level_gain
from core.tasks.settings import resolve_device
from core.tasks.vocoding import spectrogram_of
from core.tasks.vocoding_runs import mel_condition
from core.types import AutoregressivePrior, MelCondition, Prior

LONGEST_SECONDS = 4.0
WINDOW_SECONDS = 0.05  # of the distribution that is shown sample by sample
LEAST_DB = -60.0  # of a filter's gain
RUNGS, CURVE_SECONDS = 9, 1.5  # levels of a curve over the ladder, and how much of the clip it is of


@dataclass(frozen=True)
class Prediction:
    """What an autoregressive prior expects of the next sample, at one noise level.

    Args:
        noisy: what it is given.
        clean: the sound itself.
        level: standard deviation of the noise, in classes.
        window: first frame of the window, and the one after its last.
        probabilities: of the clean class, at every moment of the window, float32 [frames, classes].
        path: the classes that came, [frames of the window].
        bits: what each sample cost, -log2 p, [frames]; the first one is NaN.
    """

    noisy: Clip
    clean: Clip
    level: float
    window: tuple[int, int]
    probabilities: np.ndarray
    path: np.ndarray
    bits: np.ndarray

    @property
    def figure(self) -> float:
        """Bits a sample."""
        return float(np.nanmean(self.bits))


@dataclass(frozen=True)
class Denoising:
    """What a denoiser makes of noisy sound, at one noise level.

    Args:
        noisy, clean: what it is given, and the sound itself.
        level: standard deviation of the noise at the prior's level, in units of full scale.
        estimate: of the clean sound.
        gain_db: the estimate's magnitude over the noisy one's, at least LEAST_DB, float32 [bins, spectral frames].
        figure: error of the estimate relative to the sound, dB.
    """

    noisy: Clip
    clean: Clip
    level: float
    estimate: Clip
    gain_db: np.ndarray
    figure: float


def inspect(
    clip: Clip, prior: str, rung: int, *, start: float = 0.0, seed: int = 0, device: str = "auto"
) -> Prediction | Denoising:
    """What the prior makes of the clip in noise of one rung of its ladder.

    Args:
        clip: mixed to mono and brought to the prior's rate; at most 4 s of it are looked at.
        rung: 1 is the finest level, `rungs(prior)` the coarsest.
        start: seconds at which the window of a `Prediction` begins.

    Raises:
        InputError: an unknown prior or one whose spectrograms cannot be made, a rung that is not on the ladder, a start
            outside the clip, or silence.
    """
    network, waveform = prepare(clip, prior, device)
    if not 1 <= rung <= len(network.levels):
        raise InputError(f"The ladder of {prior} has rungs 1 to {len(network.levels)}, not {rung}.")
    level = sorted(network.levels)[rung - 1]
    if not network.autoregressive:
        return _estimate(network, waveform, level, seed)
    first = round(start * network.sample_rate)
    if not 0 <= first < waveform.shape[1] - 1:
        raise InputError(
            f"The window starts at {start:g} s, outside the {waveform.shape[1] / network.sample_rate:.2f} s."
        )
    return _predict(network, waveform, level, seed, first)


def over_levels(clip: Clip, prior: str, *, seed: int = 0, device: str = "auto") -> Iterator[tuple[float, float]]:
    """(level, figure) from fine to coarse, of the clip's beginning; the figure as `inspect` has it."""
    network, waveform = prepare(clip, prior, device)
    waveform, levels = waveform[:, : int(CURVE_SECONDS * network.sample_rate)], sorted(network.levels)
    for index in np.linspace(0, len(levels) - 1, RUNGS).round().astype(int):
        look = _predict if network.autoregressive else _estimate
        yield levels[index], look(network, waveform, levels[index], seed).figure


def rungs(prior: str, device: str = "auto") -> list[float]:
    """The levels of a prior's ladder, fine to coarse."""
    return sorted(zoo.load(prior, resolve_device(device)).levels)


def prepare(clip: Clip, name: str, device: str) -> tuple[Prior, Tensor]:
    """The prior, and the clip [1, frames] at the rate and level that it knows; at most 4 s of it.

    Raises:
        InputError: as `inspect`, of the prior and the clip.
    """
    check_clip("The clip", clip)
    prior = zoo.load(name, resolve_device(device))
    if MelCondition in prior.conditions and prior.front_end is None:
        raise InputError(f"Nobody knows which spectrograms {name} is told; import it again with its mean and scale.")
    known = resample(clip.mono(), prior.sample_rate)
    samples = known.samples[:, : int(LONGEST_SECONDS * prior.sample_rate)].astype(np.float64)
    if np.sqrt(np.mean(samples**2)) < SILENCE:
        raise InputError("There is nothing to look at in silence; choose another sound or another part.")
    return prior, torch.from_numpy(samples * level_gain(samples, prior)).float().to(prior.device)


def _noise(like: Tensor, seed: int) -> Tensor:
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed)).to(like)


def _clip(waveform: Tensor, sample_rate: int) -> Clip:
    return Clip(waveform.cpu().numpy(), sample_rate)


def _estimate(prior: Prior, waveform: Tensor, level: float, seed: int) -> Denoising:
    noisy = waveform + level * _noise(waveform, seed)
    condition = _condition(prior, waveform) if MelCondition in prior.conditions else None
    estimate = prior.denoise(noisy, level, condition)
    gain = 20 * (stft(estimate)[0].abs() / (stft(noisy)[0].abs() + 1e-9)).clamp_min(10 ** (LEAST_DB / 20)).log10()
    error = 10 * ((estimate - waveform).square().mean() / waveform.square().mean()).log10().item()
    noisy_clip, clean, denoised = (_clip(w, prior.sample_rate) for w in (noisy, waveform, estimate))
    return Denoising(noisy_clip, clean, level, denoised, gain.cpu().numpy(), error)


def _condition(prior: Prior, waveform: Tensor) -> MelCondition:
    """The clean spectrogram, for a prior that is conditioned on one."""
    spectrogram = spectrogram_of(_clip(waveform, prior.sample_rate), prior.front_end)
    frames = -(-(waveform.shape[1] - prior.autoregressive) // prior.front_end.hop_length)
    return mel_condition(spectrogram, 1.0, 0, frames, prior.frame_context).to(prior.device)


@torch.no_grad()
def _predict(prior: AutoregressivePrior, waveform: Tensor, level: float, seed: int, first: int = 0) -> Prediction:
    clean = prior.encode(waveform)
    noisy = clean + level * _noise(clean, seed)
    condition = None if prior.front_end is None else _condition(prior, waveform)
    log_probs = prior.predict(noisy[:, :-1], level, condition)[0].log_softmax(-1)  # row t is of sample t + 1
    classes = clean[0, 1:].long()
    bits = -log_probs.gather(1, classes[:, None])[:, 0] / np.log(2)
    last = min(first + round(WINDOW_SECONDS * prior.sample_rate), clean.shape[1])
    part = slice(max(first - 1, 0), last - 1)
    return Prediction(
        _clip(prior.decode(noisy), prior.sample_rate),
        _clip(prior.decode(clean), prior.sample_rate),
        level,
        (part.start + 1, last),
        log_probs[part].exp().cpu().numpy(),
        classes[part].cpu().numpy(),
        np.append(np.nan, bits.cpu().numpy()),
    )
