"""From what a prior draws to waveforms: its own decoding, or of spectrograms a vocoder's."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from core.models.vocoder import Vocoder
from core.signal.griffin_lim import griffin_lim
from core.signal.spectrogram_files import MelSpectrogram
from core.types import Prior

GRIFFIN_LIM = "griffin-lim"
FEWEST_FRAMES = 12  # that a vocoder is given: its transforms need neighbours

Render = Callable[[Tensor], np.ndarray]  # x `[batch, *event]` -> waveforms, float32 `[batch, frames]`


def renderer(prior: Prior, seconds: float) -> Render:
    """What makes waveforms of a prior's x; the middle of each, `seconds` long."""
    frames = round(seconds * prior.sample_rate)
    return lambda x: _middle(_waveforms(prior, x), frames)


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


def _waveforms(prior: Prior, x: Tensor) -> np.ndarray:
    decoded = prior.decode(x).float().cpu().numpy()
    if not prior.spectrograms:
        return decoded
    decoded = np.concatenate([decoded, decoded[..., -1:]], axis=-1)  # a waveform ends where its last frame stands
    return np.stack([griffin_lim(MelSpectrogram(mel, prior.front_end)) for mel in decoded])


def _middle(waveforms: np.ndarray, frames: int) -> np.ndarray:
    first = (waveforms.shape[-1] - frames) // 2
    return np.ascontiguousarray(waveforms[:, first : first + frames], dtype=np.float32)
