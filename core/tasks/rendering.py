"""From what a prior draws to waveforms: its own decoding, or of spectrograms a vocoder's."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from core.models.vocoder import Vocoder
from core.signal.spectrogram_files import MelSpectrogram
from core.types import Prior
from core.zoo.playing import vocoder_of, waveform_of

Render = Callable[[Tensor], np.ndarray]  # x `[batch, *event]` -> waveforms, float32 `[batch, frames]`


def renderer(prior: Prior, seconds: float, gain: float = 1.0) -> Render:
    """What makes waveforms of a prior's x, `seconds` long, at their level over `gain`: the middle of each, or of what
    grows step by step the beginning."""
    frames = round(seconds * prior.sample_rate)
    vocoder = vocoder_of(prior.front_end, str(prior.device)) if prior.spectrograms else None
    part = _beginning if prior.autoregressive else _middle
    return lambda x: part(_waveforms(prior, vocoder, x) / gain, frames)


def _waveforms(prior: Prior, vocoder: Vocoder | None, x: Tensor) -> np.ndarray:
    decoded = prior.decode(x).float().cpu().numpy()
    if not prior.spectrograms:
        return decoded
    decoded = np.concatenate([decoded, decoded[..., -1:]], axis=-1)  # a waveform ends where its last frame stands
    return np.stack([waveform_of(MelSpectrogram(mel, prior.front_end), vocoder) for mel in decoded])


def _middle(waveforms: np.ndarray, frames: int) -> np.ndarray:
    """Of waveforms `[batch, frames]`, no shorter ones."""
    first = (waveforms.shape[-1] - frames) // 2
    return np.ascontiguousarray(waveforms[:, first : first + frames], dtype=np.float32)


def _beginning(waveforms: np.ndarray, frames: int) -> np.ndarray:
    """Of waveforms `[batch, frames]`; shorter ones are followed by silence."""
    filled = np.pad(waveforms, ((0, 0), (0, max(frames - waveforms.shape[-1], 0))))
    return np.ascontiguousarray(filled[:, :frames], dtype=np.float32)
