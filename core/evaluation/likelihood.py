"""Likelihood of held-out data under priors that count it exactly: PixelCNNs on images, WaveNets on sound.

In bits for each pixel's colour, or for each sample: -log2 p / dimensions. Each prior counts in classes of its own, so
figures of equal classes alone can be compared.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core.errors import InputError
from core.evaluation.excerpts import find_recordings, read_excerpt
from core.models.logistic_mixture import log_prob
from core.priors.pixelcnn import PixelCNNPrior
from core.priors.pixelcnnpp import PixelCNNPPPrior
from core.signal.images import coloured
from core.tasks.levels import level_gain
from core.types import AutoregressivePrior, MelCondition, Prior

ImagePrior = PixelCNNPrior | PixelCNNPPPrior
MNIST, CIFAR = (2, 1, (28, 28)), (256, 3, (32, 32))
PUBLISHED = {  # by levels, colours and size: the figure, and what it is of each method
    MNIST: ("nats_per_image", {"PixelCNN": 81.3}),
    CIFAR: ("bits_per_dimension", {"PixelCNN": 3.14, "Gated PixelCNN": 3.03, "PixelRNN": 3.0, "PixelCNN++": 2.92}),
}
SOURCES = {
    MNIST: "Published rows: van den Oord et al. 2016, of binarised MNIST in a fixed binarisation that is not here. "
    "Images of two levels are drawn here, each pixel white with the probability of its brightness.",
    CIFAR: "Published rows: van den Oord et al. 2016 and Salimans et al. 2017, of CIFAR-10's test images.",
}
CLASSES = "Figures of equal classes alone can be compared: each prior counts in its own."
TITLES = {
    "classes": "classes",
    "nats_per_image": "nats an image",
    "bits_per_dimension": "bits per dimension",
    "bits_per_sample": "bits per sample",
    "standard_error": "± standard error",
}


class LabelledImages(Protocol):
    """A batch: bytes `[batch, colours, height, width]`, and the numbers of their labels, -1 for none, `[batch]`."""

    pixels: Tensor
    label: Tensor


class ImageSplit(Protocol):
    """Images of one size, and the names of their labels."""

    names: Sequence[str]
    size: tuple[int, int]

    def held_out(self, count: int, segment: int, generator: Generator) -> Sequence[LabelledImages]:
        """So many of them, some at a time."""
        ...


@dataclass(frozen=True)
class Held:
    """Data to be counted.

    Args:
        folder: of images as training takes them, or of recordings.
        count: of images, or of recordings.
        seconds: of each recording.
        seed: of the choice of images, and of those of two levels.
    """

    folder: Path
    count: int
    seconds: float
    seed: int


def evaluate_images(prior: ImagePrior, data: ImageSplit, held: Held) -> dict:
    """Figures of so many images, told their labels where the prior knows these.

    Raises:
        InputError: images that the prior does not take.
    """
    generator = Generator().manual_seed(held.seed)
    batches = data.held_out(held.count, 0, generator)
    nats = torch.cat([_nats_of_images(prior, batch, data.names, generator) for batch in batches]).double()
    levels, colours = _classes(prior), _colours(prior)
    bits = nats / (colours * math.prod(data.size) * math.log(2))
    figures = {"nats_per_image": nats.mean().item(), "bits_per_dimension": bits.mean().item()}
    described = {"classes": levels, "colours": colours, "size": list(data.size), "examples": len(nats)}
    return described | _rounded(figures | {"standard_error": _standard_error(bits)})


def evaluate_sounds(prior: AutoregressivePrior, held: Held) -> dict:
    """Figures of so many recordings, each at the prior's level, told nothing; what a recording begins with, as far as
    one sample depends on, has no figure.

    Raises:
        InputError: no such recordings, or a network that sees what it predicts.
    """
    paths = find_recordings(held.folder, held.count, held.seconds)
    excerpts = [read_excerpt(path, prior.sample_rate, held.seconds).samples for path in paths]
    found = [_nats_of_sound(prior, samples) for samples in excerpts]
    bits = torch.cat([nats.mean()[None] for nats, _ in found]).double() / math.log(2)
    figures = {"bits_per_sample": bits.mean().item(), "standard_error": _standard_error(bits)}
    return {"classes": found[0][1], "examples": len(bits)} | _rounded(figures)


def check_countable(prior: Prior) -> None:
    """Refuses a prior whose likelihood cannot be counted.

    Raises:
        InputError: it is no network of classes, or one that has to be told a spectrogram.
    """
    if not prior.autoregressive or MelCondition in prior.conditions:
        raise InputError(f"{prior.name} counts no likelihood of its own; choose PixelCNNs, or WaveNets told nothing.")


def published(figures: Mapping[str, Mapping]) -> tuple[dict[str, dict], list[str]]:
    """Rows of papers on such images as some prior's, and what is to be said of them."""
    kinds = [(own["classes"], own["colours"], tuple(own["size"])) for own in figures.values() if "size" in own]
    rows, notes = {}, []
    for kind in dict.fromkeys(kind for kind in kinds if kind in PUBLISHED):
        figure, methods = PUBLISHED[kind]
        rows |= {f"{method} (published)": {"classes": kind[0], figure: value} for method, value in methods.items()}
        notes.append(SOURCES[kind])
    return rows, notes


def titled(rows: Mapping[str, Mapping]) -> dict[str, str]:
    """The figures that any row has, and what they are called."""
    return {figure: title for figure, title in TITLES.items() if any(figure in own for own in rows.values())}


def format_table(rows: Mapping[str, Mapping], notes: Sequence[str]) -> str:
    """Markdown: a row for every prior, and for every published figure."""
    figures = titled(rows)
    lines = [f"| | {' | '.join(figures.values())} |", "| --- " * (len(figures) + 1) + "|"]
    for name, own in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{own[key]:g}' if key in own else '-' for key in figures)} |")
    return "\n\n".join(["# Likelihood of held-out data", "\n".join(lines), *notes]) + "\n"


@torch.no_grad()
def _nats_of_images(prior: ImagePrior, images: LabelledImages, names: Sequence[str], generator: Generator) -> Tensor:
    """-log p of every image, `[batch]`."""
    pixels = coloured(images.pixels, _colours(prior))
    if isinstance(prior, PixelCNNPPPrior):
        if any(side % 4 for side in pixels.shape[2:]):
            raise InputError(f"{prior.name} takes images whose sides are multiples of 4; bring them to such a size.")
        x = prior.domain.encode(pixels.to(prior.device) / 255)
        return -log_prob(prior.clean(x), x).flatten(1).sum(dim=1).cpu()
    if _classes(prior) == 2:
        classes = (torch.rand(pixels.shape, generator=generator) * 255 < pixels).long()
    else:
        classes = prior.domain.of_bytes(pixels)
    own = torch.tensor([prior.labels.index(name) if name in prior.labels else -1 for name in names] + [-1])
    label = own[images.label].to(prior.device) if prior.labels else None  # -1 is the last
    return -prior.network.log_prob(classes.to(prior.device), label).flatten(1).sum(dim=1).cpu()


@torch.no_grad()
def _nats_of_sound(prior: AutoregressivePrior, samples: np.ndarray) -> tuple[Tensor, int]:
    """-log p of every sample of `[1, frames]` that has all before it; and the number of classes."""
    waveform = torch.from_numpy(samples * level_gain(samples, prior)).float().clamp(-1, 1)
    x = prior.encode(waveform).to(prior.device)
    logits = prior.predict(x[:, :-1], prior.levels[-1]).float()
    before = min(prior.receptive_field, logits.shape[1] - 1)
    nats = F.cross_entropy(logits.transpose(1, 2), x[:, 1:].long(), reduction="none")
    return nats[0, before:].cpu(), logits.shape[-1]


def _classes(prior: ImagePrior) -> int:
    return 256 if isinstance(prior, PixelCNNPPPrior) else prior.network.config.levels


def _colours(prior: ImagePrior) -> int:
    return (prior.clean if isinstance(prior, PixelCNNPPPrior) else prior.network).config.colours


def _standard_error(values: Tensor) -> float:
    """Of their mean; 0 of a single one."""
    return (values.std() / math.sqrt(len(values))).item() if len(values) > 1 else 0.0


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}
