"""Objective of the sound classifier: which label a short sound has, whoever says it and however it was recorded.

Every class is drawn equally often. Sounds are played faster or slower and moved, are louder or quieter, have their
spectra tilted and masked, and get noise of random strength and colour, as of other voices, rooms and recorders.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core.errors import InputError
from core.models.sound_classifier import HEARD, WINDOW, SoundClassifier
from core.training.objective import Objective
from core.training.objectives.mel_examples import MelExamples, ShortSounds, names_in

LEVEL, TILT, BEND = 0.1, 0.15, 0.15  # standard deviations of a spectrum's level, slope and curve, in decades
NOISE = (-4.0, -1.7)  # decades of magnitude: fainter than what is heard, and a tenth of a vowel
COLOUR = 0.5  # standard deviation of its slope, in decades at the ends of the band
LONGEST_MASK, WIDEST_MASK = 16, 6  # frames, bands
SMOOTHED = 0.02  # of the probability, spread over all labels: scores that take logarithms stay finite and calm


class SoundClassObjective(Objective):
    """Cross entropy of the labels, smoothed (Szegedy et al. 2016)."""

    architecture = "sound-classifier"

    def __init__(self):
        self.labels: list[str] = []

    def open_data(self, folder: Path, split: str) -> ShortSounds:
        """Of a pack; the split that is opened first, that of training, says which labels there are.

        Raises:
            InputError: nothing to tell apart.
        """
        pack = super().open_data(folder, split)
        self.labels = self.labels or names_in(pack, fewest=1)[0]
        if len(self.labels) < 2:
            raise InputError(f"The data in {folder} has no two labels to tell apart; put each in a folder of its own.")
        return ShortSounds(pack, HEARD, self.labels, [])

    def build(self, config: dict) -> SoundClassifier:
        """A fresh network; the labels become part of the configuration."""
        config["labels"] = self.labels
        return SoundClassifier(**config)

    def prepare(self, model: SoundClassifier, data: ShortSounds, segment: int, generator: Generator) -> None:
        """Nothing but a check.

        Raises:
            InputError: segments are not as long as what the network hears.
        """
        if segment != WINDOW:
            raise InputError(f"training.segment must be {WINDOW} samples, as much as the classifier hears.")

    def loss(self, model: SoundClassifier, examples: MelExamples, generator: Generator) -> tuple[Tensor, dict]:
        """Of spectrograms that are changed at random."""
        log_probabilities = model.train()(changed(examples.mel, generator))
        right = (log_probabilities.argmax(dim=1) == examples.label - 1).float().mean()
        loss = F.cross_entropy(log_probabilities, examples.label - 1, label_smoothing=SMOOTHED)
        return loss, {"right_percent": 100 * right.item()}

    @torch.no_grad()
    def validate(self, model: SoundClassifier, examples: Sequence[MelExamples], generator: Generator) -> dict:
        """The share of sounds, as they are, whose label is found."""
        log_probabilities = model.eval()(torch.cat([example.mel for example in examples]))
        label = torch.cat([example.label for example in examples]) - 1
        right = (log_probabilities.argmax(dim=1) == label).float().mean()
        return {"right_percent": 100 * right.item(), "nats": F.nll_loss(log_probabilities, label).item()}


def changed(mel: Tensor, generator: Generator) -> Tensor:
    """Log10 mel spectrograms `[batch, bands, frames]`, each with another slope, noise and gaps."""
    batch, bands, frames = mel.shape
    place = torch.linspace(-1, 1, bands).to(mel)  # of the bands
    gain, tilt, bend, colour = torch.randn(4, batch, 1, 1, generator=generator).to(mel)
    shape = LEVEL * gain + TILT * tilt * place[:, None] + BEND * bend * (1.5 * place[:, None] ** 2 - 0.5)
    quietest, loudest = NOISE
    level = quietest + (loudest - quietest) * torch.rand(batch, 1, 1, generator=generator).to(mel)
    noise = 10 ** (level + COLOUR * colour * place[:, None]) * torch.randn(mel.shape, generator=generator).to(mel)
    mel = (100 ** (mel + shape) + noise**2).log10() / 2  # powers add up
    mel = mel.masked_fill(_stretch(batch, frames, LONGEST_MASK, generator).to(mel.device)[:, None], -torch.inf)
    mel = mel.masked_fill(_stretch(batch, bands, WIDEST_MASK, generator).to(mel.device)[..., None], -torch.inf)
    return mel.clamp_min(torch.tensor(HEARD.floor).log10().item())


def _stretch(batch: int, length: int, longest: int, generator: Generator) -> Tensor:
    """True in one random stretch of each row, `[batch, length]`."""
    size = torch.randint(longest + 1, (batch, 1), generator=generator)
    start = torch.randint(length, (batch, 1), generator=generator)
    place = torch.arange(length)
    return (place >= start) & (place < start + size)
