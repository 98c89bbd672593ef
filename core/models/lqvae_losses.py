"""What an LQ-VAE is trained for: sounds come back, and the code between two codes is that of the two sounds' mean.

Mancusi et al. 2021, sec. 3.1, as their system computes it: the batch's first half is paired with its second.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import InputError
from core.models.lqvae import LQVAE, Quantised

SPECTRUM = (2048, 256, 1536)  # points, hop and window
SPECTRA = ((2048, 240, 1200), (1024, 120, 600), (512, 50, 240))


class Level(NamedTuple):
    """What one level makes of pairs of sounds.

    Args:
        waveform: the sounds again, `[batch, samples]`.
        sources: their codes.
        sums: the codes nearest to the means of the two sounds' codes, of half the batch.
        mixtures: the codes of the means of the two sounds.
    """

    waveform: Tensor
    sources: Quantised
    sums: Quantised
    mixtures: Quantised

    def latent_loss(self) -> Tensor:
        """How far from adding up the codes are."""
        return (self.sums.vectors - self.mixtures.vectors).square().mean()


def linearise(model: LQVAE, waveform: Tensor) -> dict[int, Level]:
    """Every level's view of a batch `[batch, samples]` and of the means of its halves, from the top level down.

    In training, each of the three times that codes are chosen moves them.

    Raises:
        InputError: a batch that has no two halves.
    """
    if len(waveform) % 2 or not len(waveform):
        raise InputError(f"Sounds are learnt in pairs, so a batch must be even, not {len(waveform)}.")
    first, second = waveform.chunk(2)
    mean = 0.5 * first + 0.5 * second
    made = {}
    for level in reversed(model.config.levels):
        codebook = model.codebook(level)
        sources = codebook(model.latents(waveform, level))
        said = model.decode_vectors(sources.vectors, level)
        one, other = sources.vectors.chunk(2)
        sums = codebook(0.5 * one + 0.5 * other)
        made[level] = Level(said, sources, sums, codebook(model.latents(mean, level)))
    return made


@dataclass(frozen=True)
class LossWeights:
    """What counts how much, and the scales of the data that losses are relative to.

    Args:
        l1, l2: of absolute and squared errors.
        worst: of the largest squared errors of each sound.
        worst_count: how many those are.
        spectral: of one resolution of the spectrum.
        multispectral: of three.
        commit: of the distances of inputs to codes.
        latent: of the distances of sums of codes to the sums' codes.
        scale_l1, scale_l2, scale_spectral: mean absolute value and variance of the data's samples, and the mean norm
            of their spectrograms.
    """

    l1: float = 0.0
    l2: float = 1.0
    worst: float = 0.02
    worst_count: int = 2048
    spectral: float = 0.0
    multispectral: float = 1.0
    commit: float = 1.0
    latent: float = 1.0
    scale_l1: float = 1.0
    scale_l2: float = 1.0
    scale_spectral: float = 1.0

    def reconstruction(self, target: Tensor, made: Tensor) -> Tensor:
        """Of samples, `[batch, samples]` both."""
        squared = (made - target).square()
        worst = squared.topk(min(self.worst_count, squared.shape[1]), dim=1).values
        relative = (self.l2 * squared.mean() + self.worst * worst.mean()) / self.scale_l2
        return relative + self.l1 * (made - target).abs().mean() / self.scale_l1


class Losses(NamedTuple):
    """Parts of the loss, of each level; without weights, but relative to their scales."""

    reconstruction: dict[int, Tensor]
    spectral: dict[int, Tensor]
    multispectral: dict[int, Tensor]
    latent: dict[int, Tensor]
    commit: Tensor
    commit_sums: Tensor

    def total(self, weights: LossWeights) -> Tensor:
        """All levels', weighted. What becomes of the mixtures' own distances to their codes is left out."""
        parts = (1.0, self.reconstruction), (weights.spectral, self.spectral), (weights.latent, self.latent)
        parts = (*parts, (weights.multispectral, self.multispectral))
        levels = sum(weight * sum(by_level.values()) for weight, by_level in parts)
        return levels + weights.commit * (self.commit + self.commit_sums)


def losses_of(waveform: Tensor, made: dict[int, Level], weights: LossWeights) -> Losses:
    """Of a batch `[batch, samples]` and what `linearise` made of it."""
    said = {level: one.waveform for level, one in made.items()}
    return Losses(
        {level: weights.reconstruction(waveform, own) for level, own in said.items()},
        {level: spectral_loss(weights, waveform, own) for level, own in said.items()},
        {level: multispectral_loss(weights, waveform, own) for level, own in said.items()},
        {level: one.latent_loss() for level, one in made.items()},
        sum(one.sources.commitment for one in made.values()),
        sum(one.sums.commitment for one in made.values()),
    )


def spectral_loss(weights: LossWeights, target: Tensor, made: Tensor) -> Tensor:
    """Mean norm of the magnitudes' difference."""
    return _distance(target, made, SPECTRUM).mean() / weights.scale_spectral


def multispectral_loss(weights: LossWeights, target: Tensor, made: Tensor) -> Tensor:
    """The same, at three resolutions."""
    distances = [_distance(target, made, resolution) for resolution in SPECTRA]
    return torch.stack(distances).mean() / weights.scale_spectral


def magnitudes(waveform: Tensor, resolution: tuple[int, int, int]) -> Tensor:
    """`[batch, samples]` -> `[batch, bins, frames]`; differentiable at silence."""
    points, hop, length = resolution
    window = torch.hann_window(length, device=waveform.device)
    spectrum = torch.stft(waveform, points, hop, win_length=length, window=window, return_complex=True)
    return torch.view_as_real(spectrum).norm(dim=-1)


def _distance(target: Tensor, made: Tensor, resolution: tuple[int, int, int]) -> Tensor:
    """Norms of the differences of magnitudes, `[batch]`."""
    return (magnitudes(target, resolution) - magnitudes(made, resolution)).flatten(1).norm(dim=1)
