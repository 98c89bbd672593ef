"""From what a prior draws to waveforms: its own decoding, or of spectrograms a vocoder's."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from core import zoo
from core.models.vocoder import Vocoder
from core.signal.griffin_lim import griffin_lim
from core.signal.mel import MelFrontEnd
from core.signal.spectrogram_files import MelSpectrogram
from core.types import Prior
from core.zoo.families import VOCODER

FEWEST_FRAMES = 12  # that a vocoder is given: its transforms need neighbours

Render = Callable[[Tensor], np.ndarray]  # x `[batch, *event]` -> waveforms, float32 `[batch, frames]`


def renderer(prior: Prior, seconds: float) -> Render:
    """What makes waveforms of a prior's x; the middle of each, `seconds` long."""
    frames = round(seconds * prior.sample_rate)
    vocoder = vocoder_of(prior.front_end, str(prior.device)) if prior.spectrograms else None
    return lambda x: _middle(_waveforms(prior, vocoder, x), frames)


def vocoder_of(front_end: MelFrontEnd, device: str) -> Vocoder | None:
    """The first vocoder of a front-end's spectrograms, bundled ones before own ones; None where there is none."""
    vocoders = (zoo.load_model(VOCODER, entry.name, device) for entry in zoo.catalogue(kind=VOCODER))
    return next((vocoder for vocoder in vocoders if vocoder.front_end == front_end), None)


def play(vocoder: Vocoder, spectrogram: MelSpectrogram, seed: int = 0) -> Iterator[np.ndarray]:
    """A vocoder's waveform of a spectrogram in consecutive pieces, float32 `[frames]`; the first is there at once.

    Args:
        spectrogram: of the vocoder's own front-end.
        seed: of its noise.
    """
    mel, samples, device = spectrogram.decades.astype(np.float32), spectrogram.samples, vocoder.device
    mel = np.pad(mel, ((0, 0), (0, max(0, FEWEST_FRAMES - mel.shape[1]))), mode="edge")
    noise = torch.randn(1, (mel.shape[1] - 1) * vocoder.hop_length, generator=torch.Generator().manual_seed(seed))
    made = 0
    for piece in vocoder.stream(torch.from_numpy(mel)[None].to(device), noise.to(device)):
        yield piece[0, : samples - made].cpu().numpy()
        made += piece.shape[1]


def _waveforms(prior: Prior, vocoder: Vocoder | None, x: Tensor) -> np.ndarray:
    decoded = prior.decode(x).float().cpu().numpy()
    if not prior.spectrograms:
        return decoded
    decoded = np.concatenate([decoded, decoded[..., -1:]], axis=-1)  # a waveform ends where its last frame stands
    spectrograms = [MelSpectrogram(mel, prior.front_end) for mel in decoded]
    if vocoder is None:
        return np.stack([griffin_lim(spectrogram) for spectrogram in spectrograms])
    return np.stack([np.concatenate(list(play(vocoder, spectrogram))) for spectrogram in spectrograms])


def _middle(waveforms: np.ndarray, frames: int) -> np.ndarray:
    first = (waveforms.shape[-1] - frames) // 2
    return np.ascontiguousarray(waveforms[:, first : first + frames], dtype=np.float32)
