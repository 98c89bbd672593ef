"""Waveforms of mel spectrograms: by the vocoder of their front-end, or by Griffin-Lim where there is none."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from core.models.vocoder import Vocoder
from core.signal.griffin_lim import griffin_lim
from core.signal.mel import MelFrontEnd
from core.signal.spectrogram_files import MelSpectrogram
from core.zoo.families import VOCODER
from core.zoo.loading import load_model
from core.zoo.manifest import catalogue

FEWEST_FRAMES = 12  # that a vocoder is given: its transforms need neighbours


def vocoder_of(front_end: MelFrontEnd, device: str) -> Vocoder | None:
    """The first vocoder of a front-end's spectrograms, bundled ones before own ones; None where there is none."""
    vocoders = (load_model(VOCODER, entry.name, device) for entry in catalogue(kind=VOCODER))
    return next((vocoder for vocoder in vocoders if vocoder.front_end == front_end), None)


def waveform_of(spectrogram: MelSpectrogram, vocoder: Vocoder | None) -> np.ndarray:
    """Of a spectrogram as a whole, float32 `[frames]`.

    Args:
        vocoder: of its front-end; None for Griffin-Lim.
    """
    return griffin_lim(spectrogram) if vocoder is None else np.concatenate(list(play(vocoder, spectrogram)))


def play(
    vocoder: Vocoder, spectrogram: MelSpectrogram, seed: int = 0, pitch: Tensor | None = None
) -> Iterator[np.ndarray]:
    """A vocoder's waveform of a spectrogram in consecutive pieces, float32 `[frames]`; the first is there at once.

    Args:
        spectrogram: of the vocoder's own front-end.
        seed: of its noise.
        pitch: see `Vocoder.stream`; for FEWEST_FRAMES or more.
    """
    mel, samples, device = spectrogram.decades.astype(np.float32), spectrogram.samples, vocoder.device
    mel = np.pad(mel, ((0, 0), (0, max(0, FEWEST_FRAMES - mel.shape[1]))), mode="edge")
    noise = torch.randn(1, (mel.shape[1] - 1) * vocoder.hop_length, generator=torch.Generator().manual_seed(seed))
    made = 0
    for piece in vocoder.stream(torch.from_numpy(mel)[None].to(device), noise.to(device), pitch=pitch):
        yield piece[0, : samples - made].cpu().numpy()
        made += piece.shape[1]
