"""What each layer of a model that draws step by step sees, from one sample of a sound or one pixel of an image; for
teaching. What it sees is found by gradient (`core.models.receptive_field`)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from core.errors import InputError
from core.models.receptive_field import Sight, of_onehot_wavenet, of_pixelcnn, of_wavenet
from core.priors.onehot_wavenet import OneHotWaveNetPrior
from core.priors.pixelcnn import PixelCNNPrior
from core.priors.wavenet import WaveNetLadder, WaveNetPrior
from core.signal.clip import Clip
from core.tasks.inspection import prepare
from core.types import AutoregressivePrior

BEYOND = 1 / 16  # of the field is shown before its beginning


@dataclass(frozen=True)
class SoundLook:
    """A sample of a sound, and the stretch before it that layers may see.

    Args:
        prior: that looks.
        clip: the sound at the prior's rate and level, mono.
        at: the sample that is predicted.
        first: the first sample of the stretch, which ends before `at`.
    """

    prior: AutoregressivePrior
    clip: Clip
    at: int
    first: int

    def sights(self) -> Iterator[Sight]:
        """What each layer sees of the stretch, from the first layer to the prediction."""
        prior, waveform = self.prior, torch.from_numpy(self.clip.samples[:, self.first : self.at].copy())
        x = prior.encode(waveform.to(prior.device))
        if isinstance(prior, OneHotWaveNetPrior):
            return of_onehot_wavenet(prior.network, x.long())
        told = x.new_zeros(1) if prior.model.config.noise_conditional else None
        return of_wavenet(prior.model, x, told)


def look_at_sound(clip: Clip, prior: str, seconds: float, device: str = "auto") -> SoundLook:
    """What a WaveNet sees where it predicts the sample at so many seconds of the clip.

    Args:
        clip: mixed to mono and brought to the prior's rate; at most 4 s of it are looked at.

    Raises:
        InputError: an unknown prior or one that does not draw sample by sample, silence, or a time outside the clip.
    """
    network, waveform = prepare(clip, prior, device)
    if isinstance(network, WaveNetLadder):
        network = network.finest
    one_hot = isinstance(network, OneHotWaveNetPrior)
    if not isinstance(network, WaveNetPrior | OneHotWaveNetPrior) or network.front_end is not None:
        raise InputError(f"{prior} does not draw a sound from its own past alone; choose a WaveNet.")
    if one_hot and network.network.config.legacy:
        raise InputError(f"{prior} sees the samples that it predicts; choose another WaveNet.")
    frames, at = waveform.shape[1], round(seconds * network.sample_rate)
    if not 1 <= at < frames:
        raise InputError(f"{seconds:g} s lies outside the {frames / network.sample_rate:.2f} s that are looked at.")
    first = max(at - round(network.receptive_field * (1 + BEYOND)), 0)
    return SoundLook(network, Clip(waveform.cpu().numpy(), network.sample_rate), at, first)


def look_at_image(
    image: np.ndarray, prior: PixelCNNPrior, row: int, column: int, label: str | None = None
) -> Iterator[Sight]:
    """What each block of a PixelCNN sees where it predicts a pixel, from the first block to the prediction.

    Args:
        image: in the prior's colours, in [0, 1], `[colours, height, width]`.
        label: that the prior is told.

    Raises:
        InputError: a pixel outside the image.
    """
    height, width = image.shape[1:]
    if not (0 <= row < height and 0 <= column < width):
        raise InputError(f"Pixel {row}, {column} lies outside the image of {height} rows and {width} columns.")
    classes = prior.domain.encode(torch.from_numpy(image).to(prior.device))[None]
    told = None if label is None else torch.tensor([prior.labels.index(label)], device=prior.device)
    return of_pixelcnn(prior.network, classes, row, column, told)
