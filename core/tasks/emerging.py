"""Sounds that are being drawn, as they are heard and seen: waveforms and mel spectrograms, made when asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from torch import Tensor

from core.signal.clip import Clip
from core.signal.mel import FRONT_ENDS, MelFrontEnd, mel_spectrogram
from core.signal.spectrogram_files import MelSpectrogram
from core.tasks.progress import Mels, Progress, Sounds
from core.tasks.rendering import renderer
from core.types import Iterate, Prior

SEEN = FRONT_ENDS["resound-16k"]  # how waveforms are seen at that rate; at others in as many bands and as many frames


@dataclass
class Emerging:
    """The sounds of a run, drawn some at a time and named 0000, 0001, ...

    Args:
        seconds: of each.
        gain: how far over that of the sounds the prior's level is.

    Attributes:
        finished: waveforms of those that are drawn, `[count, frames]`.
    """

    prior: Prior
    seconds: float
    gain: float = 1.0
    finished: np.ndarray = field(init=False)

    def __post_init__(self):
        self._render = renderer(self.prior, self.seconds, self.gain)
        self.finished = np.zeros((0, round(self.seconds * self.prior.sample_rate)), np.float32)

    def finish(self, x: Tensor) -> None:
        """Takes in what was drawn, x in the prior's domain."""
        self.finished = np.concatenate([self.finished, self._render(x)])

    def moment(self, seconds: float, seconds_left: float, iterate: Iterate) -> Progress:
        """Those that are finished and those of an iterate; the state of a chain is shown at the level of sound."""
        state = iterate.x * (self.prior.rms / np.hypot(self.prior.rms, iterate.level))
        both = (iterate.denoised, state)
        sounds, mels = ([partial(make, self.finished, x) for x in both] for make in (self._sounds, self._mels))
        return Progress(seconds, seconds_left, iterate, None, *sounds, *mels)

    def _sounds(self, finished: np.ndarray, x: Tensor) -> Sounds:
        return named_clips(np.concatenate([finished, self._render(x)]), self.prior.sample_rate)

    def _mels(self, finished: np.ndarray, x: Tensor) -> Mels:
        seen = [mel_of(waveform, self.prior.sample_rate) for waveform in finished]
        if not self.prior.spectrograms:
            return _named([*seen, *(mel_of(waveform, self.prior.sample_rate) for waveform in self._render(x))])
        front_end, drawn = self.prior.front_end, self.prior.decode(x).float().cpu().numpy()
        frames = round(self.seconds * front_end.sample_rate / front_end.hop_length)
        first = (drawn.shape[-1] - frames) // 2
        return _named([*seen, *(MelSpectrogram(mel[:, first : first + frames], front_end) for mel in drawn)])


def named_clips(waveforms: np.ndarray, sample_rate: int) -> Sounds:
    """Of waveforms `[count, frames]`."""
    return _named([Clip(waveform[None], sample_rate) for waveform in waveforms])


def mel_of(waveform: np.ndarray, sample_rate: int) -> MelSpectrogram:
    """How a waveform `[frames]` is seen: up to half its rate."""
    window, hop = (round(length * sample_rate / SEEN.sample_rate) for length in (SEEN.window_length, SEEN.hop_length))
    front_end = MelFrontEnd(sample_rate, window, hop, SEEN.bands, 0.0, sample_rate / 2, SEEN.log, SEEN.floor)
    return MelSpectrogram(mel_spectrogram(waveform, front_end), front_end)


def _named(things: Sequence) -> dict:
    return {f"{number:04d}": thing for number, thing in enumerate(things)}
